from __future__ import annotations

import copy
import json

import pytest

from mmdel.datasets.checks import Annotations, Defect, Video, clean, write_cleaned
from mmdel.utils.errors import UserInputError


@pytest.fixture
def annotations():
    events = [dict(segment=[place - 1, place + 1], label='a', label_id=place) for place in range(5)]
    database = dict(x=dict(duration=4, annotations=events), y=dict(annotations=[]), z=[1])
    return Annotations('a.json', database, {'x': Video('x', 'train', 4.0, None)}, ('a',), dict(a=0), [])


def defect(kind, video_id='x', event=None, severity=''):
    return Defect(kind, 'this', 'that', video_id, 'a.json', event=event, severity=severity)


def test_each_defect_has_its_cure_and_nothing_else_changes(annotations):
    before = copy.deepcopy(annotations.database)
    defects = [
        defect('event-beyond-video', event=0),
        defect('duplicate-event', event=1),
        defect('label-id-clash', event=2),
        defect('zero-length-event', event=3),
        defect('missing-label', event=3),
        defect('event-beyond-video', event=4),
        defect('wrong-entry', 'z'),
        defect('wrong-length', 'y', severity='warning'),
        defect('constant-feature', 'y'),
    ]
    database, done = clean(annotations, defects)
    assert annotations.database == before
    assert database == dict(
        x=dict(
            duration=4,
            annotations=[
                dict(segment=[0.0, 1.0], label='a', label_id=0),
                dict(segment=[1, 3], label='a', label_id=0),
                dict(segment=[3.0, 4.0], label='a', label_id=4),
            ],
        ),
        y=dict(annotations=[]),
    )
    assert done == {'clipped events': 2, 'label_ids set': 1, 'dropped events': 2, 'dropped videos': 1}


def test_a_video_whose_features_are_broken_is_dropped_with_its_events(annotations):
    database, done = clean(
        annotations, [defect('unreadable-file'), defect('missing-file'), defect('missing-label', event=0)]
    )
    assert list(database) == ['y', 'z'] and done == {'dropped videos': 1}


def test_what_needs_a_person_is_left(annotations):
    defects = [defect('wrong-hop'), defect('empty-subset', ''), defect('missing-label-id', event=0)]
    assert clean(annotations, defects) == (annotations.database, {})
    annotations.label_ids.clear()
    assert clean(annotations, [defect('label-id-clash', event=1)]) == (annotations.database, {})


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / 'new' / 'cleaned.json'
    write_cleaned(path, dict(x={}))
    assert json.loads(path.read_text()) == dict(database=dict(x={}))
    with pytest.raises(UserInputError, match='exists and is left alone'):
        write_cleaned(path, {})
    assert json.loads(path.read_text()) == dict(database=dict(x={}))
    with pytest.raises(UserInputError, match='Cannot write'):
        write_cleaned(path / 'below', {})
