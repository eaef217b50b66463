"""Segments ↔ offsets from a point."""

from __future__ import annotations

import torch
from torch import Tensor

from mmdel.registry import TASK_UTILS


@TASK_UTILS.register_module()
class SegmentCoder:
    """Offsets are the distances from a point to the start and to the end of its segment, in strides of its level.

    ``coder.decode(times, strides, coder.encode(times, strides, segments)) == segments``.
    """

    def encode(self, times: Tensor, strides: Tensor, segments: Tensor) -> Tensor:
        """Points (...,) in grid steps and segments (..., 2) in grid steps → offsets (..., 2) in strides."""
        return torch.stack([times - segments[..., 0], segments[..., 1] - times], dim=-1) / strides[..., None]

    def decode(self, times: Tensor, strides: Tensor, offsets: Tensor) -> Tensor:
        """Points (...,) and offsets (..., 2) in strides → segments (..., 2) in grid steps."""
        start, end = (offsets * strides[..., None]).unbind(-1)
        return torch.stack([times - start, times + end], dim=-1)
