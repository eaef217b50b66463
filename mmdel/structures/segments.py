"""Pure functions on segments as tensors; :mod:`mmdel.utils.segments` has those on arrays.

A segment is a (start, end) pair in the last dimension of a tensor; its unit (seconds or grid steps) is
the caller's. Shapes: N, M segments; any leading dimensions broadcast.
"""

from __future__ import annotations

import torch
from torch import Tensor


def segment_length(segments: Tensor) -> Tensor:
    """Lengths ``(...)`` of segments ``(..., 2)``; a reversed segment has length 0."""
    return (segments[..., 1] - segments[..., 0]).clamp(min=0)


def segment_intersection(a: Tensor, b: Tensor) -> Tensor:
    """Length of the overlap of ``a`` (..., 2) with ``b`` (..., 2), element by element with broadcasting."""
    start = torch.maximum(a[..., 0], b[..., 0])
    end = torch.minimum(a[..., 1], b[..., 1])
    return (end - start).clamp(min=0)


def segment_iou(a: Tensor, b: Tensor) -> Tensor:
    """Temporal intersection over union (tIoU) of ``a`` (..., 2) and ``b`` (..., 2), in [0, 1], with broadcasting.

    Two segments of length 0 have tIoU 0. For all pairs of (N, 2) and (M, 2) call
    ``segment_iou(a[:, None], b[None])``.
    """
    intersection = segment_intersection(a, b)
    union = segment_length(a) + segment_length(b) - intersection
    return intersection / union.clamp(min=torch.finfo(union.dtype).tiny)


def inside_any(times: Tensor, segments: Tensor) -> Tensor:
    """Whether times (P,) lie in any of the segments (..., N, 2), ends included: (..., P) bool. In NaN lies nothing."""
    start, end = segments[..., None, :, :].unbind(-1)  # (..., 1, N)
    return ((start <= times[:, None]) & (times[:, None] <= end)).any(-1)
