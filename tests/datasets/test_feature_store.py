import pickle
import unicodedata

import numpy as np
import pytest
import torch

from mmdel.datasets import feature_pack
from mmdel.datasets.feature_pack import PackWriter
from mmdel.datasets.feature_store import (
    FeatureCache,
    Folders,
    as_float32,
    feature_path,
    feature_shape,
    first_nonfinite_step,
    read_feature,
)
from mmdel.utils.errors import UserInputError

RNG = np.random.default_rng(0)


@pytest.fixture(params=[np.float16, np.float32, np.float64], ids=['float16', 'float32', 'float64'])
def array(request):
    return RNG.normal(size=(20, 5)).astype(request.param)


@pytest.fixture
def files(tmp_path, array):
    """The same array in every kind of file: path → key."""
    np.save(tmp_path / 'a.npy', array)
    np.save(tmp_path / 'fortran.npy', np.asfortranarray(array))
    np.savez(tmp_path / 'one.npz', whatever=array)
    np.savez_compressed(tmp_path / 'two.npz', feats=array, times=np.arange(20))
    torch.save(torch.from_numpy(array), tmp_path / 'a.pt')
    torch.save({'feats': torch.from_numpy(array), 'fps': torch.tensor(25)}, tmp_path / 'a.pth')
    keys = {'two.npz': 'feats', 'a.pth': 'feats'}
    return {str(path): keys.get(path.name) for path in tmp_path.iterdir()}


def test_every_kind_of_file_gives_the_same_shape_and_content(files, array):
    assert len(files) == 6
    for path, key in files.items():
        assert feature_shape(path, key) == (20, 5)
        feature = read_feature(path, key)
        assert type(feature) is np.ndarray
        assert feature.dtype == (np.float16 if array.dtype == np.float16 else np.float32)
        np.testing.assert_array_equal(feature, array.astype(feature.dtype), err_msg=path)
        feature[:] = 7  # a copy
        np.testing.assert_array_equal(read_feature(path, key), array.astype(feature.dtype), err_msg=path)


@pytest.mark.parametrize('num_bytes', [5, 600, 770, 899])
def test_a_file_that_is_cut_off_is_found_by_its_header(tmp_path, num_bytes):
    path = tmp_path / 'a.npy'
    np.save(path, np.zeros((12, 16), np.float32))  # of 128 + 768 bytes
    path.write_bytes(path.read_bytes() + b'more')
    assert feature_shape(str(path)) == (12, 16)
    path.write_bytes(path.read_bytes()[:-num_bytes])
    for call in (feature_shape, read_feature):
        with pytest.raises(UserInputError, match=r'unreadable-file, .*a\.npy: '):
            call(str(path))


@pytest.mark.parametrize('call', [read_feature, feature_shape])
def test_what_cannot_be_read_is_named(tmp_path, call):
    for name in ('a.npy', 'a.npz', 'a.pt', 'a.lmdb'):
        (tmp_path / name).write_bytes(b'not a feature file')
    for name in ('a.npy', 'a.npz', 'a.pt', 'absent.npy', 'absent.npz'):
        with pytest.raises(UserInputError, match=rf'unreadable-file, .*{name}'):
            call(str(tmp_path / name))
    with pytest.raises(UserInputError, match=r'cannot read the packed features .*a\.lmdb'):
        call(str(tmp_path / 'a.lmdb/visual/v'))
    with pytest.raises(UserInputError, match='unknown kind of feature file'):
        call(str(tmp_path / 'a.csv'))


@pytest.mark.parametrize('name', ['a.npy', 'a.npz', 'a.pt'])
@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (b'', 'empty'),
        (b'<!DOCTYPE html>\n<html>404</html>', 'a web page'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n', 'a Git LFS pointer.* git lfs pull'),
        (b'/annex/objects/SHA256E-s1--0.npy\n', 'a git-annex pointer'),
        (b'{"message": "Not Found"}', 'a text, which begins \'{"message": "Not Found"}\''),
        (b'\x1f\x8b\x08 ...', 'a gzip archive: unpack it'),
        (pickle.dumps({'feats': [1.0]}), 'a pickle, which is not opened'),
        (pickle.dumps({'feats': np.zeros((2, 2))}, 0), 'a pickle|the file holds something else than tensors'),
        (pickle.dumps(np.zeros((2, 2)), 2), 'a pickle|the file holds something else than tensors'),
        (bytes(range(200, 256)), 'of another kind|the file holds something else than tensors'),
    ],
)
def test_what_is_no_feature_file_is_said_and_no_one_is_told_to_open_it_nevertheless(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    for call in (feature_shape, read_feature):
        with pytest.raises(UserInputError, match=rf'unreadable-file, .*{name}: (the file is )?({said})') as raised:
            call(str(tmp_path / name))
        assert 'allow_pickle' not in str(raised.value) and 'weights_only' not in str(raised.value)


@pytest.mark.parametrize(('name', 'num_bytes'), [('a.npy', 60), ('a.npy', 3), ('a.npz', -30), ('a.pt', -100)])
def test_a_whole_beginning_is_a_file_that_is_cut_off(tmp_path, name, num_bytes):
    path, array = tmp_path / name, np.zeros((12, 16), np.float32)
    kinds = {'y': np.save, 'z': np.savez, 't': lambda path, array: torch.save(torch.from_numpy(array), path)}
    kinds[name[-1]](path, array)
    path.write_bytes(path.read_bytes()[:num_bytes])
    for call in (feature_shape, read_feature):
        with pytest.raises(UserInputError, match='the file is cut off or damaged'):
            call(str(path))


def test_objects_in_an_array_are_no_numbers(tmp_path):
    np.save(tmp_path / 'a.npy', np.array([{}]), allow_pickle=True)
    np.savez(tmp_path / 'a.npz', np.array([{}]), allow_pickle=True)
    for name in ('a.npy', 'a.npz'):
        with pytest.raises(UserInputError, match='of object; expected an array') as raised:
            read_feature(str(tmp_path / name), 'arr_0')
        assert 'allow_pickle' not in str(raised.value)


@pytest.mark.parametrize('pattern', ['{id}_v.npy', '{id}/v.npy', 'packed.lmdb/visual/{id}'])
def test_an_id_finds_its_file_in_either_unicode_form(tmp_path, pattern):
    nfc, nfd = (unicodedata.normalize(form, 'caf\xe9 \uac00') for form in ('NFC', 'NFD'))
    paths = {form: str(tmp_path / pattern.replace('{id}', form)) for form in (nfc, nfd)}

    def make(form):
        if '.lmdb' in pattern:
            feature_pack._files.clear()
            writer = PackWriter(str(tmp_path / 'packed.lmdb'))
            writer.put(f'visual/{form}', np.ones((2, 3)))
            writer.close()
        else:
            (tmp_path / paths[form]).parent.mkdir(exist_ok=True)
            np.save(paths[form], np.ones((2, 3)))

    assert feature_path(str(tmp_path / pattern), nfd) == paths[nfd]  # nothing is there yet
    make(nfd)
    assert {feature_path(str(tmp_path / pattern), form) for form in (nfc, nfd)} == {paths[nfd]}
    assert Folders().has(paths[nfd]) and feature_shape(paths[nfd]) == (2, 3)
    make(nfc)
    assert all(feature_path(str(tmp_path / pattern), form) == paths[form] for form in (nfc, nfd))  # each its own


@pytest.mark.parametrize(
    ('video_id', 'path'),
    [
        ('a/b', 'feats/a/b.npy'),
        ('a..b', 'feats/a..b.npy'),
        ('{id}', 'feats/{id}.npy'),
        ('../x', 'feats/%2E.%2Fx.npy'),
        ('a/../../x', 'feats/a%2F..%2F..%2Fx.npy'),
        ('..\\x', 'feats/%2E.%5Cx.npy'),
        ('/etc/x', 'feats/%2Fetc%2Fx.npy'),
        ('a\0b', 'feats/a%00b.npy'),
    ],
)
def test_an_id_never_leads_out_of_its_folder(video_id, path):
    assert feature_path('feats/{id}.npy', video_id) == path


@pytest.mark.parametrize('dtype', [np.float16, np.float32])
@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_the_first_step_that_is_not_finite_is_found(dtype, bad):
    feature = RNG.normal(size=(50, 7)).astype(dtype)
    feature[3, 2], feature[4, 0] = np.finfo(dtype).max, np.finfo(dtype).min
    assert first_nonfinite_step(feature) is None
    for step in (30, 0, 49):
        wrong = feature.copy()
        wrong[step:, 5] = bad
        assert first_nonfinite_step(wrong) == step
    assert first_nonfinite_step(feature[:, ::2]) is None  # not contiguous


def test_every_half_is_the_same_float32():
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)[None]
    converted = as_float32(every)
    assert converted.dtype == np.float32
    np.testing.assert_array_equal(converted, every.astype(np.float32))
    assert as_float32(converted).base is not None  # uncopied


def test_a_folder_is_listed_once_and_one_that_cannot_be_is_told(tmp_path):
    (tmp_path / 'a').touch()
    folders = Folders()
    assert folders.has(str(tmp_path / 'a')) and not folders.has(str(tmp_path / 'b'))
    (tmp_path / 'b').touch()
    assert not folders.has(str(tmp_path / 'b')) and Folders().has(str(tmp_path / 'b')) and not folders.problems
    for name in ('a/x', 'absent/x', 'absent.lmdb/visual/x', 'nu\0ll/x', '\ud800/x'):
        assert not folders.has(str(tmp_path / name))
    reasons = {folder.rsplit('/', 1)[1]: reason for folder, reason in folders.problems.items()}
    assert len(reasons) == 5 and (reasons['a'], reasons['absent']) == ('Not a directory', 'No such file or directory')


def test_the_cache_keeps_what_came_first_up_to_its_limit():
    loaded = []

    def load(name, num):
        def call():
            loaded.append(name)
            return np.full(num, ord(name), np.uint8)

        return call

    cache = FeatureCache(100)
    for _ in range(3):
        for name, num in (('a', 60), ('b', 50), ('c', 40), ('d', 1)):
            assert cache.get(name, load(name, num)).tolist() == [ord(name)] * num
    # a and c fill it; b does not fit in when it comes, nor does d later.
    assert loaded == ['a', 'b', 'c', 'd', 'b', 'd', 'b', 'd']
    assert cache.num_bytes == 100


def test_what_is_cached_cannot_be_changed_from_outside():
    cache = FeatureCache(100)
    for _ in range(3):
        array = cache.get('a', lambda: np.zeros(10, np.float32))
        assert not array.any()
        array += 1
