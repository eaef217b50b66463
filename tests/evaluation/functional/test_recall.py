"""Recall@kx against a plain loop, AR@AN against mmaction2's evaluator of ActivityNet proposals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.evaluation.functional import GroundTruth, Predictions, average_recall, recall_at_k
from mmdel.utils.segments import segment_iou


def random_tables(seed, num_videos=5, num_classes=3, num_true=25, num_predictions=150, ignored=0.0):
    rng = np.random.default_rng(seed)

    def segments(num):
        start = rng.uniform(0, 20, num)
        return np.stack([start, start + rng.uniform(0.5, 8, num)], 1)

    truth = GroundTruth(
        rng.integers(num_videos, size=num_true),
        rng.integers(num_classes, size=num_true),
        segments(num_true),
        rng.random(num_true) < ignored,
    )
    return truth, Predictions(
        rng.integers(num_videos, size=num_predictions),
        rng.integers(num_classes, size=num_predictions),
        segments(num_predictions),
        rng.random(num_predictions),
    )


def plain_recall(truth, predictions, tiou, k, num_classes):
    recalls = []
    for label in range(num_classes):
        found, total = 0, 0
        for video in set(truth.videos.tolist()):
            events = np.flatnonzero((truth.videos == video) & (truth.labels == label) & ~truth.ignored)
            mine = np.flatnonzero((predictions.videos == video) & (predictions.labels == label))
            best = sorted(mine, key=lambda p: -predictions.scores[p])[: k * len(events)]
            total += len(events)
            found += sum(
                any(segment_iou(truth.segments[e], predictions.segments[p]) >= tiou for p in best) for e in events
            )
        if total:
            recalls.append(found / total)
    return np.mean(recalls)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), ignored=st.sampled_from([0.0, 0.3]))
def test_recall_agrees_with_a_plain_loop(seed, ignored):
    truth, predictions = random_tables(seed, ignored=ignored)
    recall = recall_at_k(truth, predictions, (0.3, 0.6), (1, 5), 4)
    expected = [[plain_recall(truth, predictions, tiou, k, 4) for tiou in (0.3, 0.6)] for k in (1, 5)]
    np.testing.assert_allclose(recall, expected, atol=1e-12)


def test_recall_by_hand():
    truth = GroundTruth([0, 0, 1], [0, 0, 1], [[0, 10], [20, 30], [0, 10]])
    predictions = Predictions(
        [0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [[0, 9], [0, 10], [20, 30], [50, 60], [0, 8]], [0.9, 0.8, 0.7, 0.9, 0.8]
    )
    # Two events of class 0, so its best two count: one found. The best of class 1 misses.
    np.testing.assert_allclose(recall_at_k(truth, predictions, (0.5, 0.9), (1, 5), 2), [[0.25, 0.25], [1, 0.5]])


@pytest.mark.parametrize('seed', [0, 1, 2, 3])
@pytest.mark.parametrize('num_predictions', [40, 150, 900])
@pytest.mark.parametrize('max_predictions', [100, 7])
def test_average_recall_agrees_with_mmaction(seed, num_predictions, max_predictions, monkeypatch):
    from mmaction.evaluation.functional import average_recall_at_avg_proposals

    monkeypatch.setattr(np, 'trapz', np.trapezoid, raising=False)  # gone from numpy 2.4
    num_videos = 7
    truth, predictions = random_tables(seed, num_videos, 1, 40, num_predictions)
    truths = {v: truth.segments[truth.videos == v] for v in range(num_videos)}
    proposals = {
        v: np.column_stack([predictions.segments, predictions.scores])[predictions.videos == v]
        for v in range(num_videos)
    }
    _, expected, numbers, area = average_recall_at_avg_proposals(truths, proposals, len(predictions), max_predictions)
    curve = average_recall(truth, predictions, num_videos, max_predictions)
    # mmaction2 samples 100 points whatever the largest number; and 0.29 * 100 may be 28.999… there.
    assert len(curve.recall) == pytest.approx(numbers[-1])
    if max_predictions == 100:
        np.testing.assert_allclose(curve.recall, expected, atol=0.03)
        assert np.median(np.abs(curve.recall - expected)) == 0
        assert 100 * curve.area == pytest.approx(area, abs=0.2)
    assert curve.recall[-1] == pytest.approx(expected[-1])


def test_recall_without_truth_is_an_error():
    _, predictions = random_tables(0)
    nothing = GroundTruth([], [], [])
    with pytest.raises(ValueError, match='no ground truth'):
        recall_at_k(nothing, predictions, (0.5,), (1,), 3)
    with pytest.raises(ValueError, match='no ground truth'):
        average_recall(nothing, predictions, 3)


def test_no_predictions_find_nothing():
    truth, _ = random_tables(0)
    nothing = Predictions([], [], [], [])
    assert not recall_at_k(truth, nothing, (0.5,), (1, 5), 3).any()
    assert average_recall(truth, nothing, 5).area == 0
