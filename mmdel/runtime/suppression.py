"""Non-maximum suppression of the segments of one video, in numpy: what ``mmdel.SegmentNMS`` computes.

K candidates, N of them that count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mmdel.utils.suppression import METHODS, suppress

MAX_NUM = 2**20


class Candidates(NamedTuple):
    """Segments with a class and a score.

    Attributes:
        segments: (K, 2) float64, in any unit.
        scores: (K,) float; 0 is no candidate.
        labels: (K,) int64.
    """

    segments: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> Candidates:
        """Those at some places."""
        return Candidates(self.segments[rows], self.scores[rows], self.labels[rows])


@dataclass
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
        if not 0 <= self.min_score <= 1:
            raise ValueError(f'min_score must lie in [0, 1], got {self.min_score!r}')
        for name, value in (('iou_threshold', self.iou_threshold), ('voting_threshold', self.voting_threshold)):
            if value is not None and not 0 < value <= 1:
                raise ValueError(f'{name} must lie in (0, 1], got {value!r}')

    def __call__(self, candidates: Candidates, max_num: int) -> Candidates:
        """What is kept of a video's candidates, by descending score, at most ``max_num``.

        Of equal scores the one with the higher original score goes first, then the one that comes first in the input.
        """
        scores = candidates.scores.astype(np.float64)
        kept, segments, scores = suppress(candidates.segments, scores, candidates.labels, self, max_num)
        return Candidates(segments, scores, candidates.labels[kept])
