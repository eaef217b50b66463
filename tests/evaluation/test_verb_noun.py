import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.evaluation.functional.event_tables import segment_iou
from mmdel.evaluation.verb_noun import join_annotations, join_results, name_labels
from mmdel.utils.errors import UserInputError

VERBS, NOUNS = ('cut', 'wash'), ('egg', 'leek')
ACTIONS = {('cut', 'leek'), ('wash', 'egg'), ('wash', 'leek')}


def video(*events, **more):
    return {'subset': 'val', 'annotations': [{'segment': [a, b], 'label': label} for a, b, label in events], **more}


def detection(task, start, end, label, score):
    return {'segment': [start, end], task: label, 'score': score}


def test_annotations_join_by_their_times_whatever_their_order():
    verbs = {'v': video((5, 6, 'wash'), (1, 3, 'cut'), (1, 3, 'wash'), fps=50), 'w': video()}
    nouns = {'v': video((1, 3, 'leek'), (1, 3, 'egg'), (5, 6.0005, 'leek')), 'w': video()}
    joined = join_annotations(verbs, nouns)
    assert [(*a['segment'], a['verb'], a['noun']) for a in joined['v']['annotations']] == [
        (1, 3, 'cut', 'leek'),
        (1, 3, 'wash', 'egg'),
        (5, 6, 'wash', 'leek'),
    ]
    assert joined['v']['fps'] == 50 and joined['w'] == {'subset': 'val', 'annotations': []}


@pytest.mark.parametrize(
    ('nouns', 'said'),
    [
        ({'v': video((1, 3, 'egg')), 'x': video()}, '1 videos are annotated with verbs or nouns alone, e.g. x'),
        ({'v': video()}, 'video v: the events with verbs and those with nouns'),
        ({'v': video((1, 3.1, 'egg'))}, 'video v: the events with verbs and those with nouns'),
        ({'v': video((None, 3, 'egg'))}, 'video v: an annotation has no segment'),
    ],
)
def test_annotations_that_do_not_fit_are_errors(nouns, said):
    with pytest.raises(UserInputError, match=said):
        join_annotations({'v': video((1, 3, 'cut'))}, nouns)


def test_numbers_become_names():
    entries = [{'label': 1}, {'label': 'cut'}, {'label': 7}, {'label': True}, 'broken']
    named = name_labels({'v': entries}, 'verb', VERBS)['v']
    assert [entry['verb'] for entry in named[:4]] == ['wash', 'cut', 7, True]
    assert named[4] == 'broken' and 'verb' not in entries[0]


def test_actions_by_hand():
    verbs = {'v': [detection('verb', 0, 10, 'cut', 0.6), detection('verb', 0, 10, 'stir', 0.9)], 'w': []}
    nouns = {'v': [detection('noun', 0, 8, 'leek', 0.2), detection('noun', 0, 4.9, 'leek', 0.9)], 'x': []}
    nouns['v'] += [detection('noun', 0, 8, 'egg', 0.9)]
    (action,) = join_results(verbs, nouns, ACTIONS)['v']
    assert (action['verb'], action['noun']) == ('cut', 'leek')
    assert action['score'] == pytest.approx(0.6 * 0.2 * 0.8)
    assert action['segment'] == pytest.approx([0, 0.75 * 10 + 0.25 * 8])


detections = st.lists(
    st.tuples(st.floats(0, 20), st.floats(0.1, 9), st.sampled_from([0, 1]), st.floats(0.01, 1)), max_size=6
)


@settings(max_examples=80, deadline=None)
@given(detections, detections, st.integers(1, 20))
def test_actions_are_those_of_a_loop_over_all_pairs(verbs, nouns, max_num):
    verbs = [detection('verb', start, start + length, VERBS[label], score) for start, length, label, score in verbs]
    nouns = [detection('noun', start, start + length, NOUNS[label], score) for start, length, label, score in nouns]
    expected = []
    for verb in verbs:
        for noun in nouns:
            tiou = float(segment_iou(np.array([verb['segment']]), np.array([noun['segment']]))[0])
            if tiou >= 0.5 and (verb['verb'], noun['noun']) in ACTIONS:
                expected.append(verb['score'] * noun['score'] * tiou)
    actual = join_results({'v': verbs}, {'v': nouns}, ACTIONS, max_num)['v']
    np.testing.assert_allclose([action['score'] for action in actual], sorted(expected, reverse=True)[:max_num])
    assert all((action['verb'], action['noun']) in ACTIONS for action in actual)
    assert all(action['segment'][0] < action['segment'][1] for action in actual)


def test_broken_detections_are_left_out_or_named():
    good = [detection('noun', 0, 8, 'leek', 0.5)]
    broken = [detection('verb', 8, 0, 'cut', 0.5), detection('verb', 0, 8, 'cut', float('nan'))]
    assert join_results({'v': broken}, {'v': good}, ACTIONS) == {'v': []}
    with pytest.raises(UserInputError, match='video v: a prediction must have'):
        join_results({'v': [{'verb': 'cut', 'score': 1}]}, {'v': good}, ACTIONS)
