"""Streams of a config: what stands beside their features completes them, and is never overruled."""

import json
import math

import numpy as np
import pytest

from mmdel.datasets import EventDataset
from mmdel.datasets.stream_config import complete_streams
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

STORED = {
    'visual': dict(stride=2, window=4, fps=8.0, channels=5, files=['{id}_visual.npy']),
    'audio': dict(stride=1600, window=3200, fps=16000.0, channels=3, files=['{id}_audio.npy']),
}
VISUAL = {'root': 'features', 'files': ['{id}_visual.npy']}


@pytest.fixture
def root(tmp_path):
    """A folder with a folder of features."""
    (tmp_path / 'features').mkdir()
    (tmp_path / 'features/streams.json').write_text(json.dumps(STORED))
    return str(tmp_path)


def test_a_folder_stands_for_all_its_streams(root):
    found = complete_streams('features', root)
    assert found == {name: dict(root='features', **stream) for name, stream in STORED.items()}
    assert complete_streams(dict(visual=dict(root='features')), root) == {'visual': found['visual']}


@pytest.mark.parametrize('stated', [{}, dict(fps=None), dict(stride=2), dict(stride=2, window=4, fps=8, channels=5)])
def test_what_is_left_out_is_completed(root, stated):
    (stream,) = complete_streams(dict(seen={**VISUAL, **stated}), root).values()  # by its files, whatever its name
    assert {key: stream[key] for key in STORED['visual']} == STORED['visual']


def test_the_same_seconds_may_be_counted_otherwise(root):
    stated = dict(root='features', files=['{id}_audio.npy'], stride=10, window=20, fps=100)
    assert complete_streams(dict(audio=stated), root)['audio'] == {**stated, 'channels': 3}


@pytest.mark.parametrize(
    ('stated', 'message'),
    [
        (dict(stride=3), r"stream 'visual': the config says stride=3, and \S+features/streams.json says 2"),
        (dict(fps=25), 'says fps=25, and .* says 8.0'),
        (dict(stride=2, window=8, fps=8.0), 'says window=8, and .* says 4'),
        (dict(channels=6), 'says channels=6, and .* says 5'),
    ],
)
def test_a_contradiction_is_an_error_with_both_values(root, stated, message):
    with pytest.raises(UserInputError, match=message):
        complete_streams(dict(visual={**VISUAL, **stated}), root)


def test_several_files_are_as_wide_as_all_together(root):
    both = dict(root='features', files=['{id}_visual.npy', '{id}_visual.npy'])
    assert complete_streams(dict(visual=both), root)['visual']['channels'] == 10
    with pytest.raises(UserInputError, match=r'stride=2, and .* says 1600'):
        complete_streams(dict(visual=dict(root='features', files=['{id}_visual.npy', '{id}_audio.npy'])), root)
    partly = dict(root='.', files=['features/{id}_visual.npy', 'other/{id}.npy'])
    stream = complete_streams(dict(visual=partly), root)['visual']
    assert stream['stride'] == 2 and 'channels' not in stream


def test_resized_features_have_no_grid(root):
    resized = dict(visual={**VISUAL, 'resized': True})
    assert complete_streams(resized, root) == resized


@pytest.mark.parametrize(
    ('streams', 'error', 'message'),
    [
        ('elsewhere', UserInputError, r'there is no \S+elsewhere/streams\.json, which mmdel extract writes'),
        ({}, ValueError, 'at least one stream'),
        (dict(visual=dict(root='.', files=['{id}.npy'])), ValueError, r"stream 'visual' needs .*'stride', 'window'"),
        (dict(visual=dict(root='features', files='{id}.npy')), ValueError, 'must be a list of names'),
        (dict(visual=dict(root='features', files=['x.npy'])), ValueError, "with '{id}'"),
        (dict(visual={**VISUAL, 'hop': 2}), ValueError, "got .*'hop'"),
        (dict(heard=dict(root='features')), ValueError, "stream 'heard' needs .*'files'"),
        (dict(visual=dict(root='.', files=['{id}.npy'], stride=0, window=1)), ValueError, 'stride'),
    ],
)
def test_what_is_incomplete_or_unknown_is_told(root, streams, error, message):
    with pytest.raises(error, match=message):
        complete_streams(streams, root)


def test_a_data_set_of_a_table_and_an_extracted_folder(root, tmp_path):
    """No hop, no duration and no path of a file is stated; ids are as the files' names write them, or not."""
    durations = {'a': 10.25, 'b%28 1%29': 12.0}
    for name, duration_sec in durations.items():
        for stream, hop_sec in (('visual', 0.25), ('audio', 0.1)):
            feature = np.zeros((math.floor(duration_sec / hop_sec) - 1, STORED[stream]['channels']), np.float16)
            np.save(tmp_path / f'features/{name}_{stream}.npy', feature)
    videos = {name: dict(duration_sec=duration_sec) for name, duration_sec in durations.items()}
    (tmp_path / 'features/videos.json').write_text(json.dumps(videos))
    (tmp_path / 'events.csv').write_text('video,start,end,label,subset\na,1,2,x,train\nb( 1),9,12,y,train\n')
    dataset = EventDataset(
        'events.csv', 'features', 'train', data_root=root, pipeline=[dict(type='mmdel.LoadFeatures')]
    )
    records = [dataset[index] for index in range(2)]
    assert [record['duration_sec'] for record in records] == [10.25, 12.0]
    assert [record['grids']['visual'] for record in records] == [FeatureGrid(2, 4, 8.0)] * 2
    assert [record['features']['audio'].shape for record in records] == [(101, 3), (119, 3)]
