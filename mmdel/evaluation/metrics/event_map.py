"""The mAP of a model's detections as an mmengine metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from mmdel.evaluation.event_measures import ONE_CLASS, EventMeasures, why_not_scored
from mmdel.evaluation.functional import GroundTruth, Predictions
from mmdel.registry import METRICS
from mmdel.utils.log import warn


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
class EventMAP(EventMeasures, ScoredEvents):
    """Mean average precision of events, in percent.

    Keys: ``event/mAP`` (the mean over the thresholds, *the* value of the protocol; ``save_best='event/mAP'``) and
    ``event/mAP@0.5`` … for each threshold; with ``recall`` also ``event/recall@1x@0.5`` …, ``event/AR@100`` … and
    ``event/AR-AN area``; with ``steps_per_video`` or ``step_hz`` also ``event/step_mAP``. The definitions are those of
    :mod:`mmdel.evaluation.functional`.

    Args:
        args: Of :class:`~mmdel.evaluation.event_measures.EventMeasures`, and of :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: As :class:`~mmdel.evaluation.event_measures.EventMeasures`.
        UserInputError: Likewise.
    """

    default_prefix = 'event'

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Score all videos and print the tables; where there is nothing to score, say so and give no value."""
        videos = [video for video in results if video['video_id'] not in self.blocked]
        classes = (self.dataset_meta or {}).get('classes')
        if self.class_agnostic:
            videos, classes = [one_class(video) for video in videos], ONE_CLASS
        return self.score_all(videos, classes)


def one_class(video: dict) -> dict:
    """The arrays of a video with every label 0."""
    return video | {name: np.zeros_like(video[name]) for name in ('true_labels', 'labels') if name in video}


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
