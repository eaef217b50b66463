"""Offsets from a point → segments."""

from __future__ import annotations

import torch
from torch import Tensor


def decode_offsets(times: Tensor, strides: Tensor, offsets: Tensor) -> Tensor:
    """Points (...,) in grid steps and offsets (..., 2) → segments (..., 2) in grid steps.

    Offsets are the distances from a point to the start and to the end of its segment, in strides (...,) of its level.
    """
    start, end = (offsets * strides[..., None]).unbind(-1)
    return torch.stack([times - start, times + end], dim=-1)
