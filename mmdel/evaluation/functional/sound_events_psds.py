"""The polyphonic sound detection score (Bilen et al. 2020, arXiv 1910.08440), over all score thresholds at once.

N true events, P predictions, C classes with truth. psds_eval, the authors' code, takes a few thresholds and counts
anew at each. Here the curve is exact: whether a prediction is precise or a cross-trigger does not depend on the
threshold, and an event is detected from one score downwards, which a bisection finds for all events together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmdel.evaluation.functional.event_tables import GroundTruth, Predictions, overlapping_pairs
from mmdel.evaluation.functional.sound_events import covered_by_group, in_ignored, intersections

# A share is met by so much less: sums of decimals are off by a little.
TOLERANCE = 1e-9
HOUR_SEC = 3600.0


@dataclass(frozen=True)
class PSDSScenario:
    """What counts as a detection, and what errors weigh.

    Args:
        dtc_threshold: Share of a prediction that events of its class must cover; else it is a false positive.
        gtc_threshold: Share of an event that such predictions must cover for it to be detected.
        cttc_threshold: Share of a false positive that events of another class cover if it is a cross-trigger.
        alpha_ct: Weight of cross-triggers among the false positives.
        alpha_st: Weight of the standard deviation over classes.
        max_efpr_per_hour: Effective false positives an hour up to which the curve counts.
    """

    dtc_threshold: float
    gtc_threshold: float
    cttc_threshold: float = 0.3
    alpha_ct: float = 0.0
    alpha_st: float = 1.0
    max_efpr_per_hour: float = 100.0


# Those of DCASE's task 4, since 2021: the first asks for exact times, the second for few confusions of classes.
PSDS1 = PSDSScenario(dtc_threshold=0.7, gtc_threshold=0.7)
PSDS2 = PSDSScenario(dtc_threshold=0.1, gtc_threshold=0.1, cttc_threshold=0.3, alpha_ct=0.5)


def psds(truth: GroundTruth, predictions: Predictions, durations_sec: Sequence[float], scenario: PSDSScenario) -> float:
    """The normalised area under the effective true positive rate, a function of effective false positives an hour.

    Where events of a class, or predictions of a class, overlap each other, which psds_eval refuses, the time that they
    cover together counts. Classes without truth do not count. Predictions that lie more than half in ignored time are
    no false positives.

    Args:
        truth: N true events; those of no length are left out.
        predictions: P predictions of all scores; those of no length count neither way.
        durations_sec: Of each video, by its number.
        scenario: Thresholds and weights.

    Returns:
        In [0, 1].

    Raises:
        ValueError: If there is no counted event, or a duration is not known.
    """
    durations = np.array(durations_sec, dtype=np.float64)
    if not (np.isfinite(durations) & (durations > 0)).all():
        raise ValueError('the PSDS needs the durations of all videos')
    counted = truth.select(~truth.ignored & (truth.segments[:, 1] > truth.segments[:, 0]))
    if not len(counted):
        raise ValueError('there is no ground truth: no counted event of any class, so the PSDS is undefined')
    classes = np.unique(counted.labels)
    predictions = predictions.select(np.isin(predictions.labels, classes))
    outside = (predictions.segments[:, 0] >= durations[predictions.videos]) | (predictions.segments[:, 1] <= 0)
    neutral = outside | in_ignored(truth.select(truth.ignored), predictions)
    truth = replace(counted, labels=np.searchsorted(classes, counted.labels))
    predictions = replace(predictions, labels=np.searchsorted(classes, predictions.labels))

    pred, true, _ = overlapping_pairs(truth, predictions, same_class=False)
    same = truth.labels[true] == predictions.labels[pred]
    common = intersections(truth.segments[true], predictions.segments[pred])
    covered_sec = covered_by_group(pred[same], common[same], len(predictions))
    precise = covered_sec >= (scenario.dtc_threshold - TOLERANCE) * _lengths_sec(predictions)
    kept = same & precise[pred]
    found_at = _detection_scores(truth, predictions.scores[pred[kept]], true[kept], common[kept], scenario)
    per_hour = np.full(len(predictions), HOUR_SEC / durations.sum())
    if len(classes) > 1:
        triggers = _cross_triggers_per_hour(truth, predictions, pred[~same], true[~same], common[~same], scenario)
        per_hour += scenario.alpha_ct * triggers / (len(classes) - 1)
    found, wrong = found_at > -np.inf, ~precise & ~neutral
    efpr = _efpr_at(
        truth.labels[found], found_at[found], predictions.labels[wrong], predictions.scores[wrong], per_hour[wrong]
    )
    return _area(truth.labels[found], efpr, np.bincount(truth.labels), scenario)


def _lengths_sec(events: GroundTruth | Predictions) -> np.ndarray:
    return events.segments[:, 1] - events.segments[:, 0]


def _cross_triggers_per_hour(
    truth: GroundTruth,
    predictions: Predictions,
    pred: np.ndarray,
    true: np.ndarray,
    common: np.ndarray,
    scenario: PSDSScenario,
) -> np.ndarray:
    """For each prediction (P,) the sum over the classes that it falsely responds to of 1 / hours of their events.

    Args:
        truth: N events.
        predictions: P predictions.
        pred: (n,) of the pairs of different classes the predictions,
        true: (n,) the events,
        common: (n, 2) and their common part.
        scenario: Whose ``cttc_threshold`` counts.
    """
    num_classes = 1 + truth.labels.max()
    hours = np.bincount(truth.labels, weights=_lengths_sec(truth)) / HOUR_SEC
    cells, cell_of = np.unique(pred * num_classes + truth.labels[true], return_inverse=True)
    pred, other = np.divmod(cells, num_classes)
    needed_sec = (scenario.cttc_threshold - TOLERANCE) * _lengths_sec(predictions)[pred]
    meant = covered_by_group(cell_of, common, len(cells)) >= needed_sec
    return np.bincount(pred[meant], weights=1 / hours[other[meant]], minlength=len(predictions))


def _detection_scores(
    truth: GroundTruth, scores: np.ndarray, true: np.ndarray, common: np.ndarray, scenario: PSDSScenario
) -> np.ndarray:
    """The highest threshold (N,) at which each event is detected; −∞ if it never is.

    Args:
        truth: N events.
        scores: (n,) of the predictions that may detect
        true: (n,) these events, whose
        common: (n, 2) parts they cover.
        scenario: Whose ``gtc_threshold`` counts.
    """
    order = np.lexsort((-scores, true))
    scores, true, common = scores[order], true[order], common[order]
    first = np.searchsorted(true, np.arange(len(truth)))
    rank = np.arange(len(true)) - first[true]
    needed_sec = (scenario.gtc_threshold - TOLERANCE) * _lengths_sec(truth)
    found = covered_by_group(true, common, len(truth)) >= needed_sec
    # The least number of best predictions that cover enough: more of them never cover less.
    low, high = np.ones(len(truth), np.int64), np.bincount(true, minlength=len(truth))
    while (low < high).any():
        middle = (low + high) // 2
        taken = rank < middle[true]
        enough = covered_by_group(true[taken], common[taken], len(truth)) >= needed_sec
        low, high = np.where(enough, low, np.minimum(middle + 1, high)), np.where(enough, middle, high)
    detected = np.full(len(truth), -np.inf)
    detected[found] = scores[(first + high - 1)[found]]
    return detected


def _efpr_at(
    labels: np.ndarray, scores: np.ndarray, wrong_labels: np.ndarray, wrong_scores: np.ndarray, per_hour: np.ndarray
) -> np.ndarray:
    """The effective false positives an hour of each class ``labels`` (n,) at the thresholds ``scores`` (n,).

    Wrong predictions (m,) of the same score count.
    """
    all_labels = np.concatenate([wrong_labels, labels])
    order = np.lexsort((np.arange(len(all_labels)), -np.concatenate([wrong_scores, scores]), all_labels))
    weights = np.concatenate([per_hour, np.zeros(len(labels))])[order]
    total = np.append(0, np.cumsum(weights))
    all_labels = all_labels[order]
    efpr = np.empty(len(order))
    efpr[order] = total[1:] - total[np.searchsorted(all_labels, all_labels)]
    return efpr[len(wrong_labels) :]


def _area(labels: np.ndarray, efpr: np.ndarray, num_true: np.ndarray, scenario: PSDSScenario) -> float:
    """The area under mean − alpha_st · standard deviation over classes of the rates of detected events.

    Args:
        labels: (n,) classes of the detected events, and
        efpr: (n,) where on the axis each is detected from.
        num_true: (C,) number of events.
        scenario: Weight, and end of the axis.
    """
    order = np.lexsort((efpr, labels))
    labels, efpr = labels[order], efpr[order]
    place = np.arange(len(labels)) - np.searchsorted(labels, labels)  # how many of its class are detected before it
    order = np.argsort(efpr, kind='stable')
    place, num, efpr = place[order], num_true[labels][order], efpr[order]
    # The rate of a class rises from place / num to (place + 1) / num.
    mean = np.cumsum(1 / num) / len(num_true)
    mean_square = np.cumsum((2 * place + 1) / num**2) / len(num_true)
    rate = mean - scenario.alpha_st * np.sqrt((mean_square - mean**2).clip(min=0))
    end = scenario.max_efpr_per_hour
    width = np.diff(np.append(efpr, np.inf).clip(max=end))
    return float((rate.clip(min=0) * width).sum() / end)
