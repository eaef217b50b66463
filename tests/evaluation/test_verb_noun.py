import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.evaluation.functional.event_tables import Predictions
from mmdel.evaluation.verb_noun import join_predictions, join_records
from mmdel.utils.errors import UserInputError
from mmdel.utils.segments import segment_iou


def record(video_id, *events, **more):
    """Events (start, end, label); label -1 is ignored."""
    table = np.array(events, dtype=float).reshape(-1, 3)
    labels = table[:, 2].astype(int)
    return dict(video_id=video_id, segments_sec=table[:, :2], labels=labels, ignored=labels < 0, **more)


def table(*rows):
    """Rows (video, start, end, label, score)."""
    columns = np.array(rows, dtype=float).reshape(-1, 5)
    return Predictions(columns[:, 0], columns[:, 3], columns[:, 1:3], columns[:, 4])


def test_events_join_by_their_times_whatever_their_order():
    verbs = [record('v', (5, 6, 1), (1, 3, 0), (1, 4, 1), (7, 8, -1), fps=50), record('w')]
    nouns = [record('w'), record('v', (1, 4, 0), (1, 3, 2), (7, 8, 2), (5, 6.0005, 0))]
    joined, actions = join_records(verbs, nouns)
    assert [video['video_id'] for video in joined] == ['v', 'w'] and joined[0]['fps'] == 50
    assert joined[0]['segments_sec'].tolist() == [[1, 3], [1, 4], [5, 6], [7, 8]]
    assert actions == [(0, 2), (1, 0)]
    assert joined[0]['labels'].tolist() == [0, 1, 1, -1] and joined[0]['ignored'].tolist() == [False] * 3 + [True]
    assert joined[1]['labels'].shape == (0,)


@pytest.mark.parametrize(
    ('nouns', 'said'),
    [
        ([record('v', (1, 3, 0)), record('x')], '1 videos are annotated with verbs or nouns alone, e.g. x'),
        ([record('v')], 'video v: the events with verbs and those with nouns'),
        ([record('v', (1, 3.1, 0))], 'video v: the events with verbs and those with nouns'),
    ],
)
def test_events_that_do_not_fit_are_errors(nouns, said):
    with pytest.raises(UserInputError, match=said):
        join_records([record('v', (1, 3, 0))], nouns)


def test_actions_by_hand():
    verbs = table((3, 0, 10, 0, 0.6), (3, 0, 10, 2, 0.9), (1, 0, 10, 0, 0.9))
    nouns = table((3, 0, 8, 1, 0.2), (3, 0, 4.9, 1, 0.9), (3, 0, 8, 0, 0.9), (2, 0, 8, 1, 0.9))
    found = join_predictions(verbs, nouns, [(1, 0), (0, 1)])
    assert (found.videos.tolist(), found.labels.tolist()) == ([3], [1])
    assert found.scores == pytest.approx([0.6 * 0.2 * 0.8])
    assert found.segments[0] == pytest.approx([0, 0.75 * 10 + 0.25 * 8])
    assert len(join_predictions(verbs, table(), [(1, 0)])) == len(join_predictions(verbs, nouns, [])) == 0


rows = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 20), st.floats(0.1, 9), st.integers(0, 1), st.floats(0.01, 1)), max_size=6
)


@settings(max_examples=80, deadline=None)
@given(rows, rows, st.integers(1, 20))
def test_actions_are_those_of_a_loop_over_all_pairs(verbs, nouns, max_num):
    verbs, nouns = ([(v, start, start + length, k, score) for v, start, length, k, score in x] for x in (verbs, nouns))
    actions = [(0, 1), (1, 0), (1, 1)]
    found = join_predictions(table(*verbs), table(*nouns), actions, max_num)
    for video in range(2):
        expected = []
        for verb in (row for row in verbs if row[0] == video):
            for noun in (row for row in nouns if row[0] == video):
                tiou = float(segment_iou(np.array(verb[1:3]), np.array(noun[1:3])))
                if tiou >= 0.5 and (verb[3], noun[3]) in actions:
                    expected.append((-verb[4] * noun[4] * tiou, actions.index((verb[3], noun[3]))))
        mine = found.select(found.videos == video)
        np.testing.assert_allclose(mine.scores, [-score for score, _ in sorted(expected)[:max_num]])
        assert sorted(mine.labels) == sorted(k for _, k in expected) or len(expected) > max_num
    assert (found.segments[:, 0] < found.segments[:, 1]).all()
