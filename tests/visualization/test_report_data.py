"""The content of a report says what the measures say."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmdel.evaluation.event_scores import evaluate_events
from mmdel.evaluation.functional import GroundTruth, Predictions, match_predictions
from mmdel.events import Events, Video
from mmdel.visualization.report_data import NEUTRAL, TIOUS, UNMATCHED, report_content

VIDEOS = [Video('v0', 20.0), Video('v1', 20.0), Video('v2', None, subset='val')]


def numbers(text, dtype):
    return np.frombuffer(b64decode(text), dtype)


def columns(table):
    kinds = dict(begin='<i4', label='<i4', start='<f8', end='<f8', score='<f8')
    return {name: numbers(text, kinds[name]) for name, text in table.items()}


def content_of(rows, true_rows=None, **options):
    events = Events.from_rows(rows, VIDEOS)
    truth = None if true_rows is None else Events.from_rows(true_rows, VIDEOS[:2])
    return report_content(events, truth, **{**dict(title='t', score_thr=0.1, tiou=0.5, provenance={}), **options})


def spans(num, scored):
    """Rows whose times and scores tie often."""
    row = st.tuples(
        st.sampled_from(['v0', 'v1']), st.integers(0, 12), st.integers(1, 6), st.sampled_from(['a', 'b', 'c'])
    )
    rows = st.lists(st.tuples(row, st.integers(0, 5)), min_size=1, max_size=num)
    return rows.map(lambda items: [(v, s, s + n, label, *([k / 5] if scored else [])) for (v, s, n, label), k in items])


def expected(rows, true_rows, tiou, threshold):
    """(hits, false alarms, missed) of the predictions at or above the threshold, by the measure's own matching."""
    rows = [row for row in rows if row[4] >= threshold]

    def arrays(rows):
        table = [(int(row[0][1]), 'abc'.index(row[3]), (row[1], row[2])) for row in rows]
        videos, labels, segments = zip(*table, strict=True) if table else ((), (), ())
        return np.array(videos, int), np.array(labels, int), np.array(segments, float).reshape(-1, 2)

    truth = GroundTruth(*arrays(true_rows))
    matches = match_predictions(truth, Predictions(*arrays(rows), np.array([row[4] for row in rows])), [tiou])
    hits = int(matches.true_positive.sum())
    return hits, int(matches.false_positive.sum()), len(true_rows) - hits


@settings(max_examples=60, deadline=None)
@example(
    rows=[('v0', 0, 1, 'a', 0.0), ('v0', 0, 2, 'a', 0.2)], true_rows=[('v0', 1, 2, 'a'), ('v0', 0, 1, 'a')]
)  # a tie of tIoUs
@given(rows=spans(14, scored=True), true_rows=spans(8, scored=False))
def test_one_matching_serves_every_threshold(rows, true_rows):
    content = content_of(rows, true_rows)
    scores, num_true = columns(content['predicted'])['score'], len(true_rows)
    for tiou, text in zip(content['tious'], content['matches'], strict=True):
        taken = numbers(text, '<i4')
        for threshold in (0.0, 0.3, 0.4, 0.6, 1.0, 1.1):
            shown = taken[scores >= threshold]
            hits = int((shown >= 0).sum())
            counts = hits, int((shown == UNMATCHED).sum()), num_true - len(set(shown[shown >= 0].tolist()))
            assert counts == expected(rows, true_rows, tiou, threshold)


@settings(max_examples=40, deadline=None)
@given(rows=spans(14, scored=True), true_rows=spans(8, scored=False))
def test_the_precision_is_that_of_the_evaluation(rows, true_rows):
    content = content_of(rows, true_rows)
    names = content['labels']

    def arrays(rows):
        return [int(r[0][1]) for r in rows], [names.index(r[3]) for r in rows], [(r[1], r[2]) for r in rows]

    predictions = Predictions(*arrays(rows), [row[4] for row in rows])
    scores = evaluate_events(GroundTruth(*arrays(true_rows)), predictions, TIOUS, len(names))
    ap = np.array([[np.nan if value is None else value for value in row] for row in content['ap']])
    assert ap == pytest.approx(scores.ap, abs=1e-6, nan_ok=True)


def test_columns_lie_video_by_video():
    content = content_of([('v1', 5, 6, 'b', 0.5), ('v1', 1, 2, 'a', 0.25), ('v0', 0, 0.1 + 0.2, '', 1.0)])
    table = columns(content['predicted'])
    assert table['begin'].tolist() == [0, 1, 3, 3] and table['label'].tolist() == [-1, 1, 0]
    assert table['start'].tolist() == [0, 5, 1] and table['end'].tolist() == [0.1 + 0.2, 6, 2]
    assert table['score'].tolist() == [1.0, 0.5, 0.25]
    assert 'matches' not in content and 'ap' not in content
    assert [video['id'] for video in content['videos']] == ['v0', 'v1', 'v2']
    assert content['videos'][2]['duration'] is None and content['videos'][2]['subset'] == 'val'


def test_what_the_truth_does_not_name_is_not_judged():
    content = content_of([('v0', 1, 2, 'a', 0.9), ('v2', 1, 2, 'a', 0.95)], [('v0', 1, 2, 'a')])
    assert [video['judged'] for video in content['videos']] == [True, True, False]
    assert content['ap'][1] == [1.0]  # the surer prediction of v2 is no false alarm


def test_true_events_without_a_label_are_ignored_and_so_is_what_meets_them():
    content = content_of([('v0', 1, 2, 'a', 0.9), ('v0', 8, 9, 'a', 0.8)], [('v0', 1, 3, ''), ('v0', 14, 15, 'a')])
    assert numbers(content['matches'][1], '<i4').tolist() == [NEUTRAL, UNMATCHED]


def test_predictions_of_no_score_are_left_out_and_told(logged):
    content = content_of([('v0', 1, 2, 'a', 0.9), ('v0', 3, 4, 'a')], [('v0', 1, 2, 'a')])
    assert columns(content['predicted'])['start'].tolist() == [1]
    assert any('1 of 2 predictions' in message for message in logged)


def test_the_asked_tiou_is_one_to_choose():
    content = content_of([('v0', 1, 2, 'a', 0.9)], [('v0', 1, 2, 'a')], tiou=0.6)
    assert content['tious'] == [0.3, 0.5, 0.6, 0.7] and content['tiou'] == 2
