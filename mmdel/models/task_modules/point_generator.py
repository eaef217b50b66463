"""The points of the temporal pyramid: where an anchor-free head predicts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from mmdel.registry import TASK_UTILS


class Points(NamedTuple):
    """P points over all levels, finest level first.

    Attributes:
        times: (P,) float32, grid time of a point in finest-level steps.
        strides: (P,) float32, 2^l of the point's level l.
        ranges: (P, 2) float32, the regression range of its level in finest-level steps.
    """

    times: Tensor
    strides: Tensor
    ranges: Tensor


@lru_cache(maxsize=32)  # lengths come again and again; made anew, they would be copied to the device at every step
@torch.inference_mode(False)  # what is made while predicting serves training, too
def point_levels(lengths: tuple[int, ...], device: torch.device) -> Tensor:
    """The level (P,) int64 of each point, for the padded lengths T_l of the levels."""
    return torch.arange(len(lengths), device=device).repeat_interleave(torch.tensor(lengths, device=device))


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _points(lengths: tuple[int, ...], ranges: tuple[tuple[float, float], ...], device: torch.device) -> Points:
    levels = point_levels(lengths, device)
    strides = 2.0**levels
    times = torch.cat([torch.arange(length, device=device) for length in lengths]) * strides
    return Points(times, strides, torch.tensor(ranges, dtype=torch.float32, device=device)[levels])


@TASK_UTILS.register_module()
class PointGenerator:
    """Generates one point for each step t of each level l, at grid time t · 2^l.

    Args:
        regress_ranges: (low, high) for each level in finest-level steps: an event belongs to the levels whose range
            holds the larger of its two distances from the point.

    Raises:
        ValueError: If a range is reversed.
    """

    def __init__(self, regress_ranges: Sequence[tuple[float, float]]) -> None:
        for low, high in regress_ranges:
            if not 0 <= low < high:
                raise ValueError(f'a regression range must be 0 <= low < high, got ({low}, {high})')
        self.regress_ranges = tuple((low, high) for low, high in regress_ranges)

    @property
    def num_levels(self) -> int:
        """Levels L of the pyramid."""
        return len(self.regress_ranges)

    def __call__(self, lengths: Sequence[int], device: torch.device) -> Points:
        """Padded lengths T_l of the L levels → their points, not to be written to.

        Raises:
            ValueError: If the number of levels differs from that of the ranges.
        """
        if len(lengths) != self.num_levels:
            raise ValueError(f'got {len(lengths)} feature levels for {self.num_levels} regression ranges')
        return _points(tuple(lengths), self.regress_ranges, device)
