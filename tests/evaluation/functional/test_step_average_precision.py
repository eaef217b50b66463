"""Average precision of steps against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.evaluation.functional import GroundTruth, Predictions, event_step_average_precision
from mmdel.evaluation.functional.step_average_precision import paint_steps, sample_steps, step_average_precision


def plain_step_ap(scores, targets):
    num_true, ap, last = sum(targets), 0.0, 0
    if not num_true:
        return np.nan
    for threshold in sorted(set(scores), reverse=True):
        taken = [target for score, target in zip(scores, targets, strict=True) if score >= threshold]
        ap += (sum(taken) - last) / num_true * sum(taken) / len(taken)
        last = sum(taken)
    return ap


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), num_steps=st.integers(1, 40), levels=st.sampled_from([1, 3, 1000]))
def test_agrees_with_a_plain_loop(seed, num_steps, levels):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (num_steps, 4)) / levels
    targets = rng.random((num_steps, 4)) < [0.5, 0.1, 0.9, 0]
    expected = [plain_step_ap(scores[:, k].tolist(), targets[:, k].tolist()) for k in range(4)]
    np.testing.assert_allclose(step_average_precision(scores, targets), expected, atol=1e-12)


def test_painting_agrees_with_a_plain_loop():
    rng = np.random.default_rng(1)
    steps = sample_steps([10.0, 3.5, 7.0], step_hz=2)
    segments = np.sort(rng.integers(-2, 24, (30, 2)) / 2, axis=1)
    events = Predictions(rng.integers(0, 3, 30), rng.integers(0, 2, 30), segments, rng.random(30))
    expected = np.zeros((len(steps[0]), 2))
    for s, (video, time) in enumerate(zip(*steps, strict=True)):
        for p in range(30):
            if events.videos[p] == video and events.segments[p, 0] <= time <= events.segments[p, 1]:
                expected[s, events.labels[p]] = max(expected[s, events.labels[p]], events.scores[p])
    np.testing.assert_array_equal(paint_steps(events, events.scores, *steps, 2), expected)


def test_sampled_times():
    videos, times = sample_steps([10.0, 5.0], steps_per_video=5)
    assert videos.tolist() == [0] * 5 + [1] * 5
    assert times.tolist() == [0, 2, 4, 6, 8, 0, 1, 2, 3, 4]
    videos, times = sample_steps([1.0, 0.6], step_hz=2)
    assert videos.tolist() == [0, 0, 0, 1, 1]
    assert times.tolist() == [0, 0.5, 1, 0, 0.5]


def test_events_by_hand():
    truth = GroundTruth([0, 0], [0, 1], [[0, 4], [0, 9]], [False, True])
    predictions = Predictions([0, 0], [0, 0], [[0, 1], [4, 6]], [0.5, 0.9])
    # Ten steps; true: 0-4. Score 0.9 at 4, 5, 6, score 0.5 at 0 and 1, 0 elsewhere.
    ap = event_step_average_precision(truth, predictions, [10.0], 2, steps_per_video=10)
    assert ap[0] == pytest.approx(1 / 5 * 1 / 3 + 2 / 5 * 3 / 5 + 2 / 5 * 5 / 10)
    assert np.isnan(ap[1])


@pytest.mark.parametrize('options', [{}, dict(steps_per_video=5, step_hz=1), dict(steps_per_video=0), dict(step_hz=-1)])
def test_refuses_anything_but_one_positive_number(options):
    with pytest.raises(ValueError, match='steps_per_video'):
        sample_steps([1.0], **options)
