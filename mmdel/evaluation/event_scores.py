"""All measures of one evaluation, and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from terminaltables import AsciiTable

from mmdel.evaluation.functional import (
    GroundTruth,
    Matches,
    Predictions,
    average_precision,
    match_predictions,
    mean_over_classes,
)


@dataclass(frozen=True)
class EventScores:
    """The scores of one evaluation, as fractions.

    Args:
        tious: (T,) thresholds.
        ap: (T, C), NaN for classes without ground truth.
        num_true: (C,) counted true events of each class.
        matches: Which prediction found which event.
    """

    tious: np.ndarray
    ap: np.ndarray
    num_true: np.ndarray
    matches: Matches

    @property
    def map_per_tiou(self) -> np.ndarray:
        """(T,) mean over the classes with ground truth."""
        return mean_over_classes(self.ap)

    def metrics(self, digits: int | None = None) -> dict[str, float]:
        """``mAP`` and ``mAP@<tIoU>`` in percent; ``digits`` after the point of a threshold, None for as many as needed."""
        per_tiou = self.map_per_tiou
        values = {'mAP': 100 * float(per_tiou.mean())}
        for tiou, value in zip(self.tious, per_tiou, strict=True):
            values[f'mAP@{tiou:g}' if digits is None else f'mAP@{tiou:.{digits}f}'] = 100 * float(value)
        return values

    def table(self, reported: Sequence[float] | None = None) -> str:
        """The mAP at the ``reported`` thresholds (None: all) and its mean over all."""
        columns = [t for t in range(len(self.tious)) if reported is None or np.isclose(self.tious[t], reported).any()]
        per_tiou = self.map_per_tiou
        rows = [['tIoU', *(f'{self.tious[t]:g}' for t in columns), 'mean of all'],
                ['mAP [%]', *(f'{100 * per_tiou[t]:.2f}' for t in columns), f'{100 * per_tiou.mean():.2f}']]
        return AsciiTable(rows).table

    def class_table(self, classes: Sequence[str]) -> str:
        """The AP of every class with ground truth, at every threshold, by ascending mean."""
        present = np.flatnonzero(self.num_true)
        mean = self.ap[:, present].mean(axis=0)
        rows = [['class', 'events', *(f'{tiou:g}' for tiou in self.tious), 'mean']]
        for k in np.argsort(mean, kind='stable'):
            values = (f'{100 * value:.1f}' for value in (*self.ap[:, present[k]], mean[k]))
            rows.append([classes[present[k]], str(self.num_true[present[k]]), *values])
        return AsciiTable(rows, title='AP [%] by class').table


def evaluate_events(truth: GroundTruth, predictions: Predictions, tious: Sequence[float],
                    num_classes: int) -> EventScores:
    """Score predictions.

    Raises:
        ValueError: If there is no (counted) ground truth, or a threshold or label is out of range.
    """
    if truth.ignored.all():
        raise ValueError('there is no ground truth: not one counted event, so the mAP is undefined')
    matches = match_predictions(truth, predictions, tious)
    return EventScores(tious=matches.tious,
                       ap=average_precision(truth, predictions, tious, num_classes, matches),
                       num_true=np.bincount(truth.labels[~truth.ignored], minlength=num_classes),
                       matches=matches)
