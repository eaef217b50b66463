"""The measures of events that are asked for."""

import json

import numpy as np
import pytest

from mmdel.evaluation.event_measures import EventMeasures, why_not_scored
from mmdel.evaluation.functional import GroundTruth, Predictions, event_step_average_precision

# The first prediction finds the first event, of 10 s, from tIoU 0.8 on; nothing finds the other one.
TRUTH = GroundTruth([0, 1], [0, 0], [[0, 10], [20, 30]])
PREDICTIONS = Predictions([0], [0], [[0, 8]], [0.9])


def score(**options):
    return EventMeasures(**options).score(TRUTH, PREDICTIONS, [60.0, 60.0], ('knock', 'speech'))


def test_values_by_hand_and_only_tables_that_are_asked_for():
    metrics, tables = score(tious=[0.8, 0.9])
    assert metrics == pytest.approx({'mAP': 25, 'mAP@0.8': 50, 'mAP@0.9': 0})
    assert '| 50.00 | 0.00 | 25.00 ' in tables and 'knock' not in tables and 'recall' not in tables
    metrics, tables = score(tious=[0.5], per_class=True, recall=True, steps_per_video=60)
    assert metrics['recall@1x@0.5'] == metrics['AR@1'] / 0.7 == pytest.approx(50)
    steps = event_step_average_precision(TRUTH, PREDICTIONS, np.array([60.0, 60.0]), 2, steps_per_video=60)
    assert metrics['step_mAP'] == 100 * steps[0] > 0  # of knock alone
    assert 'knock' in tables and 'speech' not in tables  # no event of it is to be found


def test_repeated_truth_is_counted_if_asked():
    twice = GroundTruth([0, 0], [0, 0], [[0, 10], [0.0005, 10]])
    assert len(EventMeasures().counted(twice)) == 2
    assert len(EventMeasures(same_within_sec=0.001).counted(twice)) == 1


def test_blocked_videos_are_read(tmp_path):
    path = tmp_path / 'blocked.json'
    path.write_text(json.dumps(['b', 'a']))
    assert EventMeasures(blocked_file=str(path)).blocked == {'a', 'b'}


def test_why_nothing_is_scored():
    def video(labels, ignored):
        return dict(true_labels=np.array(labels), ignored=np.array(ignored, dtype=bool))

    assert why_not_scored([video([0, -1], [0, 1])]) == ''  # the ignored one needs no label
    assert 'no event to find in the 2 videos' in why_not_scored([video([0], [1]), video([], [])])
    assert '1 of the 2 true events have no label' in why_not_scored([video([0, -1], [0, 0])])


def test_refuses_what_it_does_not_know():
    with pytest.raises(TypeError):
        EventMeasures(prefix='event')


def test_refuses_wrong_options():
    with pytest.raises(ValueError, match='unknown protocol'):
        EventMeasures(protocol='coco')
    with pytest.raises(ValueError, match='tIoU'):
        EventMeasures(tious=[0.5, 50])
    with pytest.raises(ValueError, match='same_within_sec must be 0 seconds or more, got -1'):
        EventMeasures(same_within_sec=-1)
    for steps in (dict(step_hz=0), dict(step_hz=1, steps_per_video=5)):
        with pytest.raises(ValueError, match='one of steps_per_video and step_hz'):
            EventMeasures(**steps)
