"""From the outputs of a model's graph to candidates, in numpy: what ``mmdel.AnchorFreeHead`` does with them.

T steps, L levels, P = Σ ceil(T / 2^l) points, C classes, R = C for class-aware regression, else 1, K candidates.
"""

from __future__ import annotations

import numpy as np

from mmdel.runtime.onnx_settings import OnnxSettings
from mmdel.runtime.suppression import Candidates


def find_candidates(
    cls_logits: np.ndarray, offsets: np.ndarray, own: np.ndarray, num_levels: int, max_num: int
) -> Candidates:
    """The best points and classes of a video or window, before anything is left out; segments in grid steps.

    Args:
        cls_logits: (P, C).
        offsets: (P, R, 2) >= 0, the distances to start and end in strides of the point's level.
        own: (T,) bool, the steps whose points count.
        num_levels: L.
        max_num: Most candidates.
    """
    strides = np.concatenate([np.full(-(-len(own) // 2**level), 2.0**level) for level in range(num_levels)])
    times = np.concatenate([np.arange(0, len(own), 2**level, dtype=np.float64) for level in range(num_levels)])
    counts = np.concatenate([own[:: 2**level] for level in range(num_levels)])
    (points,) = np.nonzero(counts)
    logits = cls_logits[points].astype(np.float32).ravel()
    flat = _best(logits, max_num)
    place, labels = np.divmod(flat, cls_logits.shape[1])
    index = points[place]
    distances = offsets[index, labels if offsets.shape[1] > 1 else 0].astype(np.float64) * strides[index, None]
    segments = times[index, None] + distances * [-1.0, 1.0]
    return Candidates(segments, sigmoid(logits[flat]), labels)


def likely(found: Candidates, settings: OnnxSettings) -> Candidates:
    """The candidates of enough score and length."""
    lengths = np.maximum(found.segments[:, 1] - found.segments[:, 0], 0)
    return found.take(np.flatnonzero((found.scores > settings.pre_nms_score) & (lengths > settings.min_length)))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), without overflow."""
    return 1 / (1 + np.exp(-logits.clip(-80, 80)))


def _best(values: np.ndarray, max_num: int) -> np.ndarray:
    """Where the largest values are, in descending order."""
    if len(values) > max_num:
        top = np.sort(np.argpartition(-values, max_num)[:max_num])
        return top[np.argsort(-values[top], kind='stable')]
    return np.argsort(-values, kind='stable')
