"""Non-maximum suppression of the segments of one video, in numpy: what ``mmdel.SegmentNMS`` computes.

K candidates, N of them that count, G groups of candidates that compete, W the largest group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

METHODS = ('soft_gaussian', 'soft_linear', 'hard', None)
ROUNDS_PER_COMPACTION = 8
VOTING_CHUNK_PAIRS = 2**22
MAX_NUM = 2**20


class Candidates(NamedTuple):
    """Segments with a class and a score.

    Attributes:
        segments: (K, 2) float64, in any unit.
        scores: (K,) float32; 0 is no candidate.
        labels: (K,) int64.
    """

    segments: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> Candidates:
        """Those at some places."""
        return Candidates(self.segments[rows], self.scores[rows], self.labels[rows])


@dataclass(frozen=True)
class SegmentSuppression:
    """Greedy suppression of overlapping segments, see ``mmdel.models.task_modules.SegmentNMS``, whose arguments it has.

    Raises:
        ValueError: If an argument is out of its range.
    """

    method: str | None = 'soft_gaussian'
    sigma: float = 0.5
    iou_threshold: float = 0.1
    min_score: float = 0.001
    max_num: int = 200
    class_aware: bool = True
    voting_threshold: float | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f'method must be one of {METHODS}, got {self.method!r}')
        if not 0 < self.sigma <= MAX_NUM:
            raise ValueError(f'sigma must be positive and at most {MAX_NUM}, got {self.sigma!r}')
        if not isinstance(self.max_num, int) or isinstance(self.max_num, bool) or not 0 < self.max_num <= MAX_NUM:
            raise ValueError(f'max_num must be a whole number from 1 to {MAX_NUM}, got {self.max_num!r}')
        for name in ('iou_threshold', 'min_score', 'voting_threshold'):
            value = getattr(self, name)
            if (value is not None or name != 'voting_threshold') and not 0 <= value <= 1:
                raise ValueError(f'{name} must lie in [0, 1], got {value!r}')

    def __call__(self, candidates: Candidates) -> Candidates:
        """What is kept of a video's candidates, by descending score, at most ``max_num``.

        Of equal scores the one with the higher original score goes first, then the one that comes first in the input.
        """
        valid = (candidates.scores > 0) & np.isfinite(candidates.scores) & np.isfinite(candidates.segments).all(axis=1)
        found = candidates.take(np.flatnonzero(valid))
        found = found.take(_descending(found.scores))
        groups = found.labels if self.class_aware else np.zeros_like(found.labels)
        kept_scores = self._suppress(found, groups)
        kept = np.flatnonzero(kept_scores)
        kept = kept[_descending(kept_scores[kept])][: self.max_num]
        segments = found.segments[kept]
        if self.voting_threshold is not None and len(kept):
            segments = self._vote(segments, groups[kept], found, groups, self.voting_threshold)
        return Candidates(segments, kept_scores[kept], found.labels[kept])

    def _suppress(self, found: Candidates, groups: np.ndarray) -> np.ndarray:
        """The score with which each candidate (N,), given by descending score, is kept; 0 if it is not."""
        scores = found.scores * (found.scores >= self.min_score)
        if self.method is None or not len(scores):
            return scores
        order = np.argsort(groups, kind='stable')
        starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
        counts = np.diff(np.append(starts, len(order)))
        kept = np.zeros_like(scores)
        # Groups of like size share a padded table, so that one crowded class does not widen the rows of all others.
        size_class = np.log2(np.maximum(counts, 8) - 1).astype(np.int64)
        for size in np.unique(size_class):
            rows = size_class == size
            column = np.arange(counts[rows].max())
            table = order[np.minimum(starts[rows, None] + column, len(order) - 1)]
            self._suppress_table(found.segments[table], scores[table] * (column < counts[rows, None]), table, kept)
        return kept

    def _suppress_table(self, segments: np.ndarray, scores: np.ndarray, table: np.ndarray, kept: np.ndarray) -> None:
        """Suppress groups side by side and write the final scores to ``kept``.

        Args:
            segments: (G, W, 2).
            scores: (G, W), 0 = padding; each row by descending score.
            table: (G, W) place of each candidate in ``kept``.
            kept: (N,) written at the places of the candidates that are kept.
        """
        starts, ends = segments[..., 0], segments[..., 1]
        for round_ in range(min(self.max_num, scores.shape[1])):
            if round_ % ROUNDS_PER_COMPACTION == 0 and round_:
                alive = scores >= self.min_score
                rows, width = alive.any(axis=1), alive.sum(axis=1).max()
                if not width:
                    break
                front = np.argsort(~alive[rows], axis=1, kind='stable')[:, :width]
                starts, ends, scores, table = (
                    np.take_along_axis(x[rows], front, axis=1) for x in (starts, ends, scores, table)
                )
            column = scores.argmax(axis=1)[:, None]
            best, place = (np.take_along_axis(x, column, axis=1) for x in (scores, table))
            valid = (best >= self.min_score) & (best > 0)
            kept[place[valid]] = best[valid]
            scores = self._decay(scores, starts, ends, column)
            np.put_along_axis(scores, column, 0.0, axis=1)

    def _decay(self, scores: np.ndarray, starts: np.ndarray, ends: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Scores (G, W) after the candidates at ``column`` (G, 1) were kept."""
        start, end = (np.take_along_axis(x, column, axis=1) for x in (starts, ends))
        iou = _iou(starts, ends, start, end).astype(scores.dtype)
        if self.method == 'soft_gaussian':
            return scores * np.exp(-np.square(iou) / np.float32(self.sigma))
        weight = 1 - iou if self.method == 'soft_linear' else np.zeros_like(iou)
        return np.where(iou >= self.iou_threshold, weight * scores, scores)

    @staticmethod
    def _vote(
        kept: np.ndarray, kept_groups: np.ndarray, found: Candidates, groups: np.ndarray, threshold: float
    ) -> np.ndarray:
        """Kept segments (n, 2) as the weighted mean of the candidates (N,) of their group that overlap them."""
        order = np.argsort(groups, kind='stable')
        segments, scores = found.segments[order], found.scores[order]
        begin, end = (np.searchsorted(groups[order], kept_groups, side) for side in ('left', 'right'))
        column = np.arange((end - begin).max())
        voted = kept.copy()
        size = max(1, VOTING_CHUNK_PAIRS // len(column))
        for part in (slice(first, first + size) for first in range(0, len(kept), size)):
            voters = np.minimum(begin[part, None] + column, len(order) - 1)  # (n, W)
            others, mine = segments[voters], kept[part, None]
            votes = _iou(others[..., 0], others[..., 1], mine[..., 0], mine[..., 1]) >= threshold
            weights = scores[voters] * (votes & (column < (end - begin)[part, None]))
            total = weights.sum(axis=1, keepdims=True)
            mean = (weights[:, :, None] * others).sum(axis=1) / np.maximum(total, np.finfo(total.dtype).tiny)
            # A segment of no length overlaps nothing, not even itself: it stays as it is.
            voted[part] = np.where(total > 0, mean, kept[part])
        return voted


def _iou(starts: np.ndarray, ends: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """tIoU of segments with others, by broadcasting; two of length 0 have 0, and a reversed one has length 0."""
    intersection = np.maximum(np.minimum(ends, end) - np.maximum(starts, start), 0)
    union = np.maximum(ends - starts, 0) + np.maximum(end - start, 0) - intersection
    return intersection / np.maximum(union, np.finfo(union.dtype).tiny)


def _descending(scores: np.ndarray) -> np.ndarray:
    return np.argsort(-scores, kind='stable')
