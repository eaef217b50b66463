"""SoundEventScores behind mmengine's evaluator."""

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from mmdel.evaluation.functional import GroundTruth, Predictions
from mmdel.structures import EventDataSample

TRUTH = GroundTruth([0, 0, 1], [0, 1, 0], [[0, 10], [20, 21], [5, 6]])
PREDICTIONS = Predictions([0, 0, 1, 1], [0, 1, 0, 0], [[0, 9], [20, 21], [5, 6], [30, 31]], [0.9, 0.6, 0.3, 0.2])
HOURS = [1800.0, 1800.0]


def make_sample(video_id, number, ignored=False):
    """One of the two videos."""
    true, pred = TRUTH.videos == number, PREDICTIONS.videos == number
    sample = EventDataSample(metainfo=dict(video_id=video_id, duration_sec=HOURS[number]))
    sample.eval_instances = InstanceData(
        segments_sec=TRUTH.segments[true], labels=TRUTH.labels[true], ignored=np.full(true.sum(), ignored)
    )
    columns = dict(segments_sec=PREDICTIONS.segments, scores=PREDICTIONS.scores, labels=PREDICTIONS.labels)
    sample.pred_instances = InstanceData(**{name: torch.tensor(column[pred]) for name, column in columns.items()})
    return sample


def evaluate(samples, classes=('knock', 'speech'), **options):
    evaluator = Evaluator(dict(type='mmdel.SoundEventScores', **options))
    evaluator.dataset_meta = dict(classes=classes)
    for sample in samples:
        evaluator.process([sample])
    return evaluator.evaluate(len(samples))


def test_values_by_hand():
    """From 0.5 on two events are predicted, and right: one ends 1 s early, of 10. Of 12 true seconds 10 are found."""
    metrics = evaluate([make_sample('a', 0), make_sample('b', 1)])
    expected = dict(F1=80, F1_macro=100 * (2 / 3 + 1) / 2, precision=100, recall=100 * 2 / 3, ER=100 / 3)
    assert {name: metrics[f'sound/event_{name}'] for name in expected} == pytest.approx(expected)
    expected = dict(F1=2000 / 22, F1_macro=100 * (18 / 20 + 1) / 2, precision=100, recall=1000 / 12, ER=200 / 12)
    assert {name: metrics[f'sound/segment_{name}'] for name in expected} == pytest.approx(expected)
    # The one false positive comes after all hits.
    assert metrics['sound/PSDS1'] == pytest.approx(100) == metrics['sound/PSDS2']
    assert len(metrics) == 12
    assert evaluate([make_sample('a', 0), make_sample('b', 1)], classes=None) == metrics


def test_what_cannot_be_scored_is_left_out_in_one_line(logged):
    assert evaluate([make_sample('a', 0, ignored=True)]) == {}
    assert len(logged) == 1 and 'no event to find in the 1 videos' in logged[0]
    evaluate([make_sample('a', 0, ignored=True), make_sample('b', 1)])
    assert 'ignored events cover 0.3 % of the scored time' in logged[1]
