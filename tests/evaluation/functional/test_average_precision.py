"""Average precision against a plain-Python oracle, by hand, and against the evaluator that the field copies."""

import numpy as np
import postprocessing_oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.evaluation.functional import (
    GroundTruth,
    Predictions,
    average_precision,
    match_predictions,
    mean_over_classes,
)
from mmdel.evaluation.functional.event_tables import overlapping_pairs

TIOUS = (0.1, 0.3, 0.5, 0.7, 0.9)


def to_tables(truth, predictions):
    """Rows (video, label, start, end, ignored) and (video, label, start, end, score) as tables."""
    t = np.array(truth, dtype=float).reshape(-1, 5)
    p = np.array(predictions, dtype=float).reshape(-1, 5)
    return GroundTruth(t[:, 0], t[:, 1], t[:, 2:4], t[:, 4] > 0), Predictions(p[:, 0], p[:, 1], p[:, 2:4], p[:, 4])


@st.composite
def cases(draw, max_events=14, max_predictions=40, ignored=True):
    """Crowded cases on a coarse time grid: equal segments, equal tIoU, equal scores, segments without length."""
    num_classes = draw(st.integers(1, 4))
    num_videos = draw(st.integers(1, 3))
    times = st.integers(0, 8).map(float) if draw(st.booleans()) else st.floats(0, 8)
    scores = st.integers(0, 4).map(lambda k: k / 4) if draw(st.booleans()) else st.floats(0, 1)

    def rows(last, labels, max_size):
        row = st.tuples(st.integers(0, num_videos - 1), labels, times, times, last)
        return draw(st.lists(row.map(lambda r: (r[0], r[1], min(r[2:4]), max(r[2:4]), r[4])), max_size=max_size))

    labels = st.integers(0, num_classes - 1)
    truth = rows(st.just(0), labels, max_events)
    if ignored and draw(st.booleans()):
        truth += rows(st.just(1), st.integers(-1, num_classes - 1), 4)
    truth += truth[: draw(st.integers(0, 2))]  # the same event annotated twice
    return truth, rows(scores, labels, max_predictions), num_classes


@settings(max_examples=300, deadline=None)
@given(cases())
def test_agrees_with_the_plain_oracle(case):
    truth, predictions, num_classes = case
    ours = average_precision(*to_tables(truth, predictions), TIOUS, num_classes)
    expected = postprocessing_oracle.plain_average_precision(truth, predictions, TIOUS, num_classes)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)


def test_by_hand():
    truth = [(0, 0, 0, 10, 0), (0, 0, 20, 30, 0), (1, 0, 0, 10, 0)]
    predictions = [
        (0, 0, 0, 10, 0.9),  # right
        (0, 0, 0, 9, 0.8),  # the same event again: wrong
        (1, 0, 40, 50, 0.7),  # background: wrong
        (0, 0, 20, 28, 0.6),
    ]  # tIoU 0.8: right up to there
    ap = average_precision(*to_tables(truth, predictions), (0.5, 0.8, 0.9), 1)
    assert ap[:, 0] == pytest.approx([1 / 3 + 1 / 3 * 2 / 4, 1 / 3 + 1 / 3 * 2 / 4, 1 / 3])


def test_a_taken_event_leaves_the_next_best():
    truth = [(0, 0, 0, 10, 0), (0, 0, 1, 12, 0)]
    predictions = [(0, 0, 0, 10, 0.9), (0, 0, 0, 10, 0.8), (0, 0, 0, 10, 0.7)]
    matches = match_predictions(*to_tables(truth, predictions), (0.5, 0.9))
    assert matches.matched_truth.tolist() == [[0, 1, -1], [0, -1, -1]]


def test_classes_without_predictions_count_as_zero_and_without_truth_not_at_all():
    truth = [(0, 0, 0, 10, 0), (0, 2, 0, 10, 0)]
    predictions = [(0, 0, 0, 10, 0.5), (0, 1, 40, 50, 0.9), (0, 1, 0, 10, 0.8), (5, 3, 0, 10, 0.9)]
    ap = average_precision(*to_tables(truth, predictions), (0.5,), 4)
    np.testing.assert_array_equal(ap, [[1, np.nan, 0, np.nan]])
    assert mean_over_classes(ap) == pytest.approx([0.5])
    with pytest.raises(ValueError, match='no ground truth'):
        mean_over_classes(ap[:, 1::2])


def test_ignored_events_count_neither_way():
    truth = [(0, 0, 0, 10, 0), (0, -1, 20, 30, 1), (0, 1, 40, 50, 1), (0, 1, 60, 70, 0)]
    predictions = [
        (0, 0, 25, 80, 0.9),  # touches the ignored event of no class: neutral
        (0, 0, 40, 50, 0.8),  # an ignored event of another class: wrong
        (0, 0, 0, 10, 0.7),
        (0, 1, 45, 46, 0.9),  # neutral
        (0, 1, 60, 70, 0.8),
    ]
    matches = match_predictions(*to_tables(truth, predictions), (0.5,))
    assert matches.neutral.tolist() == [True, False, False, True, False]
    assert matches.true_positive[0].tolist() == [False, False, True, False, True]
    ap = average_precision(*to_tables(truth, predictions), (0.5,), 2)
    assert ap[0] == pytest.approx([0.5, 1])


def test_a_threshold_of_three_times_a_tenth_is_met_by_a_tiou_of_three_tenths():
    truth, predictions = [(0, 0, 0, 10, 0)], [(0, 0, 0, 3, 1)]
    assert average_precision(*to_tables(truth, predictions), (3 * 0.1,), 1)[0, 0] == 1


def test_pairs_are_the_same_whatever_the_size_of_a_block(monkeypatch):
    rng = np.random.default_rng(0)
    rows = np.stack(
        [rng.integers(0, 3, 90), rng.integers(0, 2, 90), *np.sort(rng.uniform(0, 9, (2, 90)), 0), rng.random(90)], 1
    )
    tables = to_tables(rows[:30] * [1, 1, 1, 1, 0], rows[30:])
    whole = [overlapping_pairs(*tables, same_class=same_class, min_iou=0.2) for same_class in (True, False)]
    monkeypatch.setattr('mmdel.evaluation.functional.event_tables.BLOCK_PAIRS', 7)
    for same_class, expected in zip((True, False), whole, strict=True):
        for a, b in zip(overlapping_pairs(*tables, same_class=same_class, min_iou=0.2), expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize('tious', [(), (0,), (0.5, 1.1), (float('nan'),)])
def test_refuses_wrong_thresholds(tious):
    with pytest.raises(ValueError, match='tIoU'):
        match_predictions(*to_tables([], []), tious)


def test_refuses_wrong_tables():
    with pytest.raises(ValueError, match='start <= end'):
        to_tables([(0, 0, 5, 1, 0)], [])
    with pytest.raises(ValueError, match='NaN'):
        to_tables([], [(0, 0, 0, 1, float('nan'))])
    with pytest.raises(ValueError, match='without a class'):
        to_tables([(0, -1, 0, 1, 0)], [])
    with pytest.raises(ValueError, match='one length'):
        GroundTruth(np.zeros(2), np.zeros(3), np.zeros((3, 2)))
    with pytest.raises(ValueError, match='prediction has a label'):
        average_precision(*to_tables([(0, 0, 0, 1, 0)], [(0, 3, 0, 1, 0.5)]), TIOUS, 2)


@pytest.mark.parametrize('seed', range(4))
def test_agrees_with_activitynets_evaluator_as_mmaction_has_it(seed):
    """Written by others: no ties, no ignored events, every predicted class in the truth."""
    from mmaction.evaluation.functional.eval_detection import compute_average_precision_detection

    rng = np.random.default_rng(seed)
    start, length = rng.uniform(0, 20, 420), rng.uniform(0.1, 8, 420)
    rows = np.stack([rng.integers(0, 3, 420), rng.integers(0, 2, 420), start, start + length, rng.random(420)], 1)
    truth, predictions = rows[:60] * [1, 1, 1, 1, 0], rows[60:]
    ours = average_precision(*to_tables(truth, predictions), TIOUS, 2)
    for label in range(2):
        theirs = compute_average_precision_detection(
            *(
                [{'video-id': r[0], 't-start': r[2], 't-end': r[3], 'score': r[4]} for r in table if r[1] == label]
                for table in (truth, predictions)
            ),
            np.array(TIOUS),
        )
        np.testing.assert_allclose(ours[:, label], theirs, rtol=0, atol=1e-9)
