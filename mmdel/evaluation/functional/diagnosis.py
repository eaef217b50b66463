"""What the wrong predictions are, and what they cost.

After TIDE (Bolya et al., ECCV 2020) and DETAD (Alwassel et al., ECCV 2018). Everything is at one tIoU threshold.
N true events, P predictions, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class ErrorKinds:
    """The kind (P,) of each prediction, and the true event (P,) that a wrong class or bad boundary meant, or −1."""

    kind: np.ndarray
    target: np.ndarray


def classify_predictions(truth: GroundTruth, predictions: Predictions, matches: Matches) -> ErrorKinds:
    """The kind of each prediction at the only threshold of ``matches``: the first of these that holds.

    - true: it took an event; neutral: it overlaps an ignored event (and is left out of everything)
    - duplicate: tIoU >= threshold with an event of its class, taken by a better prediction
    - wrong class: tIoU >= threshold with an event of another class
    - bad boundary: tIoU >= 0.1 with an event of its class
    - both: tIoU >= 0.1 with an event of another class
    - background: none of these
    """
    tiou = matches.tious[0]
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
    return ErrorKinds(kind, np.where((kind == WRONG_CLASS) | (kind == BAD_BOUNDARY), target, -1))


def diagnose(truth: GroundTruth, predictions: Predictions, num_classes: int, tiou: float = 0.5) -> Diagnosis:
    """Diagnose predictions at one threshold.

    Raises:
        ValueError: If there is no counted event, or a threshold or label is out of range.
    """
    matches = match_predictions(truth, predictions, [tiou])
    value = _map(truth, predictions, tiou, num_classes)
    kinds = classify_predictions(truth, predictions, matches)
    whole = ~truth.ignored
    return Diagnosis(
        tiou=tiou,
        map=value,
        normalised_map=_normalised_map(truth, predictions, matches, whole, num_classes),
        num_predictions=np.bincount(kinds.kind, minlength=7)[:6],
        profile=_profile(truth, predictions, matches, kinds.kind, num_classes),
        gains=_gains(truth, predictions, matches, kinds, num_classes, value),
        sensitivity={
            name: _sensitivity(truth, predictions, matches, buckets, num_classes)
            for name, buckets in characteristics(truth).items()
        },
    )


def _map(truth: GroundTruth, predictions: Predictions, tiou: float, num_classes: int) -> float:
    return float(mean_over_classes(average_precision(truth, predictions, [tiou], num_classes))[0])


def _profile(
    truth: GroundTruth, predictions: Predictions, matches: Matches, kind: np.ndarray, num_classes: int
) -> np.ndarray:
    num_true = np.bincount(truth.labels[~truth.ignored], minlength=num_classes)
    order = matches.order[kind[matches.order] != NEUTRAL]
    order = order[np.argsort(predictions.labels[order], kind='stable')]
    labels = predictions.labels[order]
    place = np.arange(len(order)) - np.searchsorted(labels, labels)
    present = num_true[labels] > 0
    excess = place[present] // num_true[labels[present]]
    inside = excess < MAX_EXCESS
    table = np.zeros((MAX_EXCESS, 6), dtype=np.int64)
    np.add.at(table, (excess[inside], kind[order][present][inside]), 1)
    return table.cumsum(axis=0)


def _gains(
    truth: GroundTruth, predictions: Predictions, matches: Matches, kinds: ErrorKinds, num_classes: int, value: float
) -> dict[str, float]:
    """mAP gained by fixing each kind, as TIDE does.

    A wrong class or a bad boundary is set right; if its event is taken already, or a better prediction was set right to
    it, the prediction is removed. All other errors are removed. Of the missed events, those that no such fix would
    find are taken from the truth.
    """
    gains = {}
    free = ~truth.ignored
    free[matches.matched_truth[matches.true_positive]] = False
    for code, name in enumerate(KINDS):
        if code == TRUE:
            continue
        keep = kinds.kind != code
        labels, segments = predictions.labels.copy(), predictions.segments.copy()
        if code in (WRONG_CLASS, BAD_BOUNDARY):
            wrong = matches.order[kinds.kind[matches.order] == code]
            wrong = wrong[free[kinds.target[wrong]]]
            fixed = wrong[np.unique(kinds.target[wrong], return_index=True)[1]]
            keep[fixed] = True
            labels[fixed] = truth.labels[kinds.target[fixed]]
            if code == BAD_BOUNDARY:
                segments[fixed] = truth.segments[kinds.target[fixed]]
        changed = Predictions(predictions.videos, labels, segments, predictions.scores).select(keep)
        gains[name] = _map(truth, changed, matches.tious[0], num_classes) - value
    meant = np.zeros(len(truth), dtype=bool)
    meant[kinds.target[kinds.target >= 0]] = True
    asked = truth.select(~(free & ~meant))
    gains['missed'] = _map(asked, predictions, matches.tious[0], num_classes) - value if (~asked.ignored).any() else 0.0
    return gains


def characteristics(truth: GroundTruth) -> dict[str, dict[str, np.ndarray]]:
    """Buckets of true events: characteristic → bucket → bool (N,). Empty buckets are left out.

    - length: fifths of the counted events by length
    - events: how many of its class are in the video, with DETAD's bounds
    - overlap: the largest share of the event that a single other event covers
    """
    counted = ~truth.ignored
    length = truth.segments[:, 1] - truth.segments[:, 0]
    bounds = np.quantile(length[counted], [0.2, 0.4, 0.6, 0.8])
    fifth = np.searchsorted(bounds, length)
    edges = [f'{bound:.3g}' for bound in bounds]
    names = [
        f'XS <= {edges[0]} s',
        f'S <= {edges[1]} s',
        f'M <= {edges[2]} s',
        f'L <= {edges[3]} s',
        f'XL > {edges[3]} s',
    ]

    _, group, size = np.unique(
        np.stack([truth.videos, truth.labels, truth.ignored], 1), axis=0, return_inverse=True, return_counts=True
    )
    events = size[group.reshape(-1)]

    as_predictions = Predictions(truth.videos, truth.labels, truth.segments, np.zeros(len(truth)))
    one, other, _ = overlapping_pairs(truth, as_predictions, same_class=False)
    one, other = one[one != other], other[one != other]
    common = np.minimum(truth.segments[one, 1], truth.segments[other, 1]) - np.maximum(
        truth.segments[one, 0], truth.segments[other, 0]
    )
    covered = np.zeros(len(truth))
    np.maximum.at(covered, one, common / length[one])
    buckets = {
        'length': {name: fifth == k for k, name in enumerate(names)},
        'events of the class in the video': {
            '1': events == 1,
            '2-4': (events >= 2) & (events <= 4),
            '5-8': (events >= 5) & (events <= 8),
            '> 8': events > 8,
        },
        'overlap with another event': {
            'none': covered == 0,
            'up to half': (covered > 0) & (covered <= 0.5),
            'more than half': covered > 0.5,
        },
    }
    return {
        name: {bucket: inside & counted for bucket, inside in parts.items() if (inside & counted).any()}
        for name, parts in buckets.items()
    }


def _sensitivity(
    truth: GroundTruth, predictions: Predictions, matches: Matches, buckets: dict[str, np.ndarray], num_classes: int
) -> dict[str, tuple[int, float, float]]:
    found = np.zeros(len(truth), dtype=bool)
    found[matches.matched_truth[matches.true_positive]] = True
    return {
        name: (
            int(inside.sum()),
            float(found[inside].mean()),
            _normalised_map(truth, predictions, matches, inside, num_classes),
        )
        for name, inside in buckets.items()
    }


def _normalised_map(
    truth: GroundTruth, predictions: Predictions, matches: Matches, inside: np.ndarray, num_classes: int
) -> float:
    """Normalised mAP of the true events ``inside`` (N,); a prediction that took another event counts neither way.

    Every class is taken to have as many true events as the classes of the whole truth have on average.
    """
    per_class = np.bincount(truth.labels[~truth.ignored], minlength=num_classes)
    took = matches.matched_truth
    true_positive = matches.true_positive & inside[np.maximum(took, 0)]
    ap = interpolated_ap(
        predictions.labels,
        matches.order,
        true_positive,
        matches.false_positive,
        np.bincount(truth.labels[inside], minlength=num_classes),
        normal=per_class[per_class > 0].mean(),
    )
    return float(mean_over_classes(ap)[0])
