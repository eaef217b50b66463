"""The points of the temporal pyramid: where an anchor-free head predicts."""

from __future__ import annotations

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
        levels: (P,) int64, its level l.
    """

    times: Tensor
    strides: Tensor
    ranges: Tensor
    levels: Tensor


@TASK_UTILS.register_module()
class PointGenerator:
    """Generates one point for each step t of each level l, at grid time t · 2^l.

    Args:
        regress_ranges: (low, high) for each level in finest-level steps: an event belongs to the levels whose range
            holds the larger of its two distances from the point.

    Raises:
        ValueError: If a range is reversed.
    """

    def __init__(self, regress_ranges: list[tuple[float, float]]) -> None:
        for low, high in regress_ranges:
            if not 0 <= low < high:
                raise ValueError(f'a regression range must be 0 <= low < high, got ({low}, {high})')
        self.regress_ranges = [tuple(item) for item in regress_ranges]

    @property
    def num_levels(self) -> int:
        """Levels L of the pyramid."""
        return len(self.regress_ranges)

    def __call__(self, lengths: list[int], device: torch.device | None = None) -> Points:
        """Padded lengths T_l of the L levels → their points.

        Raises:
            ValueError: If the number of levels differs from that of the ranges.
        """
        if len(lengths) != self.num_levels:
            raise ValueError(f'got {len(lengths)} feature levels for {self.num_levels} regression ranges')
        levels = torch.arange(self.num_levels).repeat_interleave(torch.tensor(lengths))
        strides = 2.0**levels
        times = torch.cat([torch.arange(length) for length in lengths]) * strides
        ranges = torch.tensor(self.regress_ranges, dtype=torch.float32)[levels]
        return Points(*(item.to(device, non_blocking=True) for item in (times, strides.float(), ranges, levels)))
