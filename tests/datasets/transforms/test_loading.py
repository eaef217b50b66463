from pathlib import Path

import numpy as np
import pytest
import torch

from mmdel.datasets.feature_pack import PackWriter
from mmdel.datasets.transforms.loading import LoadFeatures, load_feature_file
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


def test_half_precision_stays_and_the_rest_becomes_float32(tmp_path):
    for dtype, loaded_dtype in (
        (np.float16, np.float16),
        (np.float64, np.float32),
        (np.int32, np.float32),
        ('>f2', np.float32),
        ('>f4', np.float32),
    ):
        loaded = load_feature_file(str(save(tmp_path / 'a.npy', np.arange(12).reshape(4, 3).astype(dtype))))
        assert loaded.dtype == loaded_dtype and loaded.tolist() == np.arange(12).reshape(4, 3).tolist()


def test_files_are_concatenated_on_the_channels_and_cut_to_the_shortest(tmp_path, array):
    files = [save(tmp_path / 'a.npy', array), save(tmp_path / 'b.npy', 2 * array[:-2])]
    results = LoadFeatures()(record(files, channels=10))
    np.testing.assert_array_equal(results['features']['visual'], np.hstack([array[:-2], 2 * array[:-2]]))
    assert results['grids']['visual'] == FeatureGrid(1, 1, 1)
    files[1] = save(tmp_path / 'b.npy', array[:-3])
    with pytest.raises(
        UserInputError, match=r"parts-differ, video vid, .*b\.npy: stream 'visual': files of 20 and 17 steps"
    ):
        LoadFeatures()(record(files))


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (np.zeros(7), r'an array \(7,\) of float64; expected an array \(T >= 1'),
        (np.zeros((1, 7, 3)), r'an array \(1, 7, 3\)'),
        (np.zeros((0, 3)), r'an array \(0, 3\)'),
        (np.array([[1.0, 2.0], [np.nan, 3.0]]), 'NaN or infinity, first in step 1 of 2'),
        (np.array([[1.0, np.inf]]), 'first in step 0'),
        (np.array([['a', 'b']]), '<U1; expected an array .* of numbers'),
        (np.array([[None]], dtype=object), 'of object; expected an array .* of numbers'),
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
    with pytest.raises(UserInputError, match=rf'unreadable-file, .*{name}'):
        load_feature_file(str(tmp_path / name))


class _Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickled_object_is_refused_and_not_run(tmp_path, array):
    torch.save({'feats': torch.from_numpy(array), 'more': _Malicious(tmp_path / 'was_run')}, tmp_path / 'evil.pt')
    with pytest.raises(UserInputError, match=r'unreadable-file, .*evil\.pt'):
        load_feature_file(str(tmp_path / 'evil.pt'), 'feats')
    assert not (tmp_path / 'was_run').exists()


def test_the_key_must_choose_one_array(tmp_path, array):
    np.savez(tmp_path / 'two.npz', feats=array, times=np.arange(20))
    for key in (None, 'features'):
        with pytest.raises(UserInputError, match=r"two\.npz: it holds the arrays \['feats', 'times'\]"):
            load_feature_file(str(tmp_path / 'two.npz'), key)


def test_unknown_kind_of_file(tmp_path):
    with pytest.raises(
        UserInputError, match=r'unknown kind of feature file; expected a whole \.npy, \.npz, \.pt or \.pth'
    ):
        load_feature_file(str(tmp_path / 'a.csv'))


def test_the_width_is_checked_and_a_transposed_array_recognised(tmp_path, array):
    path = save(tmp_path / 'a.npy', array)
    with pytest.raises(UserInputError, match=r'5 channels; expected 6, as the config or streams\.json says') as raised:
        LoadFeatures()(record([path], channels=6))
    assert 'transposed' not in str(raised.value)
    path = save(tmp_path / 'a.npy', array.T)
    for channels in (5, None):
        with pytest.raises(
            UserInputError,
            match=r'transposed-feature, video vid, .*a\.npy: .*\(5, 20\); expected \(T, channels\), here \(20, 5\)',
        ):
            LoadFeatures()(record([path], channels=channels))


def test_a_cached_stream_is_read_from_its_files_once(tmp_path, array):
    path = save(tmp_path / 'a.npy', array)
    plain, cached = LoadFeatures(), LoadFeatures(cache_gb=1e-6)
    for _ in range(3):
        for load in (plain, cached):
            np.testing.assert_array_equal(load(record([path]))['features']['visual'], array)
    path.unlink()
    with pytest.raises(UserInputError, match=r'a\.npy: No such file'):
        plain(record([path]))
    feature = cached(record([path]))['features']['visual']
    np.testing.assert_array_equal(feature, array)
    feature[:] = 0  # its own copy
    np.testing.assert_array_equal(cached(record([path]))['features']['visual'], array)


def test_a_cache_keeps_no_more_than_its_limit(tmp_path, array):
    cached = LoadFeatures(cache_gb=1e-6)  # 1000 bytes: two of these arrays
    paths = [save(tmp_path / f'{index}.npy', array) for index in range(4)]
    for path in paths:
        cached(record([path]))
        path.unlink()
    for path in paths[:2]:
        cached(record([path]))
    for path in paths[2:]:
        with pytest.raises(UserInputError, match='No such file'):
            cached(record([path]))


def test_packed_and_plain_files_are_the_same_stream(tmp_path, array):
    pytest.importorskip('lmdb')
    writer = PackWriter(str(tmp_path / 'features.lmdb'))
    writer.put('visual/vid', array)
    writer.close()
    results = LoadFeatures()(record([tmp_path / 'features.lmdb/visual/vid'], channels=5, key='of the file'))
    np.testing.assert_array_equal(results['features']['visual'], array)
    with pytest.raises(UserInputError, match=r"features\.lmdb has no entry 'visual/other'"):
        LoadFeatures()(record([tmp_path / 'features.lmdb/visual/other']))
