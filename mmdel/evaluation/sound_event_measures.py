"""The measures of sound event detection, which a metric of mmengine and a command share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from terminaltables import AsciiTable

from mmdel.evaluation.event_scores import ignored_line
from mmdel.evaluation.functional import (
    PSDS1,
    PSDS2,
    GroundTruth,
    Predictions,
    SoundCounts,
    event_counts,
    psds,
    segment_counts,
)

NUM_THRESHOLDS = 50
Counter = Callable[[GroundTruth, Predictions], SoundCounts]


class SoundEventMeasures:
    """F1 and error rate of sound event detection, by event and by segment, and PSDS.

    Args:
        onset_collar_sec: How far the start of an event may be off; infinity leaves starts out.
        offset_collar_sec: How far its end may be off; infinity leaves ends out.
        offset_share: It may be off by this share of the true event's length if that is more.
        segment_sec: Length of the segments.
        score_thr: Least score of a prediction that counts for F1 and error rate (PSDS takes all scores). None: for
            each of the two the best threshold on the very data that are scored, which is optimistic, and is said.
        kwargs: Of another base class.

    Raises:
        ValueError: If a collar is negative, or a segment has no length.
    """

    def __init__(
        self,
        onset_collar_sec: float = 0.2,
        offset_collar_sec: float = 0.2,
        offset_share: float = 0.2,
        segment_sec: float = 1.0,
        score_thr: float | None = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.collars: dict[str, Any] = dict(
            onset_collar_sec=onset_collar_sec, offset_collar_sec=offset_collar_sec, offset_share=offset_share
        )
        if not all(value >= 0 for value in self.collars.values()) or not segment_sec > 0:
            raise ValueError(f'collars must be >= 0 and segment_sec > 0, got {self.collars}, segment_sec={segment_sec}')
        self.segment_sec = segment_sec
        self.score_thr = score_thr

    def score(
        self,
        truth: GroundTruth,
        predictions: Predictions,
        durations_sec: Sequence[float | None],
        classes: Sequence[str],
    ) -> tuple[dict[str, float], str]:
        """All measures in percent, and their tables.

        Args:
            truth: The true events.
            predictions: The predictions.
            durations_sec: Of each video, in the order of their numbers; None or infinity: not known.
            classes: The names of the classes.

        Raises:
            ValueError: If there is no ground truth in any video.
        """
        counters: dict[str, Counter] = dict(
            event=partial(event_counts, num_classes=len(classes), **self.collars),
            segment=partial(
                segment_counts, num_classes=len(classes), durations_sec=durations_sec, segment_sec=self.segment_sec
            ),
        )
        metrics: dict[str, float] = {}
        rows = [['[%]', 'score >=', 'F1', 'F1 macro', 'precision', 'recall', 'error rate', 'subst.', 'del.', 'ins.']]
        for kind, counter in counters.items():
            threshold = best_threshold(truth, predictions, counter) if self.score_thr is None else self.score_thr
            counts = counter(truth, predictions.select(predictions.scores >= threshold))
            error_rates = sum(counts.error_rates), *counts.error_rates
            values = [counts.f1, counts.macro_f1, counts.precision, counts.recall, *error_rates]
            percent = [100 * value for value in values]
            names = (f'{kind}_{name}' for name in ('F1', 'F1_macro', 'precision', 'recall', 'ER'))
            metrics |= dict(zip(names, percent, strict=False))
            rows.append([kind, f'{threshold:.4g}', *(f'{value:.2f}' for value in percent)])
        tables = [AsciiTable(rows, title='Sound events').table, *ignored_line(truth, durations_sec)]
        if self.score_thr is None:
            tables.append('warning: the score thresholds are the best on these very data, so F1 is optimistic')
        unknown = sum(seconds is None or not 0 < seconds < np.inf for seconds in durations_sec)
        if unknown:
            tables.append(f'no PSDS: it needs all durations, and {unknown} of {len(durations_sec)} are not known')
        else:
            for name, scenario in (('PSDS1', PSDS1), ('PSDS2', PSDS2)):
                metrics[name] = 100 * psds(truth, predictions, durations_sec, scenario)  # type: ignore[arg-type]
            tables.append(f'PSDS1 [%]: {metrics["PSDS1"]:.2f}, PSDS2 [%]: {metrics["PSDS2"]:.2f}')
        return metrics, '\n'.join(tables)


def best_threshold(truth: GroundTruth, predictions: Predictions, counter: Counter) -> float:
    """Of evenly ranked scores, :data:`NUM_THRESHOLDS` at most, the one with the highest F1; of equals the highest.

    Returns:
        Infinity if there is no prediction.
    """
    scores = np.unique(predictions.scores)[::-1]
    if not len(scores):
        return np.inf
    thresholds = scores[np.unique(np.linspace(0, len(scores) - 1, NUM_THRESHOLDS).astype(int))].tolist()
    return max(thresholds, key=lambda t: counter(truth, predictions.select(predictions.scores >= t)).f1)
