"""Event-based and segment-based scores of sound event detection (Mesaros, Heittola and Virtanen 2016).

N true events, P predictions, C classes. The definitions are those of sed_eval's ``EventBasedMetrics`` with optimal
matching and ``SegmentBasedMetrics``, both with ``empty_system_output_handling='zero_score'``. Scores play no part here:
the caller leaves out what lies below his threshold.

An ignored event need not be found, and a prediction that lies more than half in ignored time of its class is right
where it finds something, and else as if it were not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmdel.evaluation.functional.event_tables import GroundTruth, Predictions, Table, overlapping_pairs


@dataclass(frozen=True)
class SoundCounts:
    """How many events, or active segments, there are, and how many were found.

    Args:
        num_hits: (C,) found.
        num_true: (C,) to be found.
        num_predicted: (C,) predicted.
        num_substitutions: How often another class was predicted at the place of one that was missed.

    Raises:
        ValueError: If there is nothing to find: all scores would be undefined.
    """

    num_hits: np.ndarray
    num_true: np.ndarray
    num_predicted: np.ndarray
    num_substitutions: int

    def __post_init__(self) -> None:
        if not self.num_true.any():
            raise ValueError('there is no ground truth: no counted event of any class, so the scores are undefined')

    @property
    def class_f1(self) -> np.ndarray:
        """(C,) in [0, 1], NaN for a class with nothing to find."""
        with np.errstate(invalid='ignore', divide='ignore'):
            return np.where(self.num_true > 0, 2 * self.num_hits / (self.num_true + self.num_predicted), np.nan)

    @property
    def macro_f1(self) -> float:
        """Mean over the classes with something to find; one without a prediction has 0."""
        return float(np.nanmean(self.class_f1))

    @property
    def f1(self) -> float:
        """Of all classes together ("micro"), also those with nothing to find."""
        return float(2 * self.num_hits.sum() / (self.num_true.sum() + self.num_predicted.sum()))

    @property
    def precision(self) -> float:
        """Share of the predicted that is right; 0 if nothing is predicted."""
        return float(self.num_hits.sum() / max(self.num_predicted.sum(), 1))

    @property
    def recall(self) -> float:
        """Share of the true that is found."""
        return float(self.num_hits.sum() / self.num_true.sum())

    @property
    def error_rates(self) -> tuple[float, float, float]:
        """Substitutions, deletions (missed and not substituted) and insertions (wrong and no substitution), each
        divided by the number to be found; their sum is the error rate, which may exceed 1."""
        num_substitutions, num_hits = self.num_substitutions, int(self.num_hits.sum())
        num_true, num_predicted = int(self.num_true.sum()), int(self.num_predicted.sum())
        num_deletions, num_insertions = (num - num_hits - num_substitutions for num in (num_true, num_predicted))
        return num_substitutions / num_true, num_deletions / num_true, num_insertions / num_true


def event_counts(
    truth: GroundTruth,
    predictions: Predictions,
    num_classes: int,
    onset_collar_sec: float = 0.2,
    offset_collar_sec: float = 0.2,
    offset_share: float = 0.2,
) -> SoundCounts:
    """Count events that are found, each by a prediction of its own, of its class and within the collars.

    A class has as many hits as the largest matching of its events and predictions has pairs. A substitution is a pair
    within the collars of a missed event and a prediction that is left; as in sed_eval each event takes the first that
    fits, here in the order of time, so that the order of tables does not matter.

    Args:
        truth: N true events.
        predictions: P predictions.
        num_classes: C; labels lie in [0, C).
        onset_collar_sec: How far the start may be off; infinity leaves starts out.
        offset_collar_sec: How far the end may be off; infinity leaves ends out.
        offset_share: It may be off by this share of the true event's length if that is more.

    Raises:
        ValueError: If there is no counted event.
    """
    from scipy.sparse import csr_array  # only here: reports, which do without, run where it is not installed
    from scipy.sparse.csgraph import maximum_bipartite_matching

    ignored = truth.select(truth.ignored)
    truth, predictions = _in_order_of_time(truth.select(~truth.ignored)), _in_order_of_time(predictions)
    true, pred = _pairs_of_onsets(truth, predictions, onset_collar_sec)
    true_sec, found_sec = truth.segments[true], predictions.segments[pred]
    offset_collars_sec = np.maximum(offset_collar_sec, offset_share * (true_sec[:, 1] - true_sec[:, 0]))
    near = np.abs(true_sec[:, 1] - found_sec[:, 1]) <= offset_collars_sec
    true, pred = true[near], pred[near]

    same = truth.labels[true] == predictions.labels[pred]
    pairs = csr_array((same[same], (true[same], pred[same])), shape=(len(truth), len(predictions)))
    taken = maximum_bipartite_matching(pairs, perm_type='column')  # (N,) place of the prediction, −1 for none
    right = np.isin(np.arange(len(predictions)), taken)
    counted = right | ~in_ignored(ignored, predictions)
    left = (taken[true] < 0) & ~right[pred] & counted[pred]
    return SoundCounts(
        num_hits=np.bincount(truth.labels[taken >= 0], minlength=num_classes),
        num_true=np.bincount(truth.labels, minlength=num_classes),
        num_predicted=np.bincount(predictions.labels[counted], minlength=num_classes),
        num_substitutions=_num_first_fits(true[left], pred[left]),
    )


def segment_counts(
    truth: GroundTruth,
    predictions: Predictions,
    num_classes: int,
    durations_sec: Sequence[float | None],
    segment_sec: float = 1.0,
) -> SoundCounts:
    """Cut the videos into segments and count the classes that are active in each.

    A class is active in every segment that one of its events touches. Substitutions are those within a segment.

    Args:
        truth: N true events.
        predictions: P predictions.
        num_classes: C; labels lie in [0, C).
        durations_sec: Of each video, by its number: what lies behind its last segment does not count. None: not known.
        segment_sec: Length of a segment.

    Raises:
        ValueError: If no segment has anything to find.
    """
    ends = np.array([np.inf if seconds is None else seconds for seconds in durations_sec], dtype=np.float64)
    all_ends = (table.segments[:, 1].max(initial=0) for table in (truth, predictions))
    # Rounded, since 0.3 / 0.1 is less than 3, and 1.1 / 0.1 more than 11.
    ends = np.ceil(np.round(np.minimum(ends, max(all_ends)) / segment_sec, 6))
    stride = int(ends.max(initial=0)) + 1

    def cells(table: GroundTruth | Predictions) -> np.ndarray:
        """The numbers (video · stride + segment) · C + class of the active ones, ascending."""
        segments = np.round(table.segments / segment_sec, 6)
        begin = np.floor(segments[:, 0]).clip(min=0)
        count = (np.minimum(np.ceil(segments[:, 1]), ends[table.videos]) - begin).clip(min=0)
        event, segment = _ranges(begin.astype(np.int64), count.astype(np.int64))
        return np.unique((table.videos[event] * stride + segment) * num_classes + table.labels[event])

    neutral = in_ignored(truth.select(truth.ignored), predictions)
    true = cells(truth.select(~truth.ignored))
    hits = np.intersect1d(true, cells(predictions), assume_unique=True)
    predicted = np.union1d(hits, cells(predictions.select(~neutral)))
    segments = np.unique(np.concatenate([true, predicted]) // num_classes)

    def by_segment(found: np.ndarray) -> np.ndarray:
        return np.bincount(np.searchsorted(segments, found // num_classes), minlength=len(segments))

    def by_class(found: np.ndarray) -> np.ndarray:
        return np.bincount(found % num_classes, minlength=num_classes)

    substitutions = np.minimum(by_segment(true), by_segment(predicted)) - by_segment(hits)
    return SoundCounts(by_class(hits), by_class(true), by_class(predicted), int(substitutions.sum()))


def in_ignored(ignored: GroundTruth, predictions: Predictions) -> np.ndarray:
    """Whether each prediction (P,) lies more than half in ignored events of its class or of no class."""
    pred, segments = [np.zeros(0, np.int64)], [np.zeros((0, 2))]
    for any_class in (True, False):
        events = ignored.select((ignored.labels < 0) == any_class)
        found, event, _ = overlapping_pairs(events, predictions, same_class=not any_class)
        pred.append(found)
        segments.append(intersections(events.segments[event], predictions.segments[found]))
    covered_sec = covered_by_group(np.concatenate(pred), np.concatenate(segments), len(predictions))
    return covered_sec > 0.5 * (predictions.segments[:, 1] - predictions.segments[:, 0])


def intersections(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The common parts (n, 2) of segments ``a`` (n, 2) and ``b`` (n, 2) that overlap."""
    return np.stack([np.maximum(a[:, 0], b[:, 0]), np.minimum(a[:, 1], b[:, 1])], axis=1)


def covered_by_group(groups: np.ndarray, segments: np.ndarray, num_groups: int) -> np.ndarray:
    """How much of the axis the segments (n, 2) of each group (n,) cover together; (num_groups,)."""
    if not len(groups):
        return np.zeros(num_groups)
    order = np.lexsort((segments[:, 0], groups))
    groups, (starts, ends) = groups[order], segments[order].T
    # What each adds begins where those before it in its group end. Codes of a later group are larger than all of an
    # earlier one, so that a running maximum never leaks.
    levels, codes = np.unique(ends, return_inverse=True)
    reached = levels[np.maximum.accumulate(codes + groups * len(levels)) % len(levels)]
    same_group = groups[1:] == groups[:-1]
    starts[1:] = np.where(same_group, np.maximum(starts[1:], reached[:-1]), starts[1:])
    return np.bincount(groups, weights=(ends - starts).clip(min=0), minlength=num_groups)


def _in_order_of_time(table: Table) -> Table:
    """The events by video, start, end and class."""
    return table.select(np.lexsort((table.labels, table.segments[:, 1], table.segments[:, 0], table.videos)))


def _pairs_of_onsets(truth: GroundTruth, predictions: Predictions, collar_sec: float) -> tuple[np.ndarray, np.ndarray]:
    """All pairs (true event, prediction) of one video whose starts are so near, by event and then by prediction.

    Both tables are in the order of time.
    """
    true_sec, pred_sec = truth.segments[:, 0], predictions.segments[:, 0]
    extent_sec = np.ptp(np.concatenate([[0], true_sec, pred_sec]))
    collar_sec = min(collar_sec, extent_sec)
    span = extent_sec + 2 * collar_sec + 1
    # The videos lie one after the other on one axis, out of reach of each other.
    true_at, pred_at = truth.videos * span + true_sec, predictions.videos * span + pred_sec
    margin = collar_sec + 1e-3  # the axis is long, its numbers are coarse
    begin, end = np.searchsorted(pred_at, true_at - margin), np.searchsorted(pred_at, true_at + margin, 'right')
    true, pred = _ranges(begin, end - begin)
    near = np.abs(true_sec[true] - pred_sec[pred]) <= collar_sec
    return true[near], pred[near]


def _ranges(begin: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers begin … begin + count − 1 of each range, one after the other: (range, number)."""
    owner = np.repeat(np.arange(len(count)), count)
    return owner, np.arange(len(owner)) + (begin - np.cumsum(count) + count)[owner]


def _num_first_fits(true: np.ndarray, pred: np.ndarray) -> int:
    """How many pairs are made if each event in turn takes the first prediction that is still free."""
    served: set[int] = set()
    taken: set[int] = set()
    for event, prediction in zip(true.tolist(), pred.tolist(), strict=True):
        if event not in served and prediction not in taken:
            served.add(event)
            taken.add(prediction)
    return len(served)
