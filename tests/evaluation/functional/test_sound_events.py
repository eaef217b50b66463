"""Event-based and segment-based scores, by hand, as properties, and against figures of sed_eval."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.evaluation.functional import GroundTruth, Predictions, event_counts, segment_counts
from mmdel.evaluation.functional.sound_events import covered_by_group, in_ignored
from mmdel.utils.segments import covered_length

# Random cases; overlapping events of one class and videos without events are among them. "sed_eval": sed_eval 0.2.1
# with dcase_util 0.2.20 and numpy 2.4.6, the events of each video in the order of (start, end, class),
# EventBasedMetrics(t_collar=0.2, percentage_of_length=0.2) and SegmentBasedMetrics(time_resolution=1.0), both with
# empty_system_output_handling='zero_score'.
CASES = json.loads((Path(__file__).parent / 'data' / 'sound_events.json').read_text())['sed_eval']
SEEDS = st.integers(0, 10**6)
HOUR = [3600.0] * 4


def tables(truth, predictions):
    """Rows (video, class, start, end), and an item more: ignored; the score."""
    truth = np.array([(*row, 0)[:5] for row in truth], dtype=float).reshape(-1, 5)
    predictions = np.array([(*row, 1)[:5] for row in predictions], dtype=float).reshape(-1, 5)
    columns = ((table[:, 0], table[:, 1], table[:, 2:4], table[:, 4]) for table in (truth, predictions))
    return GroundTruth(*next(columns)), Predictions(*next(columns))


def random_rows(rng, num, num_classes=3):
    start = rng.uniform(0, 6, num).round(2)
    columns = rng.integers(4, size=num), rng.integers(num_classes, size=num), start
    return list(zip(*columns, start + rng.uniform(0.1, 3, num).round(2), strict=True))


def figures(counts):
    return [counts.f1, counts.macro_f1, counts.precision, counts.recall, *counts.error_rates]


@pytest.mark.parametrize('place', range(len(CASES)))
def test_agrees_with_sed_eval(place):
    case = CASES[place]
    truth, predictions = tables(case['truth'], case['predictions'])
    found = dict(
        event=event_counts(truth, predictions, case['num_classes']),
        segment=segment_counts(truth, predictions, case['num_classes'], case['durations_sec']),
    )
    for kind, counts in found.items():
        for name, value in case[kind].items():
            assert getattr(counts, name) == pytest.approx(value, abs=1e-8), (kind, name)


def test_events_by_hand():
    truth, predictions = tables(
        [(0, 0, 1, 2), (0, 0, 5, 15), (0, 1, 20, 21), (1, 1, 3, 4), (1, 1, 8, 9)],
        [
            (0, 0, 1.1, 2.1),  # within both collars
            (0, 0, 5.1, 13.1),  # its end may be off by a fifth of 10 s
            (0, 2, 20, 21),  # a substitution
            (1, 1, 3, 4.25),  # too long by 0.25 s
            (2, 2, 8, 9),  # in another video
        ],
    )
    counts = event_counts(truth, predictions, 4)
    assert counts.num_hits.tolist() == [2, 0, 0, 0]
    assert (counts.precision, counts.recall, counts.f1) == pytest.approx((2 / 5, 2 / 5, 2 / 5))
    assert counts.class_f1[:2].tolist() == [1, 0] and np.isnan(counts.class_f1[2:]).all()
    assert counts.macro_f1 == 0.5
    assert counts.error_rates == pytest.approx((1 / 5, 2 / 5, 2 / 5))
    assert event_counts(truth, predictions, 4, offset_collar_sec=np.inf).num_hits.tolist() == [2, 1, 0, 0]
    assert event_counts(truth, predictions, 4, onset_collar_sec=np.inf).num_hits.tolist() == [2, 0, 0, 0]
    everywhere = dict(onset_collar_sec=np.inf, offset_collar_sec=np.inf)  # and still in its own video
    assert event_counts(truth, predictions, 4, **everywhere).num_hits.tolist() == [2, 1, 0, 0]
    assert event_counts(truth, predictions, 4, offset_share=0).num_hits.tolist() == [1, 0, 0, 0]


def test_events_are_matched_as_well_as_possible():
    """The first prediction fits both events, the second only the first: taking the first that fits would find one."""
    truth, predictions = tables([(0, 0, 1, 3), (0, 0, 1.3, 3)], [(0, 0, 1.15, 3), (0, 0, 0.85, 3)])
    assert event_counts(truth, predictions, 1).num_hits.tolist() == [2]


def test_segments_by_hand():
    truth, predictions = tables(
        [(0, 0, 0.5, 2), (0, 1, 4, 5), (1, 0, 0, 1)], [(0, 0, 0, 1), (0, 0, 1.9, 4.1), (0, 1, 7, 9)]
    )
    counts = segment_counts(truth, predictions, 2, [8, 3])
    # Video 0, class 0: true in seconds 0, 1; predicted in 0, 1, 2, 3, 4. Class 1: true in 4, predicted in 7; 8 is over.
    assert counts.num_true.tolist() == [3, 1]
    assert counts.num_predicted.tolist() == [5, 1]
    assert counts.num_hits.tolist() == [2, 0]
    assert counts.error_rates == pytest.approx((1 / 4, 1 / 4, 3 / 4))  # second 4 has one class for another
    assert segment_counts(truth, predictions, 2, [None, None]).num_predicted.tolist() == [5, 2]


def test_segments_of_decimals():
    """0.3 s is the border between the third and the fourth tenth, 1.1 s the end of the eleventh and of the video."""
    truth, predictions = tables([(0, 0, 0.3, 0.7)], [(0, 0, 0.0, 0.3), (0, 0, 1, 2)])
    counts = segment_counts(truth, predictions, 1, [1.1], segment_sec=0.1)
    assert (counts.num_true[0], counts.num_predicted[0], counts.num_hits[0]) == (4, 4, 0)


def test_a_prediction_in_ignored_time_is_never_wrong():
    ignored = [(0, -1, 10, 20, 1), (0, 0, 15, 30, 1), (1, 1, 0, 10, 1)]
    truth, predictions = tables(
        [(0, 0, 1, 2), (0, 0, 12, 13), *ignored],
        [
            (0, 0, 1, 2),
            (0, 0, 12, 13),  # right
            (0, 0, 18, 28),  # in two ignored events together
            (0, 1, 18, 28),  # only two of its seconds are ignored
            (1, 0, 2, 4),  # of another class than what is ignored there
            (1, 1, 8, 12),  # half is not more than half
        ],
    )
    assert in_ignored(truth.select(truth.ignored), predictions).tolist() == [False, True, True, False, False, False]
    counts = event_counts(truth, predictions, 2)
    assert (counts.num_hits.sum(), counts.num_predicted.tolist(), counts.num_true.sum()) == (2, [3, 2], 2)
    counts = segment_counts(truth, predictions, 2, HOUR)
    assert (counts.num_hits.sum(), counts.num_predicted.tolist(), counts.num_true.sum()) == (2, [4, 14], 2)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_the_truth_is_perfect_and_may_be_off_within_the_collars(seed):
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, 12)
    truth, predictions = tables(rows, rows)
    perfect = [1, 1, 1, 1, 0, 0, 0]
    assert figures(event_counts(truth, predictions, 3)) == perfect
    assert figures(segment_counts(truth, predictions, 3, HOUR)) == perfect
    shifted = predictions.segments + rng.uniform(-0.199, 0.199, (12, 2))
    shifted = Predictions(predictions.videos, predictions.labels, np.sort(shifted, axis=1), predictions.scores)
    assert figures(event_counts(truth, shifted, 3)) == perfect


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_order_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    truth, predictions = tables(random_rows(rng, 15), random_rows(rng, 30))
    shuffled = truth.select(rng.permutation(15)), predictions.select(rng.permutation(30))
    collars = dict(onset_collar_sec=1.0, offset_collar_sec=1.0)
    assert figures(event_counts(truth, predictions, 3, **collars)) == figures(event_counts(*shuffled, 3, **collars))
    assert figures(segment_counts(truth, predictions, 3, HOUR)) == figures(segment_counts(*shuffled, 3, HOUR))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_covered_time_of_groups(seed):
    rng = np.random.default_rng(seed)
    groups, segments = rng.integers(5, size=20), np.sort(rng.integers(0, 30, (20, 2)), axis=1).astype(float)
    expected = [covered_length(segments[groups == group]) for group in range(6)]
    np.testing.assert_allclose(covered_by_group(groups, segments, 6), expected)


@pytest.mark.parametrize('rows', [[], [(0, 0, 1, 2, 1)]])
def test_nothing_to_find_is_no_score(rows):
    truth, predictions = tables(rows, [(0, 0, 1, 2)])
    with pytest.raises(ValueError, match='no counted event'):
        event_counts(truth, predictions, 1)
    with pytest.raises(ValueError, match='no counted event'):
        segment_counts(truth, predictions, 1, [5])


def test_no_prediction():
    truth, predictions = tables([(0, 0, 1, 2)], [])
    assert figures(event_counts(truth, predictions, 1)) == [0, 0, 0, 0, 0, 1, 0]
    assert figures(segment_counts(truth, predictions, 1, [5])) == [0, 0, 0, 0, 0, 1, 0]
