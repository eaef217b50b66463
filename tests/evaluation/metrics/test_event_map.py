"""EventMAP behind mmengine's evaluator."""

import json

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from mmdel.structures import EventDataSample


def make_sample(video_id, truth=(), predictions=(), dtype=torch.float32):
    """Rows (start, end, label, ignored) and (start, end, label, score)."""
    truth = np.array(truth, dtype=float).reshape(-1, 4)
    rows = torch.tensor(predictions, dtype=torch.float64).reshape(-1, 4)
    sample = EventDataSample(metainfo=dict(video_id=video_id, duration_sec=40.0))
    sample.eval_instances = InstanceData(
        segments_sec=truth[:, :2], labels=truth[:, 2].astype(int), ignored=truth[:, 3] > 0
    )
    sample.pred_instances = InstanceData(
        segments_sec=rows[:, :2].to(dtype), scores=rows[:, 3].to(dtype), labels=rows[:, 2].long()
    )
    return sample


SAMPLES = [
    make_sample('a', [(0, 10, 0, 0), (20, 30, 1, 0)], [(0, 8, 0, 0.9), (30, 40, 0, 0.8), (20, 30, 1, 0.7)]),
    make_sample('silent'),
    make_sample('b', [(0, 10, 0, 0), (0, 40, -1, 1)], [(0, 4, 0, 0.95)]),
]


def evaluate(samples, classes=('knock', 'speech'), **options):
    evaluator = Evaluator(dict(type='mmdel.EventMAP', **options))
    evaluator.dataset_meta = dict(classes=classes) if classes else {}
    for sample in samples:
        evaluator.process([sample])
    return evaluator.evaluate(len(samples))


def test_values_by_hand():
    metrics = evaluate(SAMPLES, tious=[0.3, 0.5])
    # knock: two events; at 0.3 found by both of the best two, at 0.5 the best one is neutral.
    assert metrics == pytest.approx({'event/mAP': 87.5, 'event/mAP@0.3': 100, 'event/mAP@0.5': 75})


def test_the_protocol_gives_the_thresholds():
    assert list(evaluate(SAMPLES, protocol='thumos14'))[1:] == [f'event/mAP@{t}' for t in (0.3, 0.4, 0.5, 0.6, 0.7)]
    assert len(evaluate(SAMPLES)) == 1 + 9


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float64])
def test_any_number_type(dtype):
    samples = [make_sample('a', [(0, 10, 0, 0)], [(0, 8, 0, 0.5)], dtype)]
    assert evaluate(samples, tious=[0.5])['event/mAP'] == 100


def test_more_measures():
    metrics = evaluate(SAMPLES, tious=[0.5], recall=True, steps_per_video=10)
    assert metrics['event/recall@1x@0.5'] == pytest.approx(75)
    assert metrics['event/AR@100'] > 0
    assert metrics['event/AR-AN area'] > 0
    assert 0 < metrics['event/step_mAP'] < 100


def test_class_agnostic():
    """Every prediction counts, whatever its label: at 0.5 events of a, a; (30, 40) is wrong and comes between."""
    relabelled = [(0, 8, 0, 0.9), (30, 40, 0, 0.8), (20, 30, 0, 0.7)]
    samples = [make_sample('a', [(0, 10, 0, 0), (20, 30, 1, 0)], relabelled)]
    assert evaluate(samples, tious=[0.5])['event/mAP'] == pytest.approx(50)  # the second class is never predicted
    metrics = evaluate(samples, tious=[0.5], class_agnostic=True, per_class=True, recall=True)
    assert metrics['event/mAP'] == pytest.approx(100 * (1 / 2 + 1 / 2 * 2 / 3))
    assert metrics['event/recall@5x@0.5'] == 100
    for sample in samples:
        sample.eval_instances.labels = np.full(2, -1)  # the file has no labels
        sample.pred_instances.labels = torch.tensor([7, 1, 3])
    for classes in (None, (), ('knock', 'speech')):
        assert evaluate(samples, classes, tious=[0.5], class_agnostic=True, per_class=True, recall=True) == metrics


def test_tables_are_logged(monkeypatch):
    logged = []
    monkeypatch.setattr('mmdel.evaluation.metrics.event_map.print_log', lambda text, **_: logged.append(text))
    evaluate(SAMPLES, per_class=True, recall=True)
    assert 'speech' in logged[0] and 'recall@5x' in logged[0] and 'mean of all' in logged[0]
    header = next(line for line in logged[0].splitlines() if 'mean of all' in line)
    assert '0.5' in header and '0.4' not in header  # UnAV-100 reports from 0.5 on
    # Of three videos of 40 s, one is ignored as a whole.
    assert 'warning: ignored events cover 33.3 % of the scored time: no prediction is wrong there' in logged[0]
    little = make_sample('c', [(0, 10, 0, 0), (38, 99, -1, 1), (39, 40, -1, 1)])
    for samples, said in (([*SAMPLES[:2], little], '\nignored events cover 1.7 %'), (SAMPLES[:2], None)):
        evaluate(samples)
        assert said in logged[-1] if said else 'ignored' not in logged[-1]


def test_blocked_videos_do_not_count(tmp_path):
    blocked = tmp_path / 'blocked.json'
    blocked.write_text(json.dumps(['b']))
    assert evaluate(SAMPLES, tious=[0.5], blocked_file=str(blocked)) == evaluate(SAMPLES[:2], tious=[0.5])


def test_repeated_truth_counts_once_if_asked():
    truth = [(0, 10, 0, 0), (0.0005, 10, 0, 0), (20, 30, 0, 0)]
    samples = [make_sample('a', truth, [(0, 10, 0, 0.9)])]
    assert evaluate(samples, tious=[0.5])['event/mAP'] == pytest.approx(100 / 3)
    assert evaluate(samples, tious=[0.5], same_within_sec=0.001)['event/mAP'] == pytest.approx(50)


def test_without_class_names():
    assert evaluate(SAMPLES, classes=None, tious=[0.5])['event/mAP'] == pytest.approx(75)


@pytest.mark.parametrize(
    ('samples', 'reason'),
    [
        ([SAMPLES[1]], 'no event to find in the 1 videos'),
        ([make_sample('c', [(0, 1, 0, 1)], [(0, 1, 0, 0.5)]), SAMPLES[1]], 'no event to find in the 2 videos'),
        ([make_sample('d', [(0, 1, -1, 0), (2, 3, 0, 0), (0, 9, -1, 1)])], '1 of the 2 true events have no label'),
    ],
)
def test_what_cannot_be_scored_is_left_out_in_one_line(samples, reason, monkeypatch):
    logged = []
    monkeypatch.setattr('mmdel.evaluation.metrics.event_map.warn', logged.append)
    assert evaluate(samples) == {} and len(logged) == 1 and reason in logged[0]


def test_broken_predictions_name_their_video():
    for row in ((5, 1, 0, 0.5), (0, 1, 0, float('nan')), (0, float('inf'), 0, 0.5)):
        with pytest.raises(ValueError, match='video broken: 1 of 1'):
            evaluate([make_sample('broken', [(0, 1, 0, 0)], [row])])


def test_a_sample_without_truth_names_its_video():
    sample = make_sample('x')
    del sample.eval_instances
    with pytest.raises(ValueError, match=r'video x: .* no eval_instances'):
        evaluate([sample])
