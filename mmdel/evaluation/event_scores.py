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
    average_recall,
    match_predictions,
    mean_over_classes,
    recall_at_k,
)
from mmdel.utils.names import visible
from mmdel.utils.segments import covered_length

RECALL_KS = (1, 5)
AVERAGE_NUMBERS = (1, 10, 100)
MAX_IGNORED_SHARE = 0.05


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
        """``mAP`` and ``mAP@<tIoU>`` in percent; ``digits`` of a threshold, None for as many as needed."""
        per_tiou = self.map_per_tiou
        return {'mAP': 100 * float(per_tiou.mean())} | {
            f'mAP@{_decimal(tiou, digits)}': 100 * float(value)
            for tiou, value in zip(self.tious, per_tiou, strict=True)
        }

    def table(self, reported: Sequence[float] | None = None) -> str:
        """The mAP at the ``reported`` thresholds (None: all) and its mean over all."""
        columns = [t for t in range(len(self.tious)) if reported is None or np.isclose(self.tious[t], reported).any()]
        per_tiou = self.map_per_tiou
        rows = [
            ['tIoU', *(f'{self.tious[t]:g}' for t in columns), 'mean of all'],
            ['mAP [%]', *(f'{100 * per_tiou[t]:.2f}' for t in columns), f'{100 * per_tiou.mean():.2f}'],
        ]
        return AsciiTable(rows).table

    def class_table(self, classes: Sequence[str]) -> str:
        """The AP of every class with ground truth, at every threshold, by ascending mean."""
        present = np.flatnonzero(self.num_true)
        mean = self.ap[:, present].mean(axis=0)
        rows = [['class', 'events', *(f'{tiou:g}' for tiou in self.tious), 'mean']]
        for k in np.argsort(mean, kind='stable'):
            values = (f'{100 * value:.1f}' for value in (*self.ap[:, present[k]], mean[k]))
            rows.append([visible(classes[present[k]]), str(self.num_true[present[k]]), *values])
        return AsciiTable(rows, title='AP [%] by class').table


def evaluate_events(
    truth: GroundTruth, predictions: Predictions, tious: Sequence[float], num_classes: int
) -> EventScores:
    """Score predictions.

    Raises:
        ValueError: If there is no (counted) ground truth, or a threshold or label is out of range.
    """
    if truth.ignored.all():
        raise ValueError('there is no ground truth: not one counted event, so the mAP is undefined')
    matches = match_predictions(truth, predictions, tious)
    return EventScores(
        tious=matches.tious,
        ap=average_precision(truth, predictions, tious, num_classes, matches),
        num_true=np.bincount(truth.labels[~truth.ignored], minlength=num_classes),
        matches=matches,
    )


def ignored_line(truth: GroundTruth, durations_sec: Sequence[float | None]) -> list[str]:
    """What to say of ignored events: how much of the time they cover, as far as the durations (V,) of videos tell."""
    known = [(number, seconds) for number, seconds in enumerate(durations_sec) if seconds]
    ignored = truth.select(truth.ignored)
    covered_sec = sum(covered_length(ignored.segments[ignored.videos == n].clip(0, seconds)) for n, seconds in known)
    share = covered_sec / max(sum(seconds for _, seconds in known), 1e-9)
    if not len(ignored) or not known:
        return []
    line = f'ignored events cover {100 * share:.1f} % of the scored time: no prediction is wrong there'
    return [f'warning: {line}' if share > MAX_IGNORED_SHARE else line]


def recall_metrics(
    truth: GroundTruth,
    predictions: Predictions,
    tious: Sequence[float],
    num_classes: int,
    num_videos: int,
    digits: int | None = None,
) -> dict[str, float]:
    """``recall@1x@<tIoU>`` and ``recall@5x@<tIoU>``, ``AR@1``, ``AR@10``, ``AR@100`` and ``AR-AN area``, in percent.

    Raises:
        ValueError: If there is no counted event.
    """
    recall = recall_at_k(truth, predictions, tious, RECALL_KS, num_classes)
    curve = average_recall(truth, predictions, num_videos)
    values = {
        f'recall@{k}x@{_decimal(tiou, digits)}': 100 * float(value)
        for k, row in zip(RECALL_KS, recall, strict=True)
        for tiou, value in zip(tious, row, strict=True)
    }
    values |= {f'AR@{number}': 100 * float(curve.recall[number - 1]) for number in AVERAGE_NUMBERS}
    return values | {'AR-AN area': 100 * curve.area}


def recall_table(metrics: dict[str, float]) -> str:
    """The values of :func:`recall_metrics` as text."""
    tious = [key.removeprefix('recall@1x@') for key in metrics if key.startswith('recall@1x@')]
    rows = [['tIoU', *tious]]
    rows += [[f'recall@{k}x [%]', *(f'{metrics[f"recall@{k}x@{tiou}"]:.2f}' for tiou in tious)] for k in RECALL_KS]
    curve = [key for key in metrics if key.startswith('AR')]
    return '\n'.join([AsciiTable(rows).table, AsciiTable([curve, [f'{metrics[key]:.2f}' for key in curve]]).table])


def _decimal(tiou: float, digits: int | None) -> str:
    return f'{tiou:g}' if digits is None else f'{tiou:.{digits}f}'
