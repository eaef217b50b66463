from __future__ import annotations

import pytest

from mmdel.events.columns import LabelColumn
from mmdel.events.labels import look_alikes, name_classes, number_labels, to_labels
from mmdel.events.raw import RawEvents
from mmdel.utils.errors import UserInputError


def uses(*events):
    """How labels are used by a video for each event (label, label_id)."""
    raw = RawEvents('x.json')
    for number, (label, label_id) in enumerate(events):
        raw.add(f'v{number}', 0, 1, label, 'event 0', label_id=label_id)
    column = LabelColumn(raw)
    return column.uses(~column.lacking)


def numbered(*events, num_classes=None):
    """The classes, and (kind, video) of what is wrong."""
    label_ids, wrong_ids = number_labels(uses(*events))
    classes, wrong_names = name_classes(uses(*events), label_ids, num_classes, 'x.json')
    return classes, [(problem.kind, problem.video_id) for problem in wrong_ids + wrong_names]


@pytest.mark.parametrize(
    ('events', 'classes'),
    [
        ([('zebra', 0), ('ant', 1), ('cat', 2)], ('zebra', 'ant', 'cat')),
        ([('ant', 2), ('cat', '0')], ('cat', 'unused_1', 'ant')),
        ([('zebra', 0), ('zebra', None), ('ant', 1)], ('zebra', 'ant')),
        ([('zebra', None), ('cat', None), ('zebra', None)], ('cat', 'zebra')),
        ([('10', None), ('9', None), (2, None)], ('2', '9', '10')),
        ([(10, None), (9, None)], ('9', '10')),
        ([(' zebra', '0.0'), ('zebra ', 0), ('ant', 1.0)], ('zebra', 'ant')),
    ],
)
def test_classes_are_in_the_order_of_their_ids_else_sorted(events, classes):
    assert numbered(*events) == (classes, [])


def test_num_classes_gives_the_classes_at_the_end_a_place_too():
    assert numbered(('ant', 2), ('cat', 0), num_classes=5)[0] == ('cat', 'unused_1', 'ant', 'unused_3', 'unused_4')
    assert numbered(('ant', None), num_classes=2) == (('ant', 'unused_1'), [])
    assert numbered(('ant', 2), num_classes=2)[1] == [('too-many-classes', '')]


@pytest.mark.parametrize(
    ('events', 'problems'),
    [
        ([], [('no-label', '')]),
        *(([('x', None), (three, None)], [('mixed-labels', '')]) for three in (3, '3', '3.0', -3)),
        ([('x', 0), ('y', None), ('y', None)], [('missing-label-id', 'v1')]),
        *(([('x', raw), ('y', 0)], [('wrong-label-id', 'v0')]) for raw in (-1, 'a', True, 10**12)),
        ([('a', 1), ('a', 0), ('a', 0), ('b', 1), ('b', 1), ('b', None)], [('label-id-clash', 'v0')]),
        ([('a', 1), ('a', 0), ('b', 1), ('b', 1)], [('label-id-clash', 'v0')]),
        ([('a', 0), ('a', 0), ('b', 0)], [('label-id-clash', 'v2')]),
    ],
)
def test_what_contradicts_is_told_against_the_most_events(events, problems):
    assert numbered(*events)[1] == problems


def test_a_clash_names_the_id_or_the_owner():
    _, (one,) = number_labels(uses(('a', 1), ('a', 0), ('a', 0), ('b', 1), ('b', 1)))
    assert one.line() == "label-id-clash, video v0, event 0, x.json: 'a' has label_id 1; expected 0"
    _, (two,) = number_labels(uses(('a', 0), ('a', 0), ('b', 0)))
    assert two.line() == "label-id-clash, video v2, event 0, x.json: 'b' has label_id 0; expected another: 'a' has it"


def test_labels_that_look_alike_are_told_with_both_spellings_and_how_often():
    labels = uses(('dog', None), ('Dog', None), ('dog', None), ('dog bark', None), ('dog_bark', None), ('cat', None))
    assert [problem.line() for problem in look_alikes(labels, {'CAT', 'cow'}, 'x.json')] == [
        "similar-labels, video v1, event 0, x.json: 'Dog' (1 events) beside 'dog' (2 events); expected one spelling of "
        'each class',
        "similar-labels, x.json: 'CAT' (0 events) beside 'cat' (1 events); expected one spelling of each class",
        "similar-labels, video v4, event 0, x.json: 'dog_bark' (1 events) beside 'dog bark' (1 events); expected one "
        'spelling of each class',
    ]


def test_the_labels_of_a_config_are_as_those_of_a_file():
    assert to_labels([' dog ', 3, '3.0'], 'classes') == ('dog', '3', '3')
    for wrong in ('dog', ['dog', ''], [None], [['dog']]):
        with pytest.raises(UserInputError, match='classes must be a list of texts or whole numbers'):
            to_labels(wrong, 'classes')
