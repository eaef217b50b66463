"""The points of the temporal pyramid: where an anchor-free head predicts."""

from __future__ import annotations

from collections.abc import Sequence
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
        """Padded lengths T_l of the L levels → their points.

        Raises:
            ValueError: If the number of levels differs from that of the ranges.
        """
        if len(lengths) != self.num_levels:
            raise ValueError(f'got {len(lengths)} feature levels for {self.num_levels} regression ranges')
        times, strides, ranges = [], [], []
        # All of it is made where it is needed: a copy would have to wait for the device.
        for level, (length, (low, high)) in enumerate(zip(lengths, self.regress_ranges, strict=True)):
            stride = torch.full((length,), 2.0**level, device=device)
            strides.append(stride)
            times.append(torch.arange(length, device=device) * stride)
            ranges.append(torch.stack([torch.full_like(stride, low), torch.full_like(stride, high)], dim=1))
        return Points(torch.cat(times), torch.cat(strides), torch.cat(ranges))
