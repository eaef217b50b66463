"""All measures of one evaluation, by hand."""

import pytest

from mmdel.evaluation.event_scores import evaluate_events, recall_metrics, recall_table
from mmdel.evaluation.functional import GroundTruth, Predictions

TRUTH = GroundTruth([0, 0, 1], [0, 2, 0], [[0, 10], [20, 30], [0, 10]])
PREDICTIONS = Predictions([0, 0, 0], [0, 2, 1], [[0, 8], [20, 30], [0, 1]], [0.9, 0.8, 0.7])
CLASSES = ('knock', 'bark', 'speech')


def test_metrics_in_percent():
    scores = evaluate_events(TRUTH, PREDICTIONS, [0.5, 0.9], 3)
    assert scores.metrics() == pytest.approx({'mAP': 62.5, 'mAP@0.5': 75, 'mAP@0.9': 50})
    assert list(scores.metrics(digits=2)) == ['mAP', 'mAP@0.50', 'mAP@0.90']
    assert scores.num_true.tolist() == [2, 0, 1]


def test_tables_show_the_reported_thresholds_and_the_classes_with_truth():
    scores = evaluate_events(TRUTH, PREDICTIONS, [0.5, 0.9], 3)
    table = scores.table(reported=[0.5])
    assert '75.00' in table and '50.00' not in table and '62.50' in table
    classes = scores.class_table(CLASSES)
    assert 'bark' not in classes
    assert classes.index('knock') < classes.index('speech')  # the worst first


def test_recall():
    metrics = recall_metrics(TRUTH, PREDICTIONS, [0.5, 0.9], 3, num_videos=2)
    assert metrics['recall@1x@0.5'] == pytest.approx(75)
    assert metrics['recall@5x@0.9'] == pytest.approx(50)
    assert metrics['AR@100'] == pytest.approx(100 * (7 + 10 + 0) / 30)  # of the ten thresholds, 7 and 10 are met
    assert '75.00' in recall_table(metrics) and 'AR-AN area' in recall_table(metrics)
