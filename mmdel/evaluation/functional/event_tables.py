"""Events of many videos as flat arrays: what every measure of this package takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# Pairs are listed in blocks of about so many, which bounds the memory of crowded videos.
BLOCK_PAIRS = 2**21


@dataclass(frozen=True)
class GroundTruth:
    """N true events.

    Args:
        videos: (N,) number of the video of each event.
        labels: (N,) number of its class, >= 0; an ignored event of label −1 concerns every class.
        segments: (N, 2) start and end in seconds.
        ignored: (N,) bool: neither has to be found nor makes a prediction wrong. None: none is.

    Raises:
        ValueError: If the shapes do not fit together, a segment is not finite or reversed, or a counted event has no
            class.
    """

    videos: np.ndarray
    labels: np.ndarray
    segments: np.ndarray
    ignored: np.ndarray = None  # type: ignore[assignment]  # filled in below

    def __post_init__(self) -> None:
        ignored = np.zeros(len(self.labels), dtype=bool) if self.ignored is None else np.asarray(self.ignored, bool)
        object.__setattr__(self, 'ignored', ignored)
        _check_columns(self, 'ignored')
        if (self.labels[~ignored] < 0).any():
            raise ValueError('a true event without a class (label < 0) must be an ignored one')

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, index: np.ndarray) -> GroundTruth:
        """The events at ``index`` (bool mask or places)."""
        return GroundTruth(self.videos[index], self.labels[index], self.segments[index], self.ignored[index])


@dataclass(frozen=True)
class Predictions:
    """P predicted events.

    Args:
        videos: (P,) number of the video, counted as in the ground truth.
        labels: (P,) number of the class.
        segments: (P, 2) start and end in seconds.
        scores: (P,) the higher the surer.

    Raises:
        ValueError: If the shapes do not fit together, a score is NaN, or a segment is not finite or reversed.
    """

    videos: np.ndarray
    labels: np.ndarray
    segments: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, 'scores', np.asarray(self.scores, dtype=np.float64))
        _check_columns(self, 'scores')
        if np.isnan(self.scores).any():
            raise ValueError(f'{np.isnan(self.scores).sum()} of {len(self.scores)} predicted scores are NaN')

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, index: np.ndarray) -> Predictions:
        """The predictions at ``index`` (bool mask or places)."""
        return Predictions(self.videos[index], self.labels[index], self.segments[index], self.scores[index])

    def by_score(self) -> np.ndarray:
        """Places (P,) by descending score; of equal scores by video, start and end."""
        return np.lexsort((self.segments[:, 1], self.segments[:, 0], self.videos, -self.scores))


def _check_columns(table: GroundTruth | Predictions, last: str) -> None:
    for name, dtype in (('videos', np.int64), ('labels', np.int64), ('segments', np.float64)):
        object.__setattr__(table, name, np.asarray(getattr(table, name), dtype=dtype))
    kind, num = type(table).__name__, len(table.labels)
    if table.segments.size == 0:
        object.__setattr__(table, 'segments', table.segments.reshape(-1, 2))
    shapes = {name: getattr(table, name).shape for name in ('videos', 'labels', 'segments', last)}
    if any(shape != ((num, 2) if name == 'segments' else (num,)) for name, shape in shapes.items()):
        raise ValueError(f'{kind} needs columns of one length and segments (N, 2), got {shapes}')
    if not np.isfinite(table.segments).all() or (table.segments[:, 1] < table.segments[:, 0]).any():
        raise ValueError(f'{kind} needs finite segments with start <= end')


def segment_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """tIoU of segments ``a`` (..., 2) and ``b`` (..., 2) with broadcasting; 0 for two of no length."""
    intersection = np.maximum(0, np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]))
    union = (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0]) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def overlapping_pairs(
    truth: GroundTruth, predictions: Predictions, same_class: bool = True, min_iou: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of a prediction and a true event of its video that overlap.

    Args:
        truth: N true events.
        predictions: P predictions.
        same_class: Only pairs of one class.
        min_iou: Only pairs with a tIoU of at least this, and always more than 0.

    Returns:
        Of each pair the place of the prediction, the place of the true event, and their tIoU, all (n,), ordered by
        the prediction's place and then the event's.
    """
    blocks = [(pred, true, iou) for pred, true, iou in _pairs(truth, predictions, same_class, min_iou) if len(pred)]
    if not blocks:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    pred, true, iou = (np.concatenate(column) for column in zip(*blocks, strict=True))
    return pred, true, iou


def _pairs(truth: GroundTruth, predictions: Predictions, same_class: bool, min_iou: float) -> Iterator[tuple]:
    """The pairs of :func:`overlapping_pairs`, block by block."""
    if same_class:
        num_labels = 1 + max(truth.labels.max(initial=0), predictions.labels.max(initial=0))
        true_keys = truth.videos * num_labels + truth.labels
        pred_keys = predictions.videos * num_labels + predictions.labels
    else:
        true_keys, pred_keys = truth.videos, predictions.videos
    true_order = np.argsort(true_keys, kind='stable')
    sorted_keys = true_keys[true_order]
    begin = np.searchsorted(sorted_keys, pred_keys, side='left')
    count = np.searchsorted(sorted_keys, pred_keys, side='right') - begin
    candidates = np.flatnonzero(count)
    ends = np.cumsum(count[candidates])
    num_blocks = int(ends[-1] // BLOCK_PAIRS) + 1 if len(ends) else 0
    for block in np.split(candidates, np.searchsorted(ends, BLOCK_PAIRS * np.arange(1, num_blocks))):
        sizes = count[block]
        offset = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        pred = np.repeat(block, sizes)
        true = true_order[np.repeat(begin[block], sizes) + offset]
        iou = segment_iou(predictions.segments[pred], truth.segments[true])
        keep = (iou >= min_iou) & (iou > 0)
        yield pred[keep], true[keep], iou[keep]
