"""Greedy suppression of overlapping segments, with segment voting, in numpy.

N candidates of a video, G groups of candidates that compete (one per class), W the largest of them, M kept.

All groups go side by side, a round keeping the best of each; where a crowded one would take very many rounds, the best
of all goes first.

It is for torch and for a bundle without it, and on the CPU whatever the device: a round has a dozen small operations,
and a GPU takes longer to begin them than a CPU to do them. Of several videos each is done alone, in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from mmdel.utils.long_suppression import SegmentIndex, suppress_best_first, vote_near
from mmdel.utils.segments import segment_iou

METHODS = ('soft_gaussian', 'soft_linear', 'hard', None)
Weigh = Callable[[np.ndarray], np.ndarray]  # tIoU with what was kept → what scores are multiplied by
TINY = float(np.finfo(np.float32).tiny)
ROUND_COST = 4  # of a round that keeps one candidate, in rounds of a table's width: most of these never come
ROUNDS_PER_COMPACTION = 8
VOTING_CHUNK_PAIRS = 2**24
MAX_NUM = 2**20  # that may be kept of a video
MANY = 10_000  # candidates of a video, from which the best of all goes first and not the best of each group


@dataclass(eq=False)
class SuppressionSettings:
    """The arguments of ``mmdel.models.task_modules.SegmentNMS``, which tells what they are.

    Raises:
        ValueError: If one is out of its range.
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
        if not 0 <= self.min_score <= 1:
            raise ValueError(f'min_score must lie in [0, 1], got {self.min_score!r}')
        for name, value in (('iou_threshold', self.iou_threshold), ('voting_threshold', self.voting_threshold)):
            if value is not None and not 0 < value <= 1:
                raise ValueError(f'{name} must lie in (0, 1], got {value!r}')


def suppress(
    segments: np.ndarray, scores: np.ndarray, labels: np.ndarray, settings: SuppressionSettings, max_num: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is kept of a video.

    Args:
        segments: (K, 2), in any unit.
        scores: (K,); an entry <= 0 or not finite is no candidate, nor is one whose segment is not finite.
        labels: (K,) integers.
        settings: How.
        max_num: Most that are kept.

    Returns:
        The places (M,) of what is kept, by descending score, its segments (M, 2) and its scores (M,).
    """
    places = np.flatnonzero((scores > 0) & np.isfinite(scores) & np.isfinite(segments).all(axis=1))
    places = places[np.argsort(-scores[places], kind='stable')]
    segments, scores = segments[places], scores[places]
    groups = labels[places] if settings.class_aware else np.zeros_like(places)
    min_score, voting_threshold = settings.min_score, settings.voting_threshold
    weigh = partial(_weigh, settings)
    index = SegmentIndex(segments.astype(np.float64), groups) if len(scores) > MANY else None
    if settings.method is None or not len(scores):
        kept = np.flatnonzero(scores >= min_score)[:max_num]
        values = scores[kept]
    elif index is None:
        kept, values = _suppress_groups(segments, scores, groups, weigh, min_score, max_num)
    else:
        kept, values = suppress_best_first(index, scores, weigh, min_score, max_num)
    times = segments[kept]
    if voting_threshold is not None and index is not None:
        exact = segments.astype(np.float64), scores.astype(np.float64)
        times = vote_near(index, *exact, kept, voting_threshold).astype(segments.dtype)
    elif voting_threshold is not None and len(kept):
        times = _vote(segments, scores, groups, kept, voting_threshold)
    return places[kept], times, values.astype(scores.dtype)


def _weigh(settings: SuppressionSettings, tiou: np.ndarray) -> np.ndarray:
    """What is left of scores, by their tIoU with what was kept."""
    if settings.method == 'soft_gaussian':
        return np.exp(tiou * tiou / -settings.sigma)
    rest = 1 - tiou if settings.method == 'soft_linear' else 0
    return np.where(tiou >= settings.iou_threshold, rest, 1).astype(tiou.dtype)


def _suppress_groups(
    segments: np.ndarray, scores: np.ndarray, groups: np.ndarray, weigh: Weigh, min_score: float, max_num: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which candidates are kept (M,), by descending score, and their last scores (M,)."""
    order = np.argsort(groups, kind='stable')
    begins = np.flatnonzero(np.append(True, np.diff(groups[order]) != 0))
    counts = np.diff(np.append(begins, len(order)))
    # Groups of up to 32, 256, 2048 … share a padded table: one crowded class does not widen the rows of all others.
    size_class = np.frexp(counts.clip(min=8) - 1)[1] // 3
    tables = [np.flatnonzero(size_class == size) for size in np.unique(size_class)]
    if ROUND_COST * max_num < sum(counts[rows].max() for rows in tables):
        return _suppress_one_by_one(segments, scores, order, begins, weigh, min_score, max_num)
    left = np.zeros_like(scores)  # with which a candidate is kept; 0 if it is not
    for rows in tables:
        column = np.arange(counts[rows].max())
        table = order[(begins[rows, None] + column).clip(max=len(order) - 1)]
        filled = column < counts[rows, None]
        _suppress_table(segments[table], scores[table] * filled, table, left, weigh, min_score, max_num)
    kept = np.flatnonzero(left)
    kept = kept[np.argsort(-left[kept], kind='stable')][:max_num]
    return kept, left[kept]


def _suppress_one_by_one(
    segments: np.ndarray,
    scores: np.ndarray,
    order: np.ndarray,
    begins: np.ndarray,
    weigh: Weigh,
    min_score: float,
    max_num: int,
) -> tuple[np.ndarray, np.ndarray]:
    """As ``_suppress_groups``, but the best of all groups goes first, so that the ``max_num`` best are the first.

    ``order`` (N,) has the candidates of a group side by side, from each of ``begins`` (G,) on. Scores stay in their
    place, by which ``argmax`` finds the first of equal ones.
    """
    left = scores.copy()
    stops = np.append(begins[1:], len(order))
    place_of, part_of = np.empty((2, len(order)), np.int64)
    place_of[order] = np.arange(len(order))
    part_of[order] = np.repeat(np.arange(len(begins)), stops - begins)
    times = _times(segments[order])
    slices = [slice(*part) for part in zip(begins.tolist(), stops.tolist(), strict=True)]
    parts = [(order[part], [x[part] for x in times]) for part in slices]
    kept, values = [], []
    for _ in range(min(max_num, len(scores))):
        best = int(left.argmax())
        score = left[best]
        if score < min_score or not score:
            break
        kept.append(best)
        values.append(score)
        members, others = parts[part_of[best]]
        left[members] *= weigh(_tiou(*(x[place_of[best]] for x in times), *others))
        left[best] = 0
    return np.array(kept, np.int64), np.array(values, scores.dtype)


def _suppress_table(
    segments: np.ndarray,
    scores: np.ndarray,
    table: np.ndarray,
    left: np.ndarray,
    weigh: Weigh,
    min_score: float,
    max_num: int,
) -> None:
    """Suppresses groups side by side and writes the last scores of those that are kept to ``left``.

    Args:
        segments: (G, W, 2).
        scores: (G, W), 0 = padding; each row by descending score.
        table: (G, W) place of each candidate in ``left``.
        left: (N,) of all groups.
        weigh: See there, as the next two.
        min_score: Candidates below it are removed.
        max_num: Most that are kept.
    """
    starts, ends, lengths = _times(segments)
    for round_ in range(min(max_num, scores.shape[1])):
        if round_ % ROUNDS_PER_COMPACTION == 0 and round_:
            floor = np.partition(left, -max_num)[-max_num] if len(left) > max_num else 0.0  # the worst that may stay
            alive = (scores >= max(min_score, floor)) & (scores > 0)
            width = alive.sum(axis=1).max()
            if not width:
                return
            rows = np.flatnonzero(alive.any(axis=1))
            front = np.argsort(~alive[rows], axis=1, kind='stable')[:, :width]
            starts, ends, lengths, scores, table = (
                x[rows[:, None], front] for x in (starts, ends, lengths, scores, table)
            )
        best = scores.argmax(axis=1) + np.arange(len(scores)) * scores.shape[1]  # of the table's cells
        start, end, length, score = (x.ravel()[best] for x in (starts, ends, lengths, scores))
        picked = (score >= min_score) & (score > 0)  # in a row that is empty padding is the best
        left[table.ravel()[best[picked]]] = score[picked]
        scores *= weigh(_tiou(start[:, None], end[:, None], length[:, None], starts, ends, lengths))
        scores.ravel()[best] = 0


def _times(segments: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, ends and lengths of segments (..., 2), a reversed one's 0; each (...), contiguous."""
    starts, ends = (np.ascontiguousarray(segments[..., side]) for side in (0, 1))
    return starts, ends, (ends - starts).clip(min=0)


def _tiou(
    start: np.ndarray,
    end: np.ndarray,
    length: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    lengths: np.ndarray,
) -> np.ndarray:
    """tIoU of segments with others; two of no length have 0. In place, as it is most of a round's time."""
    common = np.minimum(ends, end)
    common -= np.maximum(starts, start)
    np.maximum(common, 0, out=common)
    union = lengths + length
    union -= common
    common /= np.maximum(union, TINY, out=union)
    return common


def _vote(
    segments: np.ndarray, scores: np.ndarray, groups: np.ndarray, kept: np.ndarray, threshold: float
) -> np.ndarray:
    """Kept segments (M, 2) as the weighted mean of the candidates (N,) of their group that overlap them."""
    times, kept_groups = segments[kept], groups[kept]
    order = np.argsort(groups, kind='stable')
    segments, scores, groups = segments[order], scores[order], groups[order]
    begins = groups.searchsorted(kept_groups)
    counts = groups.searchsorted(kept_groups, side='right') - begins
    column = np.arange(counts.max())
    voted = times.copy()
    size = max(1, VOTING_CHUNK_PAIRS // len(column))
    for first in range(0, len(times), size):
        part = slice(first, first + size)
        voters = (begins[part, None] + column).clip(max=len(order) - 1)  # (m, W)
        others, mine = segments[voters], times[part, None]
        is_vote = (segment_iou(others, mine) >= threshold) & (column < counts[part, None])
        weights = scores[voters] * is_vote
        total = weights.sum(axis=1)
        # A segment of no length overlaps nothing, not even itself: it stays as it is.
        found = np.flatnonzero(total > 0)
        mean = (weights[found, :, None] * others[found]).sum(axis=1) / total[found, None]
        voted[part][found] = mean
    return voted
