from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from mmdel.datasets.checks import Source, clean, write_cleaned
from mmdel.events import Events, Video
from mmdel.events.annotations import Annotations
from mmdel.events.formats.activitynet import from_database, to_database
from mmdel.events.problems import Problem
from mmdel.events.raw import RawEvents
from mmdel.utils.errors import UserInputError

DATABASE = dict(
    x=dict(
        duration=4,
        annotations=[dict(segment=[place - 1, place + 1], label='a', label_id=place) for place in range(5)],
    ),
    y=dict(annotations=[]),
    z=[1],
)


def source(*problems, label_ids=(('a', 0),), ticks_hz=1.0):
    raw = from_database(DATABASE, 'a.json')
    videos = Video('x', 4.0, subset='train'), Video('y')
    events, none = Events(videos), np.zeros(0, np.int64)
    subsets = frozenset(['train'])
    known = Annotations(events, none, np.full(2, ticks_hz), subsets, ('a',), dict(label_ids), frozenset(), [])
    return Source('a.json', raw, [(None, known)], dict.fromkeys(problems))


def problem(kind, video_id='x', event=None, severity=''):
    return Problem(kind, 'this', 'that', video_id, 'a.json', event=event, severity=severity)


def test_each_problem_has_its_cure_and_nothing_else_changes():
    given = source(
        problem('event-beyond-video', event=0),
        problem('duplicate-event', event=1),
        problem('label-id-clash', event=2),
        problem('empty-event', event=3),
        problem('wrong-label', event=3),
        problem('event-beyond-video', event=4),
        problem('wrong-entry', 'z'),
        problem('wrong-length', 'y', severity='warning'),
        problem('streams-differ', 'y'),
        problem('repeated-video-id'),
    )
    before = copy.deepcopy(given.raw)
    cleaned, done = clean(given)
    assert given.raw == before
    kept = [([0.0, 1.0], 0), ([1, 3], 0), ([3.0, 4.0], 4)]
    assert to_database(cleaned) == dict(
        x=dict(duration=4, annotations=[dict(segment=segment, label='a', label_id=i) for segment, i in kept]),
        y=dict(annotations=[]),
    )
    counts = {'clipped events': 2, 'label_ids set': 1, 'dropped events': 2, 'dropped videos': 1}
    assert done == {**counts, 'repeated videos left out': 1}


def test_events_in_frames_are_clipped_in_frames():
    # Four seconds are three frames.
    given = source(problem('event-beyond-video', event=0), problem('event-beyond-video', event=4), ticks_hz=0.75)
    cleaned, _ = clean(given)
    assert (cleaned.start, cleaned.end) == ([0, 0, 1, 2, 3], [1, 2, 3, 4, 3])


def test_a_video_whose_features_are_broken_is_dropped_with_its_events():
    cleaned, done = clean(source(problem('unreadable-file'), problem('missing-file'), problem('wrong-label', event=0)))
    assert list(cleaned.videos) == ['y'] and done == {'dropped videos': 1}


def test_what_needs_a_person_is_left():
    kinds = problem('wrong-hop'), problem('empty-subset', ''), problem('missing-label-id', event=0)
    for given in (source(*kinds, problem('missing-fps')), source(problem('label-id-clash', event=1), label_ids=())):
        cleaned, done = clean(given)
        assert to_database(cleaned) == to_database(given.raw) and done == {}


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / 'new' / 'cleaned.json'
    write_cleaned(path, from_database(dict(x={}), 'a.json'))
    with pytest.raises(UserInputError, match='exists and is left alone'):
        write_cleaned(path, RawEvents('a.json'))
    assert json.loads(path.read_text()) == dict(database=dict(x=dict(annotations=[])))
    with pytest.raises(UserInputError, match='Cannot write'):
        write_cleaned(path / 'below', RawEvents('a.json'))
