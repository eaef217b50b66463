"""The diagnosis by hand, and its identities."""

import numpy as np
import pytest

from mmdel.evaluation.functional import GroundTruth, Predictions, diagnose, match_predictions
from mmdel.evaluation.functional.diagnosis import KINDS, characteristics, classify_predictions


def by_hand():
    """One prediction of each kind. Video, class, start, end."""
    truth = np.array([(0, 0, 0, 10), (0, 1, 20, 30), (0, 0, 40, 50), (1, 0, 0, 10), (1, 1, 70, 80)], dtype=float)
    predictions = np.array(
        [
            (0, 0, 0, 9, 0.95),  # true
            (0, 0, 0, 10, 0.9),  # duplicate
            (0, 0, 20, 30, 0.85),  # wrong class
            (0, 0, 46, 56, 0.8),  # bad boundary, tIoU 4/16
            (1, 1, 6, 16, 0.75),  # both
            (1, 0, 30, 40, 0.7),  # background
        ]
    )
    return (
        GroundTruth(truth[:, 0], truth[:, 1], truth[:, 2:]),
        Predictions(predictions[:, 0], predictions[:, 1], predictions[:, 2:4], predictions[:, 4]),
    )


def test_kinds_by_hand():
    truth, predictions = by_hand()
    kinds, targets = classify_predictions(match_predictions(truth, predictions, [0.5]))
    assert [KINDS[kind] for kind in kinds] == list(KINDS)
    assert targets.tolist() == [-1, -1, 1, 2, -1, -1]


def test_gains_by_hand():
    truth, predictions = by_hand()
    diagnosis = diagnose(truth, predictions, 2)
    # Class 0: three events, found at rank 1 of 5. Class 1: two events, none found by one prediction.
    assert diagnosis.map == pytest.approx(1 / 3 / 2)
    assert diagnosis.num_predictions.tolist() == [1] * 6
    # Wrong class set right: class 1 has found one of two, ahead of the other prediction.
    assert diagnosis.gains['wrong class'] == pytest.approx(1 / 2 / 2)
    # Bad boundary set right: the second of class 0, at rank 4.
    assert diagnosis.gains['bad boundary'] == pytest.approx(1 / 3 * 2 / 4 / 2)
    # The first of class 0 has the best score, so that removing what follows gains nothing.
    assert [diagnosis.gains[name] for name in ('duplicate', 'both', 'background')] == pytest.approx([0, 0, 0])
    # Missed and meant by nothing: one event of each class. Then class 0 has found one of two.
    assert diagnosis.gains['missed'] == pytest.approx((1 / 2 - 1 / 3) / 2)


def test_profile_counts_the_best_of_each_class():
    truth, predictions = by_hand()
    profile = diagnose(truth, predictions, 2).profile
    assert profile[0].tolist() == [1, 1, 1, 0, 1, 0]  # best three of class 0, best two of class 1
    assert profile[-1].tolist() == [1] * 6


def test_only_the_better_of_two_is_set_right():
    truth = GroundTruth([0], [0], [[0, 10]])
    predictions = Predictions([0, 0, 0], [0, 0, 0], [[6, 16], [7, 17], [50, 60]], [0.9, 0.8, 0.7])
    diagnosis = diagnose(truth, predictions, 1)
    assert diagnosis.gains['bad boundary'] == pytest.approx(1)
    assert diagnosis.map == 0


def test_one_whose_event_is_found_already_is_removed():
    truth = GroundTruth([0, 0], [0, 0], [[0, 10], [20, 30]])
    predictions = Predictions([0, 0, 0], [0, 0, 0], [[0, 10], [6, 16], [20, 30]], [0.9, 0.8, 0.7])
    diagnosis = diagnose(truth, predictions, 1)
    assert (diagnosis.map, diagnosis.gains['bad boundary']) == pytest.approx((5 / 6, 1 / 6))


def test_perfect_predictions_leave_nothing_to_gain():
    truth, _ = by_hand()
    predictions = Predictions(truth.videos, truth.labels, truth.segments, np.ones(len(truth)))
    diagnosis = diagnose(truth, predictions, 2)
    assert diagnosis.map == diagnosis.normalised_map == 1
    assert set(diagnosis.gains.values()) == {0}
    assert all(found == value == 1 for part in diagnosis.sensitivity.values() for _, found, value in part.values())


def test_neutral_predictions_are_left_out():
    truth, predictions = by_hand()
    segments = [*truth.segments, (28, 33)]
    ignored = GroundTruth([*truth.videos, 1], [*truth.labels, -1], segments, [False] * 5 + [True])
    assert diagnose(ignored, predictions, 2).num_predictions.tolist() == [1, 1, 1, 1, 1, 0]


def test_characteristics_by_hand():
    segments = [[0, 1], [10, 12], [11, 15], [0, 5], [20, 26]]
    truth = GroundTruth([0, 0, 0, 1, 1], [0, 0, 1, 0, 0], segments, [False] * 4 + [True])
    parts = characteristics(truth)
    assert parts['events of the class in the video']['1'].tolist() == [False, False, True, True, False]
    assert parts['events of the class in the video']['2-4'].tolist() == [True, True, False, False, False]
    overlap = parts['overlap with another event']
    assert overlap['none'].tolist() == [True, False, False, True, False]
    assert overlap['up to half'].tolist() == [False, True, True, False, False]
    assert sum(inside.astype(int) for inside in parts['length'].values()).tolist() == [1, 1, 1, 1, 0]


def test_sensitivity_does_not_count_finds_outside_the_bucket_as_wrong():
    truth = GroundTruth([0, 0], [0, 0], [[0, 1], [10, 30]])
    predictions = Predictions([0, 0], [0, 0], [[10, 30], [0, 1]], [0.9, 0.8])
    assert [value for _, _, value in diagnose(truth, predictions, 1).sensitivity['length'].values()] == [1, 1]
