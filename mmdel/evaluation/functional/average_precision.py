"""Average precision of predicted events, for all classes, videos and tIoU thresholds at once.

N true events, P predictions, T thresholds, C classes. The definition is that of ActivityNet's evaluator (Caba Heilbron
et al. 2015): predictions of a class, by descending score, each take the best true event of their video and class that
is still free and has a tIoU of at least the threshold; the precision is interpolated; the mean goes over the classes
of the ground truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmdel.evaluation.functional.event_tables import GroundTruth, Predictions, overlapping_pairs


@dataclass(frozen=True)
class Matches:
    """Which prediction found which event.

    Args:
        truth: N true events.
        predictions: P predictions.
        tious: (T,) thresholds.
        order: (P,) places of the predictions by descending score.
        matched_truth: (T, P) place of the true event that each prediction took, −1 for none.
        neutral: (P,) bool: overlaps an ignored event, hence is no false positive when it takes nothing.
    """

    truth: GroundTruth
    predictions: Predictions
    tious: np.ndarray
    order: np.ndarray
    matched_truth: np.ndarray
    neutral: np.ndarray

    @property
    def true_positive(self) -> np.ndarray:
        """(T, P) bool."""
        return self.matched_truth >= 0

    @property
    def false_positive(self) -> np.ndarray:
        """(T, P) bool; a prediction that is neither does not count."""
        return (self.matched_truth < 0) & ~self.neutral


def check_tious(tious: Sequence[float]) -> np.ndarray:
    """The thresholds as (T,) floats, rounded to 10 digits so that ``3 * 0.1`` means 0.3.

    Raises:
        ValueError: If there is none, or one is not in (0, 1].
    """
    thresholds = np.round(np.asarray(tious, dtype=np.float64).reshape(-1), 10)
    if not len(thresholds) or not ((thresholds > 0) & (thresholds <= 1)).all():
        raise ValueError(f'tIoU thresholds must be numbers in (0, 1], got {tious!r}')
    return thresholds


def match_predictions(truth: GroundTruth, predictions: Predictions, tious: Sequence[float]) -> Matches:
    """Match predictions with true events, greedily by score, at every threshold on its own.

    A prediction takes, of the true events of its video and class with ``tIoU >= threshold`` that no prediction of a
    higher score has taken, the one of the highest tIoU. Ties: of equal scores the prediction of the earlier video,
    start and end goes first (:meth:`Predictions.by_score`); of equal tIoU the true event that comes first is taken.

    A prediction that takes nothing and overlaps an ignored event of its video at all (of its class, or of label −1)
    counts neither way, as in THUMOS14's official evaluation (Jiang et al. 2014).

    Taking turns by score is a stable matching in which all events prefer the higher score. It is found by deferred
    acceptance (Gale and Shapley 1962): all predictions ask for their best event at once, each event keeps the one of
    the highest score, the others ask for their next best. A few rounds suffice, whatever the number of predictions.
    """
    thresholds = check_tious(tious)
    order = predictions.by_score()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))

    counted = np.flatnonzero(~truth.ignored)
    pred, true, iou = overlapping_pairs(truth.select(counted), predictions, min_iou=thresholds.min())
    preference = np.lexsort((true, -iou, rank[pred]))
    takers = _deferred_acceptance(
        rank[pred[preference]], true[preference], iou[preference], thresholds, len(order), len(counted)
    )
    matched = np.full((len(thresholds), len(order)), -1, dtype=np.int64)
    level, event = np.nonzero(takers < len(order))
    matched[level, order[takers[level, event]]] = counted[event]
    return Matches(truth, predictions, thresholds, order, matched, _overlaps_ignored(truth, predictions))


def _deferred_acceptance(
    ranks: np.ndarray, events: np.ndarray, ious: np.ndarray, tious: np.ndarray, num_ranks: int, num_events: int
) -> np.ndarray:
    """The rank that takes each event at each threshold (T, num_events); ``num_ranks`` where none does.

    Of each pair (n,) it gets the rank of the prediction, 0 = highest score, the event and the tIoU. The ranks ascend,
    and the pairs of one rank are in the order of descending tIoU.
    """
    takers = np.full(len(tious) * num_events, num_ranks, dtype=np.int64)
    first = np.searchsorted(ranks, np.arange(num_ranks))
    # One asker is one prediction at one threshold; it asks for the events of pairs next_pair … end_pair − 1.
    num_choices = np.stack([np.bincount(ranks[ious >= tiou], minlength=num_ranks) for tiou in tious])
    next_pair = np.tile(first, len(tious))
    end_pair = next_pair + num_choices.ravel()
    asking = np.flatnonzero(next_pair < end_pair)
    while len(asking):
        level, rank = np.divmod(asking, num_ranks)
        asked = level * num_events + events[next_pair[asking]]
        before = takers[asked]
        np.minimum.at(takers, asked, rank)
        accepted = takers[asked] == rank
        dropped = accepted & (before < num_ranks)
        refused = np.concatenate([asking[~accepted], level[dropped] * num_ranks + before[dropped]])
        next_pair[refused] += 1
        asking = refused[next_pair[refused] < end_pair[refused]]
    return takers.reshape(len(tious), num_events)


def _overlaps_ignored(truth: GroundTruth, predictions: Predictions) -> np.ndarray:
    """Whether each prediction (P,) overlaps an ignored event of its class or of no class."""
    neutral = np.zeros(len(predictions), dtype=bool)
    for any_class in (True, False):
        ignored = truth.select(truth.ignored & ((truth.labels < 0) == any_class))
        if len(ignored):
            neutral[overlapping_pairs(ignored, predictions, same_class=not any_class)[0]] = True
    return neutral


def average_precision(
    truth: GroundTruth,
    predictions: Predictions,
    tious: Sequence[float],
    num_classes: int,
    matches: Matches | None = None,
) -> np.ndarray:
    """Interpolated average precision of each class at each threshold.

    Args:
        truth: True events.
        predictions: Predicted events.
        tious: T thresholds in (0, 1].
        num_classes: C; labels lie in [0, C).
        matches: Those of :func:`match_predictions`, if known already.

    Returns:
        (T, C) in [0, 1]; NaN for a class without a counted true event. The predictions of such a class play no part.

    Raises:
        ValueError: If a label is not below ``num_classes``.
    """
    for name, labels in (('ground truth', truth.labels), ('prediction', predictions.labels)):
        if labels.max(initial=-1) >= num_classes or (name == 'prediction' and labels.min(initial=0) < 0):
            raise ValueError(f'a {name} has a label outside [0, {num_classes})')
    return interpolated_ap(matches or match_predictions(truth, predictions, tious), num_classes)


def interpolated_ap(
    matches: Matches, num_classes: int, inside: np.ndarray | None = None, normal: float | None = None
) -> np.ndarray:
    """Interpolated average precision from matches.

    The precision at each true positive is raised to the best that any lower score of its class reaches, and their sum
    is divided by the number of true events.

    Args:
        matches: Which prediction found which event.
        num_classes: C.
        inside: (N,) bool, the true events that have to be found; None: all that are not ignored. A prediction that took
            another one counts neither way.
        normal: Number of true events that every class is taken to have when the precision is computed, so that classes
            (or parts of the truth) of different size compare: ``R·n / (R·n + FP)`` with recall R, the normalised
            precision of Hoiem et al. (2012). None: the true number, which gives the usual precision.

    Returns:
        (T, C) in [0, 1], NaN for a class without a true event that has to be found.
    """
    truth, labels, true_positive = matches.truth, matches.predictions.labels, matches.true_positive
    if inside is not None:
        true_positive = true_positive & inside[np.maximum(matches.matched_truth, 0)]
    num_true = np.bincount(truth.labels[~truth.ignored if inside is None else inside], minlength=num_classes)
    order = matches.order[np.argsort(labels[matches.order], kind='stable')]  # class by class, the best score first
    labels = labels[order]
    class_begin = np.searchsorted(labels, np.arange(num_classes))
    cells, precisions = [], []
    for t, (true, false) in enumerate(zip(true_positive[:, order], matches.false_positive[:, order], strict=True)):
        place = np.flatnonzero(true)
        label = labels[place]
        num_hits, num_false = (np.append(0, np.cumsum(x)) for x in (true, false))
        hits = (num_hits[place + 1] - num_hits[class_begin[label]]).astype(np.float64)
        if normal is not None:
            hits *= normal / num_true[label]
        precisions.append(hits / (hits + num_false[place] - num_false[class_begin[label]]))
        cells.append(t * num_classes + label)
    cell = np.concatenate(cells)
    interpolated = _suffix_maximum(np.concatenate(precisions), cell)
    total = np.bincount(cell, weights=interpolated, minlength=len(true_positive) * num_classes)
    with np.errstate(invalid='ignore'):
        return np.where(num_true > 0, total.reshape(-1, num_classes) / num_true, np.nan)


def _suffix_maximum(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The maximum of each value and all that follow it in its group; ``groups`` ascend."""
    if not len(values):
        return values
    levels, code = np.unique(values, return_inverse=True)
    # Codes of a later group are smaller than all of an earlier one, so that a running maximum never leaks.
    offset = (groups[-1] - groups) * len(levels)
    return levels[np.maximum.accumulate((code + offset)[::-1])[::-1] - offset]


def mean_over_classes(ap: np.ndarray) -> np.ndarray:
    """Mean (T,) of ``ap`` (T, C) over the classes that are not NaN.

    Raises:
        ValueError: If no class has ground truth: the mean would be undefined.
    """
    present = ~np.isnan(ap).all(axis=0)
    if not present.any():
        raise ValueError('there is no ground truth: no counted event of any class, so the mAP is undefined')
    return ap[:, present].mean(axis=1)
