"""Recall of the best few predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmdel.evaluation.functional.average_precision import check_tious
from mmdel.evaluation.functional.event_tables import GroundTruth, Predictions, overlapping_pairs

NEVER = np.iinfo(np.int64).max
PROPOSAL_TIOUS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())


class AverageRecall(NamedTuple):
    """The AR@AN curve: average recall against the average number AN = 1 … M of predictions a video.

    Args:
        recall: (M,) recall at each AN, mean over the thresholds.
        area: Area under the curve divided by M, as a fraction.
    """

    recall: np.ndarray
    area: float


def first_hit_ranks(
    truth: GroundTruth, predictions: Predictions, tious: Sequence[float], same_class: bool
) -> np.ndarray:
    """How far down the list of predictions each true event is found.

    The list is that of the video, or with ``same_class`` that of the video and class of the event.

    Returns:
        (T, N) rank in the list, 0 = best score, of the first prediction that has ``tIoU >= threshold`` with the event;
        ``NEVER`` where none has.
    """
    thresholds = check_tious(tious)
    lists = predictions.videos
    if same_class:
        lists = lists * (predictions.labels.max(initial=0) + 1) + predictions.labels
    order = predictions.by_score()
    order = order[np.argsort(lists[order], kind='stable')]
    begin = np.searchsorted(lists[order], lists[order])
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order)) - begin
    pred, true, iou = overlapping_pairs(truth, predictions, same_class, thresholds.min())
    first = np.full((len(thresholds), len(truth)), NEVER, dtype=np.int64)
    for t, tiou in enumerate(thresholds):
        hit = iou >= tiou
        np.minimum.at(first[t], true[hit], rank[pred[hit]])
    return first


def _counted(truth: GroundTruth) -> GroundTruth:
    """The events that are not ignored; an error if there is none."""
    if truth.ignored.all():
        raise ValueError('there is no ground truth: the recall is undefined')
    return truth.select(~truth.ignored)


def recall_at_k(
    truth: GroundTruth, predictions: Predictions, tious: Sequence[float], ks: Sequence[int], num_classes: int
) -> np.ndarray:
    """Share of the true events found by the best few predictions, mean over the classes.

    With n true events of a class in a video, its ``k·n`` best predictions of that class there are taken ("Recall@kx" of
    Ego4D's moment queries, Grauman et al. 2022); an event is found if one of them has ``tIoU >= threshold``.

    Args:
        truth: True events; ignored ones are left out.
        predictions: Predicted events.
        tious: T thresholds.
        ks: K multiples of the number of true events.
        num_classes: C; labels lie in [0, C).

    Returns:
        (K, T) in [0, 1].

    Raises:
        ValueError: If there is no counted event.
    """
    truth = _counted(truth)
    first = first_hit_ranks(truth, predictions, tious, same_class=True)
    group, group_of = np.unique(truth.videos * num_classes + truth.labels, return_inverse=True)
    num_events = np.bincount(group_of, minlength=len(group))[group_of]
    num_true = np.bincount(truth.labels, minlength=num_classes)
    weight = 1 / (num_true[truth.labels] * np.count_nonzero(num_true))
    return np.stack([(first < k * num_events) @ weight for k in ks])


def average_recall(
    truth: GroundTruth,
    predictions: Predictions,
    num_videos: int,
    max_predictions: int = 100,
    tious: Sequence[float] = PROPOSAL_TIOUS,
) -> AverageRecall:
    """AR@AN and the area under it, of predictions as class-agnostic proposals (ActivityNet's proposal task).

    The best predictions of every video are taken, the same share of each video's list, so that their average number a
    video is AN = 1 … ``max_predictions``; a video never gives more than it has.

    Args:
        truth: True events; ignored ones are left out.
        predictions: Predicted events; labels play no part.
        num_videos: Number of videos, with or without events.
        max_predictions: Largest AN.
        tious: Thresholds over which the recall is averaged.

    Raises:
        ValueError: If there is no counted event.
    """
    truth = _counted(truth)
    if not len(predictions):
        return AverageRecall(np.zeros(max_predictions), 0.0)
    first = first_hit_ranks(truth, predictions, tious, same_class=False)
    available = np.bincount(predictions.videos, minlength=num_videos)
    taken = np.minimum(available, available * max_predictions * num_videos // available.sum())
    share = taken[truth.videos, None] * np.arange(1, max_predictions + 1) * num_videos // max(taken.sum(), 1)
    cut = np.minimum(share, taken[truth.videos, None])  # (N, M) predictions taken of the video of each event
    recall = np.mean([(level[:, None] < cut).mean(axis=0) for level in first], axis=0)
    return AverageRecall(recall, float(np.sum((recall[1:] + recall[:-1]) / 2) / max_predictions))
