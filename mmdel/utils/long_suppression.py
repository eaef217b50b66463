"""Suppression of very many segments, in numpy: the best goes first, and only what is near it in time is looked at.

N candidates, M of them kept. What is kept, and what overlaps it, grows in proportion to the length of a video, and so
does the time, but for the O(log N) of searches: N log N + M (log N + overlapping).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

BLOCK = 128  # candidates whose best one is looked for at once
FEW = 256  # a group of so many is not cut by the lengths of its segments


class SegmentIndex:
    """Segments by group, length and start, in which those that overlap one of them lie close together.

    Segments of a group whose lengths are within a factor of four make a run, by their starts: those that can overlap a
    segment are one slice of each run.

    Args:
        segments: (N, 2) float64, finite.
        groups: (N,) integers; only segments of one group count as overlapping.

    Attributes:
        order: (N,) which segment lies where.
        starts: (N,) in this order; as the next two.
        ends: (N,)
        lengths: (N,) of reversed ones 0, so that they overlap nothing.
    """

    def __init__(self, segments: np.ndarray, groups: np.ndarray) -> None:
        lengths = (segments[:, 1] - segments[:, 0]).clip(min=0)
        _, groups, counts = np.unique(groups, return_inverse=True, return_counts=True)
        size = np.where(counts[groups] > FEW, np.frexp(lengths)[1] // 2, 0)
        self.order = np.lexsort((segments[:, 0], size, groups))
        self.starts, self.ends = segments[self.order].T.copy()
        self.lengths, self._groups = lengths[self.order], groups[self.order]
        run = np.stack([self._groups, size[self.order]])
        firsts = np.flatnonzero(np.append(True, (run[:, 1:] != run[:, :-1]).any(0)))[: len(groups)]
        self._runs: list[list[tuple[int, np.ndarray, float]]] = [[] for _ in counts]
        for first, last in zip(firsts, np.append(firsts, len(groups))[1:], strict=True):
            longest = float(self.lengths[first:last].max())
            self._runs[self._groups[first]].append((int(first), self.starts[first:last], longest))

    def near(self, place: int) -> list[slice]:
        """Where all lie that overlap the segment at a place, and some that do not."""
        start, end = self.starts[place], self.ends[place]
        found = []
        for first, starts, longest in self._runs[self._groups[place]]:
            begin, stop = starts.searchsorted((start - longest, end))
            if begin < stop:
                found.append(slice(first + begin, first + stop))
        return found

    def tiou(self, place: int, others: slice) -> np.ndarray:
        """tIoU of the segment at a place with others; two of no length have 0."""
        common = np.minimum(self.ends[others], self.ends[place]) - np.maximum(self.starts[others], self.starts[place])
        common.clip(min=0, out=common)
        return common / np.maximum(self.lengths[others] + self.lengths[place] - common, np.finfo(float).tiny)


def suppress_best_first(
    index: SegmentIndex,
    scores: np.ndarray,
    weigh: Callable[[np.ndarray], np.ndarray],
    min_score: float,
    max_num: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Greedy suppression: the best remaining candidate of all is kept, and those that overlap it lose.

    Scores only fall, so what is kept comes in descending order, and the ``max_num`` best of all groups are the first.

    Args:
        index: Of the N candidates.
        scores: (N,) > 0, descending; of equal ones, now or later, the first in this order goes first.
        weigh: tIoU (n,) > 0 with one that is kept → what scores are multiplied by, in [0, 1]; 1 for a tIoU of 0.
        min_score: Candidates below it are removed.
        max_num: Most that are kept.

    Returns:
        Which candidates are kept (M,), and their last scores (M,), descending.
    """
    left, order = scores[index.order].astype(np.float64), index.order

    def best_of(block: int) -> tuple[float, int, int, int]:
        """The heap's entry of a block: its best score, negative, which candidate that is, the block, the place."""
        values = left[block : block + BLOCK]
        place = block + int(values.argmax())
        best = left[place]
        ties = np.flatnonzero(values == best)
        if len(ties) > 1:
            place = block + int(ties[order[block + ties].argmin()])
        return -float(best), int(order[place]), block, place

    heap = [best_of(block) for block in range(0, len(left), BLOCK)]
    heapq.heapify(heap)
    kept: list[tuple[int, float]] = []
    while heap and len(kept) < max_num:
        entry = heap[0]
        if -entry[0] < min_score or not entry[0]:
            break
        now = best_of(entry[2])
        if now == entry:
            _, candidate, block, place = entry
            kept.append((candidate, -entry[0]))
            for others in index.near(place):
                left[others] *= weigh(index.tiou(place, others))
            left[place] = 0.0
            now = best_of(block)
        heapq.heapreplace(heap, now)  # of what has fallen meanwhile, the heap learns when its turn comes
    places, values = zip(*kept, strict=True) if kept else ((), ())
    return np.array(places, np.int64), np.array(values, np.float64)


def vote_near(
    index: SegmentIndex, segments: np.ndarray, scores: np.ndarray, kept: np.ndarray, tiou: float
) -> np.ndarray:
    """Kept segments (M, 2) as the mean of those of their group that overlap them by ``tiou`` > 0, by their scores.

    Args:
        index: Of the N candidates.
        segments: (N, 2).
        scores: (N,) before any suppression.
        kept: (M,) which candidates were kept.
        tiou: From which a candidate votes.
    """
    place_of = np.empty_like(index.order)
    place_of[index.order] = np.arange(len(index.order))
    voted = segments[kept]
    for row, place in enumerate(place_of[kept].tolist()):
        voters = index.near(place)
        weights = [scores[index.order[others]] * (index.tiou(place, others) >= tiou) for others in voters]
        total = sum(float(weight.sum()) for weight in weights)
        if total > 0:
            parts = zip(weights, voters, strict=True)
            voted[row] = sum(weight @ segments[index.order[others]] for weight, others in parts) / total
    return voted
