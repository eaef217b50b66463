"""The measures of sound event detection that are asked for."""

from functools import partial

import numpy as np
import pytest

from mmdel.evaluation.functional import GroundTruth, Predictions, event_counts
from mmdel.evaluation.sound_event_measures import SoundEventMeasures, best_threshold

TRUTH = GroundTruth([0, 0, 1], [0, 1, 0], [[0, 10], [20, 21], [5, 6]])
PREDICTIONS = Predictions([0, 0, 1, 1], [0, 1, 0, 0], [[0, 9], [20, 21], [5, 6], [30, 31]], [0.9, 0.6, 0.3, 0.2])
HOURS = [1800.0, 1800.0]


def test_options():
    def f1(**options):
        metrics, _ = SoundEventMeasures(**options).score(TRUTH, PREDICTIONS, HOURS, ('knock', 'speech'))
        return [round(metrics[f'{kind}_F1'], 2) for kind in ('event', 'segment')]

    assert f1(score_thr=0.1) == [85.71, 91.67]
    assert f1(score_thr=0.1, offset_share=0.05) == [57.14, 91.67]
    assert f1(score_thr=0.1, segment_sec=10.0)[1] == 85.71
    assert f1(score_thr=0.95) == [0, 0]


def test_the_best_threshold_is_said_to_be_optimistic():
    metrics, tables = SoundEventMeasures(score_thr=None).score(TRUTH, PREDICTIONS, HOURS, ('knock', 'speech'))
    assert metrics['event_F1'] == 100 and metrics['segment_F1'] == pytest.approx(2200 / 23)
    assert 'optimistic' in tables and ' 0.3 ' in tables
    assert 'optimistic' not in SoundEventMeasures().score(TRUTH, PREDICTIONS, HOURS, ('knock', 'speech'))[1]
    metrics, _ = SoundEventMeasures(score_thr=None).score(TRUTH, PREDICTIONS.select([]), HOURS, ('knock', 'speech'))
    assert metrics['event_F1'] == metrics['PSDS1'] == 0


def test_of_equally_good_thresholds_the_highest():
    """One event found, or both beside two false alarms: F1 is 2/3."""
    truth = GroundTruth([0, 0], [0, 0], [[0, 1], [5, 6]])
    segments = [[0, 1], [5, 6], [8, 9], [10, 11]]
    predictions = Predictions([0] * 4, [0] * 4, segments, [0.9, 0.5, 0.5, 0.5])
    assert best_threshold(truth, predictions, partial(event_counts, num_classes=1)) == 0.9


@pytest.mark.parametrize('duration', [None, np.inf])
def test_no_psds_without_durations(duration):
    metrics, tables = SoundEventMeasures().score(TRUTH, PREDICTIONS, [1800.0, duration], ('knock', 'speech'))
    assert 'no PSDS: it needs all durations, and 1 of 2 are not known' in tables
    assert 'PSDS1' not in metrics and metrics['event_F1'] == pytest.approx(80)


@pytest.mark.parametrize('options', [dict(onset_collar_sec=-1), dict(offset_share=float('nan')), dict(segment_sec=0)])
def test_refuses_wrong_options(options):
    with pytest.raises(ValueError, match='must be >= 0'):
        SoundEventMeasures(**options)
