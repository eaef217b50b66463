"""Writing: which format a name means, one video a file, nothing overwritten."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mmdel.events import Events, Video
from mmdel.events.formats import load_formats
from mmdel.events.reading import read_events
from mmdel.events.writing import choose_format, what_is_lost, write_events
from mmdel.utils.errors import UserInputError

EVENTS = Events.from_rows([('a', 0, 1, 'x'), ('b', 1, 2, 'y')], [Video('a', 10.0, 25.0, 'train')])
SCORED = replace(EVENTS, scores=np.array([0.5, 0.25]))


@pytest.mark.parametrize(
    ('events', 'name', 'format'),
    [
        (EVENTS, 'x.json', 'activitynet'),
        (SCORED, 'X.JSON', 'activitynet_results'),
        (EVENTS, 'x.csv', 'csv'),
        (SCORED, 'x.csv', 'csv'),
        (EVENTS, 'x.jams', 'jams'),
    ],
)
def test_the_suffix_tells_the_format(events, name, format):
    assert choose_format(events, name) is load_formats()[format]


def test_a_file_is_whole_and_never_replaced_unasked(tmp_path):
    path = tmp_path / 'new' / 'x.json'
    assert write_events(EVENTS, path) == [path] and read_events(path) == EVENTS
    assert json.loads(path.read_text())['database']['a']['subset'] == 'training'
    with pytest.raises(UserInputError, match=r'x\.json exists and is left alone'):
        write_events(SCORED, path)
    write_events(EVENTS[:1], path, overwrite=True)
    assert len(read_events(path)) == 1 and list(path.parent.iterdir()) == [path]


def test_formats_of_one_video_a_file_fill_a_folder(tmp_path):
    files = write_events(EVENTS, tmp_path / 'out', 'jams')
    assert files == [tmp_path / 'out/a.jams', tmp_path / 'out/b.jams']
    assert sorted(read_events(tmp_path / 'out')) == sorted(EVENTS)
    with pytest.raises(UserInputError, match=r'a\.jams exists and is left alone'):
        write_events(EVENTS, tmp_path / 'out', 'jams')
    with pytest.raises(UserInputError, match='jams holds one video a file, and there are 2: name a folder'):
        write_events(EVENTS, tmp_path / 'x.jams')
    assert write_events(EVENTS.select(['a']), tmp_path / 'x.jams') == [tmp_path / 'x.jams']


@pytest.mark.parametrize('video_id', ['', '..', '../x', '/etc/x', 'a/b', 'a\\b', 'a\nb', 'a\0b', '.hidden', 300 * 'a'])
def test_an_id_that_can_name_no_file_writes_nothing(tmp_path, video_id):
    events = Events.from_rows([('a', 0, 1, 'x'), (video_id, 0, 1, 'x')])
    with pytest.raises(UserInputError, match='cannot be the name of a file, as jams needs'):
        write_events(events, tmp_path / 'out', 'jams')
    assert not (tmp_path / 'out').exists()


def test_names_that_mean_no_format_are_refused(tmp_path):
    for name, said in (('x.doc', 'names no format by its suffix'), ('x', 'names no format by its suffix')):
        with pytest.raises(UserInputError, match=said):
            write_events(EVENTS, tmp_path / name)
    with pytest.raises(UserInputError, match="no format 'cvat' that can be written"):
        write_events(EVENTS, tmp_path / 'x.xml', 'cvat')


def test_what_a_format_does_not_hold_is_named():
    full = replace(SCORED, extra={'tier': ['t', None]}, label_index=[-1, 1], videos=(*EVENTS.videos, Video('empty')))
    keeps_nothing = load_formats()['charades'].FORMAT
    assert what_is_lost(full, load_formats()['csv'].FORMAT) == what_is_lost(Events(), keeps_nothing) == []
    assert what_is_lost(full, keeps_nothing) == [
        'scores',
        'durations',
        'frame rates',
        'subsets',
        'further fields',
        'videos without events',
        'events without a label',
    ]
