"""What the wrong predictions are, and what they cost.

After TIDE (Bolya et al., ECCV 2020) and DETAD (Alwassel et al., ECCV 2018). Everything is at one tIoU threshold.
N true events, P predictions, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mmdel.evaluation.functional.average_precision import (
    Matches,
    average_precision,
    interpolated_ap,
    match_predictions,
    mean_over_classes,
)
from mmdel.evaluation.functional.event_tables import GroundTruth, Predictions, overlapping_pairs

TRUE, DUPLICATE, WRONG_CLASS, BAD_BOUNDARY, BOTH, BACKGROUND, NEUTRAL = range(7)
KINDS = ('true', 'duplicate', 'wrong class', 'bad boundary', 'both', 'background')
ERROR_KINDS = KINDS[1:]
MIN_OVERLAP = 0.1
MAX_EXCESS = 10


@dataclass(frozen=True)
class Diagnosis:
    """Where the mAP at one threshold is lost.

    Args:
        tiou: The threshold.
        map: mAP there, a fraction.
        normalised_map: The same with the normalised precision, the reference of ``sensitivity``.
        num_predictions: Number of predictions of each kind, in the order of ``KINDS``.
        profile: (MAX_EXCESS, 6) number of each kind among the best k·n predictions of every class with n true events,
            k = 1, 2, …
        gains: mAP gained by fixing all errors of a kind, and by not asking for the missed events.
        sensitivity: Characteristic → bucket → number of true events, share of them found, normalised mAP.
    """

    tiou: float
    map: float
    normalised_map: float
    num_predictions: np.ndarray
    profile: np.ndarray
    gains: dict[str, float]
    sensitivity: dict[str, dict[str, tuple[int, float, float]]]


def classify_predictions(matches: Matches) -> tuple[np.ndarray, np.ndarray]:
    """What each prediction is at the only threshold of ``matches``.

    Returns:
        The kind (P,) of each prediction, and the true event (P,) that a wrong class or bad boundary meant, or −1. The
        kind is the first of these that holds:

        - true: it took an event; neutral: it overlaps an ignored event (and is left out of everything)
        - duplicate: tIoU >= threshold with an event of its class, taken by a better prediction
        - wrong class: tIoU >= threshold with an event of another class
        - bad boundary: tIoU >= 0.1 with an event of its class
        - both: tIoU >= 0.1 with an event of another class
        - background: none of these
    """
    truth, predictions, tiou = matches.truth, matches.predictions, matches.tious[0]
    counted = np.flatnonzero(~truth.ignored)
    pred, true, iou = overlapping_pairs(
        truth.select(counted), predictions, same_class=False, min_iou=min(MIN_OVERLAP, tiou)
    )
    same = predictions.labels[pred] == truth.labels[counted[true]]
    kind = np.full(len(predictions), BACKGROUND)
    target = np.full(len(predictions), -1)
    for code, holds in (
        (BOTH, ~same),
        (BAD_BOUNDARY, same),
        (WRONG_CLASS, ~same & (iou >= tiou)),
        (DUPLICATE, same & (iou >= tiou)),
    ):
        chosen = np.flatnonzero(holds)
        chosen = chosen[np.argsort(iou[chosen], kind='stable')]  # the highest tIoU is written last, and stays
        kind[pred[chosen]] = code
        target[pred[chosen]] = counted[true[chosen]]
    kind[matches.neutral] = NEUTRAL
    kind[matches.true_positive[0]] = TRUE
    return kind, np.where((kind == WRONG_CLASS) | (kind == BAD_BOUNDARY), target, -1)


def diagnose(truth: GroundTruth, predictions: Predictions, num_classes: int, tiou: float = 0.5) -> Diagnosis:
    """Diagnose predictions at one threshold.

    Raises:
        ValueError: If there is no counted event, or a threshold or label is out of range.
    """
    matches = match_predictions(truth, predictions, [tiou])
    kind, target = classify_predictions(matches)
    found = np.zeros(len(truth), dtype=bool)
    found[matches.matched_truth[matches.true_positive]] = True
    return Diagnosis(
        tiou=tiou,
        map=_mean(average_precision(truth, predictions, [tiou], num_classes, matches)),
        normalised_map=_normalised_map(matches, num_classes, ~truth.ignored),
        num_predictions=np.bincount(kind, minlength=7)[:6],
        profile=_profile(matches, kind, num_classes),
        gains=_gains(matches, kind, target, num_classes),
        sensitivity={
            name: {
                bucket: (int(inside.sum()), float(found[inside].mean()), _normalised_map(matches, num_classes, inside))
                for bucket, inside in buckets.items()
            }
            for name, buckets in characteristics(truth).items()
        },
    )


def _mean(ap: np.ndarray) -> float:
    """The mAP at the only threshold."""
    return float(mean_over_classes(ap)[0])


def _profile(matches: Matches, kind: np.ndarray, num_classes: int) -> np.ndarray:
    truth = matches.truth
    num_true = np.bincount(truth.labels[~truth.ignored], minlength=num_classes)
    order = matches.order[kind[matches.order] != NEUTRAL]
    order = order[np.argsort(matches.predictions.labels[order], kind='stable')]
    labels = matches.predictions.labels[order]
    place = np.arange(len(order)) - np.searchsorted(labels, labels)
    present = num_true[labels] > 0
    excess = place[present] // num_true[labels[present]]
    inside = excess < MAX_EXCESS
    table = np.zeros((MAX_EXCESS, 6), dtype=np.int64)
    np.add.at(table, (excess[inside], kind[order][present][inside]), 1)
    return table.cumsum(axis=0)


def _gains(matches: Matches, kind: np.ndarray, target: np.ndarray, num_classes: int) -> dict[str, float]:
    """mAP gained by fixing each kind, as TIDE does.

    A wrong class or a bad boundary is set right; if its event is taken already, or a better prediction was set right to
    it, the prediction is removed. All other errors are removed. Of the missed events, those that no such fix would
    find are taken from the truth.
    """
    truth, predictions = matches.truth, matches.predictions
    value = _mean(interpolated_ap(matches, num_classes))

    def gain(truth: GroundTruth, predictions: Predictions) -> float:
        return _mean(average_precision(truth, predictions, matches.tious.tolist(), num_classes)) - value

    gains = {}
    free = ~truth.ignored
    free[matches.matched_truth[matches.true_positive]] = False
    for code, name in enumerate(ERROR_KINDS, start=DUPLICATE):
        keep = kind != code
        labels, segments = predictions.labels.copy(), predictions.segments.copy()
        wrong = matches.order[(kind[matches.order] == code) & (target[matches.order] >= 0)]
        wrong = wrong[free[target[wrong]]]
        fixed = wrong[np.unique(target[wrong], return_index=True)[1]]
        keep[fixed] = True
        labels[fixed] = truth.labels[target[fixed]]
        if code == BAD_BOUNDARY:
            segments[fixed] = truth.segments[target[fixed]]
        gains[name] = gain(truth, replace(predictions, labels=labels, segments=segments).select(keep))
    free[target[target >= 0]] = False
    asked = truth.select(~free)
    gains['missed'] = gain(asked, predictions) if (~asked.ignored).any() else 0.0
    return gains


def characteristics(truth: GroundTruth) -> dict[str, dict[str, np.ndarray]]:
    """Buckets of true events: characteristic → bucket → bool (N,). Empty buckets are left out.

    - length: fifths of the counted events by length
    - events: how many of its class are in the video, with DETAD's bounds
    - overlap: the largest share of the event that a single other event covers
    """
    counted = ~truth.ignored
    length = np.diff(truth.segments)[:, 0]
    bounds = np.quantile(length[counted], [0.2, 0.4, 0.6, 0.8])
    fifths = [f'{size} <= {bound:.3g} s' for size, bound in zip(('XS', 'S', 'M', 'L'), bounds, strict=True)]

    _, group, size = np.unique(
        np.stack([truth.videos, truth.labels, truth.ignored], 1), axis=0, return_inverse=True, return_counts=True
    )
    events = size[group.reshape(-1)]

    as_predictions = Predictions(truth.videos, truth.labels, truth.segments, np.zeros(len(truth)))
    one, other, _ = overlapping_pairs(truth, as_predictions, same_class=False)
    one, other = one[one != other], other[one != other]
    (start, end), (other_start, other_end) = truth.segments[one].T, truth.segments[other].T
    covered = np.zeros(len(truth))
    np.maximum.at(covered, one, (np.minimum(end, other_end) - np.maximum(start, other_start)) / length[one])
    # The names of the buckets, and the bucket of each event.
    buckets = {
        'length': ([*fifths, f'XL > {bounds[3]:.3g} s'], np.searchsorted(bounds, length)),
        'events of the class in the video': (['1', '2-4', '5-8', '> 8'], np.searchsorted([1, 4, 8], events)),
        'overlap with another event': (['none', 'up to half', 'more than half'], np.searchsorted([0, 0.5], covered)),
    }
    return {
        name: {bucket: inside for k, bucket in enumerate(names) if (inside := (place == k) & counted).any()}
        for name, (names, place) in buckets.items()
    }


def _normalised_map(matches: Matches, num_classes: int, inside: np.ndarray) -> float:
    """Normalised mAP of the true events ``inside`` (N,); a prediction that took another event counts neither way.

    Every class is taken to have as many true events as the classes of the whole truth have on average.
    """
    per_class = np.bincount(matches.truth.labels[~matches.truth.ignored], minlength=num_classes)
    return _mean(interpolated_ap(matches, num_classes, inside, normal=per_class[per_class > 0].mean()))
