"""The mAP of a model's detections as an mmengine metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

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
from mmdel.registry import METRICS
from mmdel.utils.log import warn

ONE_CLASS = ('event',)


class ScoredEvents(BaseMetric):
    """What metrics of detections share: they keep all truth and predictions, and score them as two tables.

    A metric has ``score(truth, predictions, durations_sec, classes)``, which gives the measures and their tables.
    """

    score: Callable[..., tuple[dict[str, float], str]]

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Keep the truth and the predictions of each data sample (an ``EventDataSample`` as a dict).

        Raises:
            ValueError: If a sample lacks its truth or predictions, or a prediction is NaN or reversed.
        """
        self.results.extend(truth_arrays(sample) | prediction_arrays(sample) for sample in data_samples)

    def score_all(self, videos: Sequence[dict], classes: Sequence[str] | None) -> dict[str, float]:
        """Score these videos and print the tables; where there is nothing to score, say so and give no value."""
        reason = why_not_scored(videos)
        if reason:
            warn(f'Not scored: {reason}')
            return {}
        truth, predictions = join_videos(videos)
        if not classes:
            classes = list(map(str, range(1 + max(truth.labels.max(initial=-1), predictions.labels.max(initial=-1)))))
        metrics, tables = self.score(truth, predictions, [video['duration_sec'] for video in videos], classes)
        print_log(f'\n{tables}', logger='current')
        return metrics


@METRICS.register_module()
class EventMAP(ScoredEvents):
    """Mean average precision of events, in percent.

    Keys: ``event/mAP`` (the mean over the thresholds, *the* value of the protocol; ``save_best='event/mAP'``) and
    ``event/mAP@0.5`` … for each threshold; with ``recall`` also ``event/recall@1x@0.5`` …, ``event/AR@100`` … and
    ``event/AR-AN area``; with ``steps_per_video`` or ``step_hz`` also ``event/step_mAP``. The definitions are those of
    :mod:`mmdel.evaluation.functional`.

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
        kwargs: Of :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: If the protocol is unknown, a threshold not in (0, 1], ``same_within_sec`` negative or NaN, or what
            to do about steps unclear.
        UserInputError: If ``blocked_file`` is not such a list.
    """

    default_prefix = 'event'

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

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Score all videos and print the tables; where there is nothing to score, say so and give no value."""
        videos = [video for video in results if video['video_id'] not in self.blocked]
        classes = (self.dataset_meta or {}).get('classes')
        if self.class_agnostic:
            videos, classes = [one_class(video) for video in videos], ONE_CLASS
        return self.score_all(videos, classes)

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


def one_class(video: dict) -> dict:
    """The arrays of a video with every label 0."""
    return video | {name: np.zeros_like(video[name]) for name in ('true_labels', 'labels') if name in video}


def why_not_scored(videos: Sequence[dict]) -> str:
    """Why nothing can be scored of videos with ``true_labels`` and ``ignored``; empty if it can."""
    counted = [video['true_labels'][~video['ignored']] for video in videos]
    num, num_unlabelled = sum(map(len, counted)), sum(int((labels < 0).sum()) for labels in counted)
    if num == 0:
        return f'there is no event to find in the {len(videos)} videos'
    if num_unlabelled:
        return f'{num_unlabelled} of the {num} true events have no label; where they are is scored by class_agnostic'
    return ''


def truth_arrays(sample: dict) -> dict:
    """The duration and the truth of a data sample as numpy arrays, from whatever device.

    Raises:
        ValueError: If the sample has no ``eval_instances``; with the video's name.
    """
    truth = _instances(sample, 'eval_instances')
    return dict(
        duration_sec=sample.get('duration_sec'),
        true_segments=_to_numpy(truth['segments_sec'], np.float64).reshape(-1, 2),
        true_labels=_to_numpy(truth['labels'], np.int64),
        ignored=_to_numpy(truth['ignored'], np.bool_),
    )


def prediction_arrays(sample: dict) -> dict:
    """The video id and the predictions of a data sample as numpy arrays, from whatever device.

    Raises:
        ValueError: If the sample has no ``pred_instances``, or a prediction is NaN or reversed; with the video's name.
    """
    predicted = _instances(sample, 'pred_instances')
    segments = _to_numpy(predicted['segments_sec'], np.float64).reshape(-1, 2)
    scores = _to_numpy(predicted['scores'], np.float64)
    wrong = ~np.isfinite(segments).all(axis=1) | (segments[:, 1] < segments[:, 0]) | np.isnan(scores)
    if wrong.any():
        raise ValueError(
            f'video {sample.get("video_id")}: {wrong.sum()} of {len(wrong)} predictions are NaN or reversed'
        )
    return dict(
        video_id=sample.get('video_id'),
        segments=segments,
        scores=scores,
        labels=_to_numpy(predicted['labels'], np.int64),
    )


def join_videos(videos: Sequence[dict]) -> tuple[GroundTruth, Predictions]:
    """The arrays of all videos, numbered in their order, as two tables."""

    truth = GroundTruth(*join_columns(videos, ('true_labels', 'true_segments', 'ignored')))
    return truth, Predictions(*join_columns(videos))


def join_columns(
    videos: Sequence[dict], names: Sequence[str] = ('labels', 'segments', 'scores')
) -> tuple[np.ndarray, ...]:
    """The numbers of the videos, and these arrays of all videos, one below the other."""
    numbers = np.repeat(np.arange(len(videos)), [len(video[names[0]]) for video in videos])
    shapes = {name: (0, 2) if name.endswith('segments') else (0,) for name in names}
    kinds = {name: np.int64 if name.endswith('labels') else np.float64 for name in names}
    columns = [np.concatenate([np.zeros(shapes[n], kinds[n]), *(video[n] for video in videos)]) for n in names]
    return numbers, *columns


def _instances(sample: dict, field: str) -> dict:
    if field not in sample:
        raise ValueError(f'video {sample.get("video_id")}: its data sample has no {field}; it has {sorted(sample)}')
    return sample[field]


def _to_numpy(values: object, dtype: type) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = (values.double() if values.is_floating_point() else values).numpy()
    return np.asarray(values, dtype=dtype)
