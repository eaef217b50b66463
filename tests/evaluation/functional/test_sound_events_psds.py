"""PSDS by hand, against a plain loop over thresholds and classes, and against figures of psds_eval."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.evaluation.functional import PSDS1, PSDS2, GroundTruth, Predictions, PSDSScenario, psds
from mmdel.utils.segments import covered_length

# Random cases in which no events and no predictions of one class overlap. psds_eval 0.5.3 with numpy 1.26.4 and pandas
# 2.2.3, an operating point for each score, up to 100 and 1000 effective false positives an hour.
CASES = json.loads((Path(__file__).parent / 'data' / 'sound_events.json').read_text())['psds_eval']
HITS = PSDSScenario(dtc_threshold=0.5, gtc_threshold=0.5)


def tables(truth, predictions):
    """Rows (video, class, start, end), for predictions with their score."""
    truth, predictions = (np.array(rows, dtype=float) for rows in (truth, predictions))
    columns = truth[:, 0], truth[:, 1], truth[:, 2:4]
    return GroundTruth(*columns), Predictions(
        *predictions.reshape(-1, 5)[:, :2].T, predictions[:, 2:4], predictions[:, 4]
    )


@pytest.mark.parametrize('place', range(len(CASES)))
def test_agrees_with_psds_eval(place):
    case = CASES[place]
    for name, scenario in (('psds1', PSDS1), ('psds2', PSDS2)):
        for end in (100, 1000):
            value = psds(
                *tables(case['truth'], case['predictions']),
                case['durations_sec'],
                replace(scenario, max_efpr_per_hour=end),
            )
            assert value == pytest.approx(case[f'{name}_{end}'], abs=1e-7), (name, end)


@pytest.mark.parametrize(
    ('scores', 'value'),
    [
        ((0.9, 0.8, 0.7), (1 * 0.5 + 99 * 1) / 100),
        ((0.7, 0.8, 0.9), (1 * 0.5 + 99 * 1) / 100),
        ((0.9, 0.9, 0.9), 0.99),  # of equal scores all come in at once
        ((0.9, 0.9, 0.7), 0.99),
        ((0.8, 0.9, 0.7), 0.99),
        ((0.9, 0.7, 0.9), 1.0),
    ],
)
def test_one_false_positive_an_hour_by_hand(scores, value):
    rows = [(0, 0, 10, 20), (0, 0, 500, 501), (0, 0, 30, 40)]
    truth, predictions = tables([rows[0], rows[2]], [(*row, score) for row, score in zip(rows, scores, strict=True)])
    assert psds(truth, predictions, [3600], HITS) == pytest.approx(value)


def test_weights_by_hand():
    truth, predictions = tables(
        [(0, 0, 10, 20), (0, 1, 30, 66)], [(0, 0, 10, 20, 0.9), (0, 0, 35, 40, 0.8), (0, 1, 30, 66, 0.7)]
    )
    # Both are found from 0 on; the cross-trigger of the first class comes to nothing. Were its score higher, it would
    # come before the hit and weigh 1 + α · 1 / 0.01 h. Until then one of two classes has 0, so that the mean less the
    # deviation is 0, and without the deviation 0.5.
    both = replace(HITS, alpha_ct=0.5)
    assert psds(truth, predictions, [3600], both) == pytest.approx(1)
    predictions = replace(predictions, scores=[0.8, 0.9, 0.7])
    assert psds(truth, predictions, [3600], both) == pytest.approx(1 - 0.51)
    assert psds(truth, predictions, [3600], replace(both, alpha_st=0)) == pytest.approx(1 - 0.51 / 2)
    assert psds(truth, predictions, [3600], replace(both, alpha_ct=0)) == pytest.approx(1 - 0.01)


def test_parts_that_overlap_cover_once():
    """Two predictions of the same 0.4 of an event do not detect it; one that adds to them does."""
    parts = [(0, 0, 0, 4, 0.9), (0, 0, 0, 4, 0.8), (0, 0, 3, 6, 0.7)]
    truth, predictions = tables([(0, 0, 0, 10)], parts)
    assert psds(truth, predictions.select(np.arange(2)), [3600], HITS) == 0
    assert psds(truth, predictions, [3600], HITS) == 1


def test_what_does_not_count():
    truth, predictions = tables([(0, 0, 10, 20)], [(0, 0, 10, 20, 0.5)])
    harmless = [(0, 3, 0, 9, 0.9), (0, 0, 4000, 4001, 0.9), (0, 0, 7, 7, 0.9), (0, 0, 101, 104, 0.9)]
    _, others = tables([(0, 0, 0, 1)], harmless)  # no class of the truth; outside; without length; ignored
    predictions = Predictions(
        *(np.concatenate([vars(table)[name] for table in (predictions, others)]) for name in vars(predictions))
    )
    truth = GroundTruth([0, 0, 0], [0, 0, -1], [[10, 20], [5, 5], [100, 110]], [False, False, True])
    assert psds(truth, predictions, [3600], HITS) == 1
    truth = replace(truth, segments=[[10, 20], [5, 5], [200, 210]])
    assert psds(truth, predictions, [3600], HITS) == pytest.approx(0.99)
    with pytest.raises(ValueError, match='no counted event'):
        psds(truth.select(truth.ignored), predictions, [3600], HITS)
    for duration in (np.inf, np.nan, 0):
        with pytest.raises(ValueError, match='durations of all videos'):
            psds(truth, predictions, [duration], HITS)


def plain_psds(truth, predictions, durations_sec, scenario):
    """One threshold, class and event after the other."""
    num_classes = truth.labels.max() + 1

    def common(table, chosen, segment):
        """How much of a segment the chosen events cover."""
        parts = np.stack(
            [table.segments[chosen, 0].clip(min=segment[0]), table.segments[chosen, 1].clip(max=segment[1])], 1
        )
        return covered_length(parts[parts[:, 1] > parts[:, 0]]) / (segment[1] - segment[0])

    curves = []
    for label in range(num_classes):
        points = []
        for threshold in np.unique(predictions.scores)[::-1]:
            efpr, precise = 0.0, np.zeros(len(predictions), bool)
            for p in np.flatnonzero((predictions.scores >= threshold) & (predictions.labels == label)):
                here, segment = truth.videos == predictions.videos[p], predictions.segments[p]
                precise[p] = common(truth, here & (truth.labels == label), segment) >= scenario.dtc_threshold
                if not precise[p]:
                    efpr += 3600 / sum(durations_sec)
                    for other in set(range(num_classes)) - {label}:
                        if common(truth, here & (truth.labels == other), segment) >= scenario.cttc_threshold:
                            rate = 3600 / np.diff(truth.segments[truth.labels == other]).sum()
                            efpr += scenario.alpha_ct * rate / (num_classes - 1)
            events = np.flatnonzero(truth.labels == label)
            shares = [
                common(predictions, precise & (predictions.videos == truth.videos[e]), truth.segments[e])
                for e in events
            ]
            points.append((efpr, np.mean(np.array(shares) >= scenario.gtc_threshold)))
        curves.append(points)
    grid = np.unique([0.0, scenario.max_efpr_per_hour, *(x for points in curves for x, _ in points)])
    grid = grid[grid <= scenario.max_efpr_per_hour]
    rates = np.array([[max((y for x, y in points if x <= at), default=0) for at in grid] for points in curves])
    rate = (rates.mean(0) - scenario.alpha_st * rates.std(0)).clip(min=0)
    return (rate[:-1] * np.diff(grid)).sum() / scenario.max_efpr_per_hour


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    alpha_st=st.sampled_from([0.0, 0.3, 1.0]),
    share=st.sampled_from([0.1, 0.35, 0.7]),
    num_classes=st.integers(1, 3),
)
def test_agrees_with_a_plain_loop(seed, alpha_st, share, num_classes):
    """Also where events and predictions of one class overlap, and scores are equal."""
    rng = np.random.default_rng(seed)

    def rows(num):
        start = rng.uniform(0, 8, num)
        segments = np.stack([start, start + rng.uniform(0.5, 4, num)], axis=1)
        return (
            rng.integers(2, size=num),
            np.append(np.arange(num_classes), rng.integers(num_classes, size=num - num_classes)),
            segments,
        )

    truth, predictions = GroundTruth(*rows(10)), Predictions(*rows(20), rng.random(20).round(1))
    scenario = PSDSScenario(share, share, 0.3, alpha_ct=0.5, alpha_st=alpha_st, max_efpr_per_hour=2000)
    expected = plain_psds(truth, predictions, [12.0, 12.0], scenario)
    assert psds(truth, predictions, [12.0, 12.0], scenario) == pytest.approx(expected, abs=1e-7)
    shuffled = truth.select(rng.permutation(10)), predictions.select(rng.permutation(20))
    assert psds(*shuffled, [12.0, 12.0], scenario) == pytest.approx(expected, abs=1e-7)
    perfect = Predictions(truth.videos, truth.labels, truth.segments, np.full(10, 0.5))
    assert psds(truth, perfect, [12.0, 12.0], scenario) == pytest.approx(1, abs=1e-7)
