"""Non-maximum suppression of the segments of one video, in numpy: what ``mmdel.SegmentNMS`` computes.

K candidates, N of them that count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmdel.utils.suppression import SuppressionSettings, suppress


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


class SegmentSuppression(SuppressionSettings):
    """Suppression of overlapping segments with the arguments of ``mmdel.models.task_modules.SegmentNMS``."""

    def __call__(self, candidates: Candidates, max_num: int) -> Candidates:
        """What is kept of a video's candidates, by descending score, at most ``max_num``.

        Of equal scores the one with the higher original score goes first, then the one that comes first in the input.
        """
        scores = candidates.scores.astype(np.float64)
        kept, segments, scores = suppress(candidates.segments, scores, candidates.labels, self, max_num)
        return Candidates(segments, scores, candidates.labels[kept])
