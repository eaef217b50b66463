import json

import numpy as np
import pytest

from mmdel.inference.inputs import list_inputs
from mmdel.runtime.reading import Input
from mmdel.utils.errors import UserInputError


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('b.mp4', 'a.wav', 'deep/c.mkv', 'deep/a.wav', 'notes.txt'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def named(inputs):
    return [(item.path, item.video_id) for item in list_inputs(inputs)]


def test_paths_folders_and_patterns(files):
    assert named('b.mp4') == [('b.mp4', 'b')]
    assert named(files / 'b.mp4') == [(str(files / 'b.mp4'), 'b')]
    assert named('deep') == [('deep/a.wav', 'a'), ('deep/c.mkv', 'c')]
    assert named('*.wav') == [('a.wav', 'a')]
    assert named(['b.mp4', 'a.wav', 'b.mp4']) == [('b.mp4', 'b'), ('a.wav', 'a')]  # in their order, each once
    assert [path for path, _ in named(['.'])] == ['a.wav', 'b.mp4', 'deep/a.wav', 'deep/c.mkv']
    assert len({video_id for _, video_id in named(['.'])}) == 4


def test_a_path_that_names_nothing_stops_a_list_and_is_a_video_of_a_generator(files):
    with pytest.raises(UserInputError, match='there is no such file'):
        [*list_inputs(['b.mp4', 'none.mp4'])]
    good, wrong = list_inputs(iter(['b.mp4', 'none.mp4']))
    assert not good.error and 'there is no such file' in wrong.error and wrong.path == 'none.mp4'


def test_a_generator_is_taken_one_by_one(files):
    taken = []

    def paths():
        for path in ('b.mp4', 'a.wav', 'deep/a.wav'):
            taken.append(path)
            yield path

    inputs = list_inputs(paths())
    assert next(inputs).video_id == 'b' and taken == ['b.mp4']
    assert [item.video_id for item in inputs] == ['a', 'a_2']


def test_features(files):
    arrays = dict(visual=np.zeros((3, 2)), audio=np.zeros((4, 1)))
    (item,) = list_inputs(dict(arrays, video_id='x', duration_sec=3.0))
    assert (item.path, item.video_id, item.duration_sec) == ('x', 'x', 3.0) and item.features.keys() == arrays.keys()
    (item,) = list_inputs([dict(visual='deep/v1.npy', audio='deep/v1_audio.npy')])
    assert (item.path, item.video_id, item.duration_sec) == ('deep/v1.npy', 'v1', None)
    mixed = list_inputs(['b.mp4', arrays, Input('p', 'i')])
    assert [item.video_id for item in mixed] == ['b', 'video', 'i']


def test_a_folder_of_extracted_features(files):
    folder = files / 'features'
    folder.mkdir()
    grid = dict(stride=1, window=1, fps=2, channels=3, extractors=[])
    streams = dict(visual=dict(grid, files=['{id}_rgb.npy', '{id}_flow.npy']), audio=dict(grid, files=['{id}_a.npy']))
    (folder / 'streams.json').write_text(json.dumps(streams))
    (folder / 'videos.json').write_text(json.dumps({'v1': dict(path='v1.mp4', duration_sec=9.5), 'v2': {}}))
    first, second, media = list_inputs(['features', 'b.mp4'])
    assert (first.path, first.video_id, first.duration_sec, first.folder) == ('v1.mp4', 'v1', 9.5, 'features')
    assert first.features == dict(visual=['features/v1_rgb.npy', 'features/v1_flow.npy'], audio=['features/v1_a.npy'])
    assert (second.path, second.duration_sec) == ('v2', None) and media.video_id == 'b'


@pytest.mark.parametrize('wrong', [3, [3], dict(video_id='x'), [None]])
def test_what_is_no_video(wrong):
    with pytest.raises(UserInputError, match=r'a detector takes paths|a video is a path'):
        [*list_inputs(wrong)]
