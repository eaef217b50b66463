"""Events of many videos as flat arrays: what every measure of this package takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from mmdel.utils.segments import segment_iou

# Pairs are listed in blocks of about so many, which bounds the memory of crowded videos.
BLOCK_PAIRS = 2**21
Table = TypeVar('Table', bound='_Events')


@dataclass(frozen=True)
class _Events:
    """N events as columns of one length.

    Args:
        videos: (N,) number of the video of each event.
        labels: (N,) number of its class.
        segments: (N, 2) start and end in seconds.

    Raises:
        ValueError: If the shapes do not fit together, or a segment is not finite or reversed.
    """

    videos: np.ndarray
    labels: np.ndarray
    segments: np.ndarray

    def __post_init__(self) -> None:
        for name, column in list(vars(self).items()):
            dtype = {'ignored': bool, 'videos': np.int64, 'labels': np.int64}.get(name, np.float64)
            column = np.asarray(column, dtype)
            object.__setattr__(self, name, column.reshape(-1, 2) if name == 'segments' and not column.size else column)
        kind, num = type(self).__name__, len(self.labels)
        shapes = {name: column.shape for name, column in vars(self).items()}
        if any(shape != ((num, 2) if name == 'segments' else (num,)) for name, shape in shapes.items()):
            raise ValueError(f'{kind} needs columns of one length and segments (N, 2), got {shapes}')
        if not np.isfinite(self.segments).all() or (self.segments[:, 1] < self.segments[:, 0]).any():
            raise ValueError(f'{kind} needs finite segments with start <= end')

    def __len__(self) -> int:
        return len(self.labels)

    def select(self: Table, index: np.ndarray) -> Table:
        """The events at ``index`` (bool mask or places)."""
        return type(self)(*(column[index] for column in vars(self).values()))


@dataclass(frozen=True)
class GroundTruth(_Events):
    """N true events, whose labels are >= 0; an ignored event of label −1 concerns every class.

    Args:
        ignored: (N,) bool: neither has to be found nor makes a prediction wrong. None: none is.

    Raises:
        ValueError: As for all events, or if a counted event has no class.
    """

    ignored: np.ndarray = None  # type: ignore[assignment]  # filled in below

    def __post_init__(self) -> None:
        ignored = np.zeros(len(self.labels)) if self.ignored is None else self.ignored
        object.__setattr__(self, 'ignored', ignored)
        super().__post_init__()
        if (self.labels[~self.ignored] < 0).any():
            raise ValueError('a true event without a class (label < 0) must be an ignored one')

    def without_repeats(self, within_sec: float) -> GroundTruth:
        """Each event once: of those of one video and class that begin and end within so many seconds, the first.

        An event that is left out makes no other one a repeat.
        """
        order = np.lexsort((self.segments[:, 0], self.ignored, self.labels, self.videos))
        groups = np.stack([self.videos, self.labels, self.ignored], axis=1)[order]
        segments, pairs = self.segments[order], []
        for apart in range(1, len(order)):
            near = (groups[apart:] == groups[:-apart]).all(axis=1)
            near &= segments[apart:, 0] - segments[:-apart, 0] <= within_sec
            if not near.any():
                break
            near &= np.abs(segments[apart:, 1] - segments[:-apart, 1]) <= within_sec
            pairs.append(np.stack([order[:-apart][near], order[apart:][near]], axis=1))
        kept = np.ones(len(order), dtype=bool)
        for later, earlier in sorted(
            (max(pair), min(pair)) for pair in np.concatenate([*pairs, np.empty((0, 2), int)])
        ):
            kept[later] &= not kept[earlier]
        return GroundTruth(self.videos[kept], self.labels[kept], self.segments[kept], self.ignored[kept])


@dataclass(frozen=True)
class Predictions(_Events):
    """P predicted events.

    Args:
        scores: (P,) the higher the surer.

    Raises:
        ValueError: As for all events, or if a score is NaN.
    """

    scores: np.ndarray

    def __post_init__(self) -> None:
        super().__post_init__()
        if np.isnan(self.scores).any():
            raise ValueError(f'{np.isnan(self.scores).sum()} of {len(self.scores)} predicted scores are NaN')

    def by_score(self) -> np.ndarray:
        """Places (P,) by descending score; of equal scores by video, start and end."""
        return np.lexsort((self.segments[:, 1], self.segments[:, 0], self.videos, -self.scores))


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
    keys = truth.videos, predictions.videos
    if same_class:
        num_labels = 1 + max(truth.labels.max(initial=0), predictions.labels.max(initial=0))
        keys = keys[0] * num_labels + truth.labels, keys[1] * num_labels + predictions.labels
    true_order = np.argsort(keys[0], kind='stable')
    begin, end = (np.searchsorted(keys[0][true_order], keys[1], side) for side in ('left', 'right'))
    count = end - begin
    candidates = np.flatnonzero(count)
    ends = np.cumsum(count[candidates])
    num_blocks = int(ends[-1] // BLOCK_PAIRS) + 1 if len(ends) else 0
    blocks = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for block in np.split(candidates, np.searchsorted(ends, BLOCK_PAIRS * np.arange(1, num_blocks))):
        sizes = count[block]
        offset = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        pred = np.repeat(block, sizes)
        true = true_order[np.repeat(begin[block], sizes) + offset]
        iou = segment_iou(predictions.segments[pred], truth.segments[true])
        keep = (iou >= min_iou) & (iou > 0)
        blocks.append((pred[keep], true[keep], iou[keep]))
    pred, true, iou = (np.concatenate(column) for column in zip(*blocks, strict=True))
    return pred, true, iou
