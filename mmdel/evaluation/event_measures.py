"""Which measures of events are asked for, and what they give: what a metric of mmengine and a command share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmdel.evaluation.event_scores import (
    evaluate_events,
    ignored_line,
    recall_metrics,
    recall_table,
)
from mmdel.evaluation.functional import (
    GroundTruth,
    Predictions,
    check_tious,
    event_step_average_precision,
    mean_over_classes,
)
from mmdel.evaluation.protocols import get_protocol
from mmdel.evaluation.result_file import load_video_list

ONE_CLASS = ('event',)


class EventMeasures:
    """Mean average precision of events and, where they are asked for, of recall and of single steps.

    Args:
        protocol: Name of the data set's protocol: thresholds, and which of them the table shows.
        tious: Thresholds instead of the protocol's; the table shows all.
        per_class: Print the AP of every class as well.
        recall: Measure the recall of the best predictions as well.
        class_agnostic: Score where an event is and not what it is: proposals. The truth and the predictions are all of
            one class, and need no labels.
        steps_per_video: Score single time steps as well, so many a video (25 on Charades), or
        step_hz: so many a second (MultiTHUMOS).
        same_within_sec: True events of one video and class that begin and end within so many seconds of each other
            count once; None: each counts.
        blocked_file: JSON list of the ids of videos that do not count, such as ActivityNet's blocked videos.
        kwargs: Of another base class.

    Raises:
        ValueError: If the protocol is unknown, a threshold not in (0, 1], ``same_within_sec`` negative or NaN, or what
            to do about steps unclear.
        UserInputError: If ``blocked_file`` is not such a list.
    """

    def __init__(
        self,
        protocol: str = 'unav100',
        tious: Sequence[float] | None = None,
        per_class: bool = False,
        recall: bool = False,
        class_agnostic: bool = False,
        steps_per_video: int | None = None,
        step_hz: float | None = None,
        same_within_sec: float | None = None,
        blocked_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tious = tuple(check_tious(get_protocol(protocol).tious if tious is None else tious).tolist())
        self.reported = get_protocol(protocol).reported if tious is None else None
        self.per_class = per_class
        self.recall = recall
        self.class_agnostic = class_agnostic
        steps = dict(steps_per_video=steps_per_video, step_hz=step_hz)
        self.steps: dict[str, Any] = {name: value for name, value in steps.items() if value is not None}
        if len(self.steps) > 1 or not all(value > 0 for value in self.steps.values()):
            raise ValueError('give one of steps_per_video and step_hz, as a positive number')
        if same_within_sec is not None and not same_within_sec >= 0:
            raise ValueError(f'same_within_sec must be 0 seconds or more, got {same_within_sec}')
        self.same_within_sec = same_within_sec
        self.blocked = frozenset(load_video_list(blocked_file) if blocked_file else ())

    def score(
        self,
        truth: GroundTruth,
        predictions: Predictions,
        durations_sec: Sequence[float],
        classes: Sequence[str],
        digits: int | None = None,
    ) -> tuple[dict[str, float], str]:
        """All measures in percent, and their tables.

        Args:
            truth: The true events.
            predictions: The predictions.
            durations_sec: Of each video, in the order of their numbers.
            classes: The names of the classes; :data:`ONE_CLASS` for what is scored without.
            digits: Of the thresholds in the names of the measures; None for as many as needed.

        Raises:
            ValueError: If there is no ground truth in any video.
        """
        truth = self.counted(truth)
        ignored = ignored_line(truth, durations_sec)
        scores = evaluate_events(truth, predictions, self.tious, len(classes))
        metrics, tables = scores.metrics(digits), [scores.table(self.reported), *ignored]
        if self.per_class:
            tables.insert(0, scores.class_table(classes))
        if self.recall:
            found = recall_metrics(truth, predictions, self.tious, len(classes), len(durations_sec), digits)
            metrics |= found
            tables.append(recall_table(found))
        if self.steps:
            ap = event_step_average_precision(truth, predictions, np.array(durations_sec), len(classes), **self.steps)
            metrics['step_mAP'] = 100 * float(mean_over_classes(ap[None])[0])
            tables.append(f'per-step mAP [%]: {metrics["step_mAP"]:.2f}')
        return metrics, '\n'.join(tables)

    def counted(self, truth: GroundTruth) -> GroundTruth:
        """The true events that count, see ``same_within_sec``."""
        return truth if self.same_within_sec is None else truth.without_repeats(self.same_within_sec)


def why_not_scored(videos: Sequence[dict]) -> str:
    """Why nothing can be scored of videos with ``true_labels`` and ``ignored``; empty if it can."""
    counted = [video['true_labels'][~video['ignored']] for video in videos]
    num, num_unlabelled = sum(map(len, counted)), sum(int((labels < 0).sum()) for labels in counted)
    if num == 0:
        return f'there is no event to find in the {len(videos)} videos'
    if num_unlabelled:
        return f'{num_unlabelled} of the {num} true events have no label; where they are is scored by class_agnostic'
    return ''
