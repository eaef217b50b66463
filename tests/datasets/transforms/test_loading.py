from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.datasets.transforms.loading import AlignStreams, LoadFeatures, load_feature_file, resample
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

RNG = np.random.default_rng(0)


def record(files, grid=None, duration_sec=20.0, channels=None, key=None):
    """A record with one stream."""
    stream = {'files': [str(f) for f in files], 'grid': grid or FeatureGrid(1, 1, 1), 'key': key, 'channels': channels}
    return {'video_id': 'vid', 'duration_sec': duration_sec, 'streams': {'visual': stream}}


@pytest.fixture
def array():
    return RNG.normal(size=(20, 5)).astype(np.float32)


def save(path, array):
    np.save(path, array)
    return path


def test_every_kind_of_file_gives_the_same_array(tmp_path, array):
    np.save(tmp_path / 'a.npy', array)
    np.savez(tmp_path / 'one.npz', whatever=array)
    np.savez(tmp_path / 'two.npz', feats=array, times=np.arange(20))
    torch.save(torch.from_numpy(array), tmp_path / 'a.pt')
    torch.save({'feats': torch.from_numpy(array), 'fps': torch.tensor(25)}, tmp_path / 'a.pth')
    torch.save(torch.from_numpy(array).requires_grad_(), tmp_path / 'grad.pt')
    for name, key in (('a.npy', None), ('one.npz', None), ('two.npz', 'feats'), ('a.pt', None), ('a.pth', 'feats')):
        loaded = load_feature_file(str(tmp_path / name), key)
        assert type(loaded) is np.ndarray and loaded.dtype == np.float32, name
        np.testing.assert_array_equal(loaded, array, err_msg=name)
    np.testing.assert_array_equal(load_feature_file(str(tmp_path / 'grad.pt')), array)


def test_half_precision_and_integers_become_float32(tmp_path):
    for dtype in (np.float16, np.float64, np.int32):
        loaded = load_feature_file(str(save(tmp_path / 'a.npy', np.arange(12).reshape(4, 3).astype(dtype))))
        assert loaded.dtype == np.float32 and loaded.sum() == 66


def test_files_are_concatenated_on_the_channels_and_cut_to_the_shortest(tmp_path, array):
    files = [save(tmp_path / 'a.npy', array), save(tmp_path / 'b.npy', 2 * array[:-2])]
    results = LoadFeatures()(record(files, channels=10))
    np.testing.assert_array_equal(results['features']['visual'], np.hstack([array[:-2], 2 * array[:-2]]))
    assert results['grids']['visual'] == FeatureGrid(1, 1, 1)
    files[1] = save(tmp_path / 'b.npy', array[:-3])
    with pytest.raises(UserInputError, match=r'b\.npy.*\[20, 17\] steps'):
        LoadFeatures()(record(files))


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (np.zeros(7), r'got shape \(7,\)'),
        (np.zeros((1, 7, 3)), r'got shape \(1, 7, 3\)'),
        (np.zeros((0, 3)), r'T >= 1, got shape \(0, 3\)'),
        (np.array([[1.0, 2.0], [np.nan, 3.0]]), 'NaN or infinity in the features, first in step 1'),
        (np.array([[1.0, np.inf]]), 'first in step 0'),
        (np.array([['a', 'b']]), 'expected numbers'),
        (np.array([[None]], dtype=object), 'Cannot read'),
    ],
)
def test_wrong_content_names_the_file(tmp_path, content, said):
    with pytest.raises(UserInputError, match=said) as raised:
        load_feature_file(str(save(tmp_path / 'wrong.npy', content)))
    assert 'wrong.npy' in str(raised.value)


@pytest.mark.parametrize('name', ['broken.npy', 'broken.npz', 'broken.pt', 'absent.npy'])
def test_unreadable_files_are_named(tmp_path, name):
    if 'broken' in name:
        (tmp_path / name).write_bytes(b'not a feature file')
    with pytest.raises(UserInputError, match=rf'Cannot read the feature file .*{name}'):
        load_feature_file(str(tmp_path / name))


class _Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickled_object_is_refused_and_not_run(tmp_path, array):
    torch.save({'feats': torch.from_numpy(array), 'more': _Malicious(tmp_path / 'was_run')}, tmp_path / 'evil.pt')
    with pytest.raises(UserInputError, match=r'Cannot read .*evil\.pt'):
        load_feature_file(str(tmp_path / 'evil.pt'), 'feats')
    assert not (tmp_path / 'was_run').exists()


def test_the_key_must_choose_one_array(tmp_path, array):
    np.savez(tmp_path / 'two.npz', feats=array, times=np.arange(20))
    for key in (None, 'features'):
        with pytest.raises(UserInputError, match=r"two\.npz holds the arrays \['feats', 'times'\]"):
            load_feature_file(str(tmp_path / 'two.npz'), key)


def test_unknown_kind_of_file(tmp_path):
    with pytest.raises(UserInputError, match=r'expected \.npy, \.npz, \.pt or \.pth'):
        load_feature_file(str(tmp_path / 'a.csv'))


def test_the_width_is_checked_and_a_transposed_array_recognised(tmp_path, array):
    path = save(tmp_path / 'a.npy', array)
    with pytest.raises(UserInputError, match='with 6 channels') as raised:
        LoadFeatures()(record([path], channels=6))
    assert 'transposed' not in str(raised.value)
    path = save(tmp_path / 'a.npy', array.T)
    for channels in (5, None):
        with pytest.raises(UserInputError, match=r'a\.npy.*\(5, 20\).*looks transposed'):
            LoadFeatures()(record([path], channels=channels))


def aligned(features, grids, segments_sec=((1.0, 3.0),), labels=(0,), ignored=(False,), transform=None):
    results = {
        'video_id': 'vid',
        'duration_sec': 20.0,
        'features': dict(features),
        'grids': grids,
        'segments_sec': np.array(segments_sec, dtype=np.float64).reshape(-1, 2),
        'labels': np.array(labels, dtype=np.int64),
        'ignored': np.array(ignored, dtype=bool),
    }
    return (transform or AlignStreams())(results)


def time_feature(grid, num_steps):
    """A feature that tells the time of each of its steps, in seconds."""
    return grid.to_sec(np.arange(num_steps, dtype=np.float64))[:, None].astype(np.float32)


grids = st.builds(FeatureGrid, st.floats(0.5, 20), st.floats(0.5, 40), st.floats(1, 100), st.floats(0, 50))


@settings(max_examples=60, deadline=None)
@given(source=grids, target=grids, num_source=st.integers(1, 40), num_target=st.integers(1, 40))
def test_a_resampled_clock_still_tells_the_time(source, target, num_source, num_target):
    clock = time_feature(source, num_source)
    seconds = target.to_sec(np.arange(num_target))
    expected = seconds.clip(clock[0, 0], clock[-1, 0])
    linear = resample(clock, source, target, num_target, 'linear')[:, 0]
    np.testing.assert_allclose(linear, expected, atol=1e-3)
    nearest = resample(clock, source, target, num_target, 'nearest')[:, 0]
    closest = np.abs(clock[:, 0][None] - seconds[:, None]).min(axis=1)
    np.testing.assert_allclose(np.abs(nearest - seconds), closest, atol=1e-3)


def test_linear_interpolation_is_numpy_s_on_every_channel():
    source, target = FeatureGrid(0.96, 0.96, 1), FeatureGrid(8, 24, 25)
    feature = RNG.normal(size=(13, 4)).astype(np.float32)
    ours = resample(feature, source, target, 41, 'linear')
    times, known = target.to_sec(np.arange(41)), source.to_sec(np.arange(13))
    for channel in range(4):
        np.testing.assert_allclose(ours[:, channel], np.interp(times, known, feature[:, channel]), atol=1e-5)


def test_steps_of_the_same_times_are_not_copied():
    frames, hops = FeatureGrid(8, 24, 25), FeatureGrid(32, 96, 100)
    feature = RNG.normal(size=(50, 4)).astype(np.float32)
    for grid in (frames, hops):
        assert resample(feature, grid, frames, 50, 'linear') is feature
    longer = resample(feature, hops, frames, 52, 'linear')
    np.testing.assert_array_equal(longer, feature[[*range(50), 49, 49]])


def test_all_streams_come_onto_the_reference_grid():
    visual, audio = FeatureGrid(1, 1, 1), FeatureGrid(1, 1, 4)
    features = {'visual': time_feature(visual, 20), 'audio': time_feature(audio, 80)}
    results = aligned(features, {'visual': visual, 'audio': audio}, [[1, 3], [2, 4], [5, 6]], [7, -1, 2], [0, 1, 0])
    assert results['grid'] == visual
    assert results['features']['visual'] is features['visual']
    np.testing.assert_allclose(results['features']['audio'], features['visual'], atol=1e-5)
    assert results['segments'].dtype == np.float32
    assert results['segments'].tolist() == [[0.5, 2.5], [4.5, 5.5]]
    assert results['labels'].tolist() == [7, 2]
    assert aligned(features, {'visual': visual, 'audio': audio}, transform=AlignStreams('audio'))['grid'] == audio


def test_a_single_stream_of_another_name_is_its_own_reference():
    grid = FeatureGrid(2, 2, 4)
    results = aligned({'audio': np.ones((40, 3), np.float32)}, {'audio': grid}, (), (), ())
    assert results['grid'] == grid
    assert results['segments'].shape == (0, 2)


def test_a_length_difference_is_reported_once_per_video(logged):
    grid = FeatureGrid(1, 1, 1)
    transform = AlignStreams()
    for num_audio in (100, 98, 102, 95, 90):
        features = {'visual': np.ones((100, 3), np.float32), 'audio': np.ones((num_audio, 2), np.float32)}
        results = aligned(features, {'visual': grid, 'audio': grid}, transform=transform)
        assert results['features']['audio'].shape == (100, 2)
    assert logged == ["video vid: stream 'visual' covers 100.00 s, 'audio' 95.00 s"]


def test_a_tenth_of_a_short_video_is_reported(logged):
    grid = FeatureGrid(1, 1, 1)
    aligned({'visual': np.ones((10, 3)), 'audio': np.ones((9, 3))}, {'visual': grid, 'audio': grid})
    assert logged == ["video vid: stream 'visual' covers 10.00 s, 'audio' 9.00 s"]


def test_other_windows_over_the_same_time_are_not_reported(logged):
    # 25 frames: 21 overlapping windows of five frames, or five that do not overlap.
    grids = {'visual': FeatureGrid(1, 5, 1), 'audio': FeatureGrid(5, 5, 1)}
    aligned({'visual': np.ones((21, 3)), 'audio': np.ones((5, 3))}, grids)
    assert logged == []


def test_unknown_mode_is_an_error():
    with pytest.raises(ValueError, match="'linear' or 'nearest'"):
        AlignStreams(mode='cubic')
