from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from events.formats.samples_json import MMACTION, read_content, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.events import Events, Video
from mmdel.events.formats import NO, PERHAPS, mmaction
from mmdel.events.reading import read_events
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import to_label


def test_reads_what_stands_there(tmp_path):
    raw = read_content(mmaction, tmp_path, MMACTION)
    place = 'event 0'
    assert rows_of(raw) == [('v_--1DO2V4K74', 30.025882995319815, 205.2318595943838, 'Rock climbing', place)]
    assert list(raw.videos) == ['v_--1DO2V4K74', 'v_quiet']
    assert raw.videos['v_quiet'] == {'duration': 26.75, 'duration_frame': 647, 'feature_frame': 624, 'fps': 24.0}


def test_other_keys_are_columns_and_ids_stay_texts(tmp_path):
    entry = {'duration': 9, 'annotations': [{'segment': ['0:01', '2,5'], 'label': 3, 'score': 0.5, 'label_id': 7}]}
    raw = read_content(mmaction, tmp_path, {'007': entry})
    assert rows_of(raw) == [('007', '0:01', '2,5', 3, 'event 0')]
    assert raw.columns == {'score': [0.5], 'label_id': [7]} and raw.videos == {'007': {'duration': 9}}


def test_what_is_wrong_is_the_parsers_to_say(tmp_path):
    """As of ActivityNet's own file: a doctor lists all of it."""
    wrong = {'a': 3, 'b': {'annotations': [{'segment': [1], 'label': 'x'}]}, 'c': {'annotations': 'x'}}
    raw = read_content(mmaction, tmp_path, json.dumps(wrong)[:-1] + ', "c": {}}')
    assert [(problem.kind, problem.video_id) for problem in raw.problems] == [
        ('repeated-video-id', 'c'),
        ('wrong-entry', 'a'),
    ]
    assert rows_of(raw) == [('b', [1], None, 'x', 'event 0')]
    with pytest.raises(UserInputError, match=r'the file is \[\]; expected a mapping'):
        read_content(mmaction, tmp_path, [])


def test_without_its_durations_it_is_a_guess(tmp_path):
    path = tmp_path / 'a.json'
    for content, says in (({'a': {'annotations': []}}, PERHAPS), ({'a': {'annotations': {}}}, NO), ({}, NO)):
        path.write_text(json.dumps(content))
        assert mmaction.matches(Source(path)) == says


def test_writes_what_localizers_need(tmp_path):
    videos = [Video('a', 10.0, 29.97, 'train', {'rfps': 29.9, 'feature_frame': 288}), Video('b')]
    mmaction.write(Events.from_rows([('a', 1.5, 2.0, 'dog', 0.25)], videos), tmp_path / 'a.json')
    assert json.loads((tmp_path / 'a.json').read_text()) == {
        'a': {
            'duration_second': 10.0,
            'fps': 29.97,
            'subset': 'train',
            'duration_frame': 300,
            'feature_frame': 288,
            'rfps': 29.9,
            'annotations': [{'label': 'dog', 'score': 0.25, 'segment': [1.5, 2.0]}],
        },
        'b': {'annotations': []},
    }


SECONDS = st.integers(0, 10**8).map(lambda ms: ms / 1000)
LABELS = st.text(st.characters(exclude_categories=['Cs', 'Cc', 'Zs']), min_size=1)
EVENTS = st.lists(st.tuples(st.sampled_from('ab'), SECONDS, SECONDS, LABELS, st.none() | st.floats(0, 1)), min_size=1)


@settings(deadline=None)
@given(EVENTS)
def test_what_is_written_is_read_again(rows):
    rows = [(v, min(times), round(max(times) + 0.001, 3), to_label(label), score) for v, *times, label, score in rows]
    rows = sorted({row[:4]: row for row in rows}.values(), key=lambda row: row[0])
    events = Events.from_rows(rows, [Video('a', 1e6, 25.0, 'val'), Video('b'), Video('empty', 3.0)])
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'a.json'
        mmaction.write(events, path)
        read = read_events(path)
    assert list(read) == list(events)
    assert read.with_videos(lambda video: replace(video, extra={})).videos == events.videos
    assert read.videos[0].extra == {'duration_frame': 25_000_000, 'feature_frame': 25_000_000}
