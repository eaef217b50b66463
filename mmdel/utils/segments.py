"""Pure functions on segments as arrays; ``mmdel.structures`` has those on tensors."""

from __future__ import annotations

import numpy as np


def segment_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Temporal intersection over union (tIoU) of ``a`` (..., 2) and ``b`` (..., 2), in [0, 1], with broadcasting.

    A reversed segment has length 0, and two segments of length 0 have tIoU 0.
    """
    intersection = np.maximum(0, np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]))
    lengths = [np.maximum(0, x[..., 1] - x[..., 0]) for x in (a, b)]
    union = lengths[0] + lengths[1] - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def covered_length(segments: np.ndarray) -> float:
    """How much of the axis segments (N, 2) cover together; where several overlap it counts once."""
    starts, ends = segments[segments[:, 0].argsort(kind='stable')].T
    reached = np.append(-np.inf, np.maximum.accumulate(ends)[:-1])  # how far those before reach
    return float((ends - np.maximum(starts, reached)).clip(min=0.0).sum()) if len(segments) else 0.0
