"""The mAP of a model's detections as an mmengine metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from mmdel.evaluation.event_scores import evaluate_events
from mmdel.evaluation.functional import GroundTruth, Predictions, check_tious
from mmdel.evaluation.protocols import get_protocol
from mmdel.registry import METRICS


@METRICS.register_module()
class EventMAP(BaseMetric):
    """Mean average precision of events, in percent.

    Keys: ``event/mAP`` (the mean over the thresholds, *the* value of the protocol; ``save_best='event/mAP'``) and
    ``event/mAP@0.5`` … for each threshold. See :mod:`mmdel.evaluation.functional.average_precision` for the definition.

    Args:
        protocol: Name of the data set's protocol: thresholds, and which of them the table shows.
        tious: Thresholds instead of the protocol's; the table shows all.
        per_class: Print the AP of every class as well.
        kwargs: Of :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: If the protocol is unknown or a threshold not in (0, 1].
    """

    default_prefix = 'event'

    def __init__(self,
                 protocol: str = 'unav100',
                 tious: Sequence[float] | None = None,
                 per_class: bool = False,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.tious = check_tious(get_protocol(protocol).tious if tious is None else tious)
        self.reported = get_protocol(protocol).reported if tious is None else None
        self.per_class = per_class

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Keep the truth and the predictions of each data sample (an ``EventDataSample`` as a dict).

        Raises:
            ValueError: If a sample lacks its truth or predictions, or a prediction is NaN or reversed.
        """
        self.results.extend(truth_arrays(sample) | prediction_arrays(sample) for sample in data_samples)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Score all videos and print the table.

        Raises:
            ValueError: If there is no ground truth in any video.
        """
        truth, predictions = join_videos(results)
        highest = max(truth.labels.max(initial=-1), predictions.labels.max(initial=-1))
        classes = (self.dataset_meta or {}).get('classes') or [str(label) for label in range(highest + 1)]
        scores = evaluate_events(truth, predictions, self.tious, len(classes))
        if self.per_class:
            print_log('\n' + scores.class_table(classes), logger='current')
        print_log('\n' + scores.table(self.reported), logger='current')
        return scores.metrics()


def truth_arrays(sample: dict) -> dict:
    """The truth of a data sample as numpy arrays, from whatever device.

    Raises:
        ValueError: If the sample has no ``eval_instances``; with the video's name.
    """
    truth = _instances(sample, 'eval_instances')
    return dict(true_segments=_to_numpy(truth['segments_sec'], np.float64).reshape(-1, 2),
                true_labels=_to_numpy(truth['labels'], np.int64),
                ignored=_to_numpy(truth['ignored'], np.bool_))


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
            f'video {sample.get("video_id")}: {wrong.sum()} of {len(wrong)} predictions are NaN or reversed')
    return dict(video_id=sample.get('video_id'), segments=segments, scores=scores,
                labels=_to_numpy(predicted['labels'], np.int64))


def join_videos(videos: Sequence[dict]) -> tuple[GroundTruth, Predictions]:
    """The arrays of all videos, numbered in their order, as two tables."""

    def column(name: str, *shape: int) -> np.ndarray:
        return np.concatenate([np.zeros((0, *shape)), *(video[name] for video in videos)])

    def numbers(name: str) -> np.ndarray:
        return np.repeat(np.arange(len(videos)), [len(video[name]) for video in videos])

    truth = GroundTruth(numbers('true_labels'), column('true_labels'), column('true_segments', 2), column('ignored'))
    return truth, Predictions(numbers('labels'), column('labels'), column('segments', 2), column('scores'))


def _instances(sample: dict, field: str) -> dict:
    if field not in sample:
        raise ValueError(f'video {sample.get("video_id")}: its data sample has no {field}; it has {sorted(sample)}')
    return sample[field]


def _to_numpy(values: object, dtype: type) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = (values.double() if values.is_floating_point() else values).numpy()
    return np.asarray(values, dtype=dtype)
