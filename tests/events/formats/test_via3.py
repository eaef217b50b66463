from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from events.formats.samples_json import VIA3, read_content, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.events import Events, Video
from mmdel.events.formats import SURELY, via3
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


@pytest.fixture
def project():
    return deepcopy(VIA3)


def add_attribute(project, key, name, kind, options):
    project['attribute'][key] = {'aname': name, 'anchor_id': 'FILE1_Z2_XY0', 'type': kind, 'options': options}


def test_segments_are_events_and_options_their_labels(tmp_path):
    raw = read_content(via3, tmp_path, VIA3)
    assert rows_of(raw) == [('omelette', 4.2, 6.5, 'Break Egg', 'metadata.1_aaaa')]
    assert list(raw.videos) == ['omelette', 'talk']
    assert raw.left_out == {'regions, points in time and attributes of files': 1}


def test_of_several_attributes_one_is_the_class(tmp_path, project):
    add_attribute(project, '3', 'Hands', 2, {'l': 'left', 'r': 'right'})
    project['metadata']['1_aaaa']['av']['3'] = 'l,r'
    with pytest.raises(UserInputError, match=r"attributes 'Activity', 'Hands': say which is the class, label=…"):
        read_content(via3, tmp_path, project)
    raw = read_content(via3, tmp_path, project, label='Activity')
    assert [row[3] for row in rows_of(raw)] == ['Break Egg'] and raw.columns == {'Hands': ['left, right']}
    raw = read_content(via3, tmp_path, project, label='Hands')
    assert [row[3] for row in rows_of(raw)] == ['left', 'right'] and raw.columns == {'Activity': ['Break Egg'] * 2}
    with pytest.raises(UserInputError, match="attributes 'Activity', 'Hands'"):
        read_content(via3, tmp_path, project, label='activity')


def test_a_text_is_its_own_label_and_nothing_is_none(tmp_path, project):
    project['attribute']['1'].update(type=1, options={})
    project['metadata'] = {
        'a': {'vid': '2', 'z': [0, 1], 'xy': [], 'av': {'1': 'free text, with a comma'}},
        'b': {'vid': '2', 'z': [1, 2], 'xy': [], 'av': {}},
    }
    raw = read_content(via3, tmp_path, project)
    assert [row[:4] for row in rows_of(raw)] == [('talk', 0, 1, 'free text, with a comma'), ('talk', 1, 2, None)]


def test_pictures_and_files_side_by_side_are_left_out(tmp_path, project):
    project['file']['3'] = {'fname': 'a.jpg', 'type': 2}
    project['view'] |= {'3': {'fid_list': ['3']}, '4': {'fid_list': ['1', '2']}}
    project['metadata']['4_cccc'] = {'vid': '4', 'z': [0, 1], 'xy': [], 'av': {'1': '1'}}
    raw = read_content(via3, tmp_path, project)
    assert list(raw.videos) == ['omelette', 'talk'] and len(raw) == 1
    assert raw.left_out['views of pictures or of several files'] == 2 and raw.left_out['segments of such views'] == 1


def test_what_is_not_there_is_told(tmp_path, project):
    project['metadata']['1_aaaa']['vid'] = '9'
    with pytest.raises(UserInputError, match=r"metadata.1_aaaa.vid is '9'; expected one of the views"):
        read_content(via3, tmp_path, project)
    project['view']['1']['fid_list'] = ['9']
    with pytest.raises(UserInputError, match=r'file.9 is None; expected a mapping'):
        read_content(via3, tmp_path, project)


SECONDS = st.integers(0, 10**8).map(lambda ms: ms / 1000)
LABELS = st.text(st.characters(exclude_categories=['Cs']))
EVENTS = st.lists(st.tuples(st.sampled_from(['a.b', '2']), SECONDS, SECONDS, LABELS, st.none() | st.floats(0, 1)))


@settings(deadline=None)
@given(EVENTS)
def test_what_is_written_is_read_again(rows):
    events = Events.from_rows(rows, [Video('empty'), Video('2')])
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'a.json'
        via3.write(events, path)
        assert via3.matches(Source(path)) == SURELY
        raw = via3.read(Source(path))
    scores = raw.columns.get('score', [None] * len(raw))
    read = [(*row[:3], row[3] or '', score and float(score)) for row, score in zip(rows_of(raw), scores, strict=True)]
    assert read == [tuple(event) for event in events]
    assert list(raw.videos) == list(events.video_ids) and not raw.problems and not raw.left_out


@pytest.mark.parametrize('video_id', ['a/b', 'a.mp4', ''])
def test_an_id_that_is_no_file_name_is_not_written(video_id, tmp_path):
    with pytest.raises(UserInputError, match=f"video '{video_id}': expected an id without folder and media suffix"):
        via3.write(Events.from_rows([], [Video(video_id)]), tmp_path / 'a.json')
    assert not list(tmp_path.iterdir())
