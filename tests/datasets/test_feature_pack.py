import io
import os

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from mmdel.datasets import feature_pack
from mmdel.datasets.feature_pack import PackWriter, list_folder, read_entry, read_shape
from mmdel.utils.errors import UserInputError

pytest.importorskip('lmdb')
RNG = np.random.default_rng(0)


@pytest.fixture
def arrays():
    """Entries of other sizes, types and names, one beyond a page and one beyond LMDB's first ten megabytes."""
    return {
        'visual/a': RNG.normal(size=(3, 4)).astype(np.float16),
        'visual/-b c': RNG.normal(size=(700, 64)).astype(np.float32),
        'visual/ü': np.asfortranarray(RNG.normal(size=(5, 2)).astype(np.float32)),
        'audio/a': RNG.normal(size=(3000, 2000)).astype(np.float16),
        'audio2/a': np.zeros((1, 1), np.float16),
    }


@pytest.fixture
def pack(tmp_path, arrays):
    path = str(tmp_path / 'features.lmdb')
    writer = PackWriter(path)
    for key, array in arrays.items():
        writer.put(key, array)
    writer.close()
    yield path
    feature_pack._files.clear()


def test_what_was_packed_comes_back_bit_by_bit(pack, arrays):
    assert os.listdir(os.path.dirname(pack)) == ['features.lmdb']  # no lock file
    for key, array in arrays.items():
        read = read_entry(f'{pack}/{key}')
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)
        assert read_shape(f'{pack}/{key}') == (array.shape, array.dtype)
        read[:] = 7  # a copy
        np.testing.assert_array_equal(read_entry(f'{pack}/{key}'), array)


def test_folders_are_listed(pack):
    assert list_folder(f'{pack}/visual') == {'a', '-b c', 'ü'}
    assert list_folder(f'{pack}/audio') == list_folder(f'{pack}/audio2') == {'a'}
    assert list_folder(f'{pack}/zzz') == set()


def test_a_missing_entry_is_named(pack):
    for call in (read_entry, read_shape):
        with pytest.raises(UserInputError, match=r"features\.lmdb has no entry 'visual/x'"):
            call(f'{pack}/visual/x')


def test_a_file_that_was_cut_off_or_is_none_of_lmdb_is_refused(pack, tmp_path):
    cut, other = tmp_path / 'cut.lmdb', tmp_path / 'other.lmdb'
    with open(pack, 'rb') as file:
        cut.write_bytes(file.read(1_000_000))
    with pytest.raises(UserInputError, match=r'cut\.lmdb is cut off: 1000000 bytes of 12'):
        read_entry(f'{cut}/audio/a')
    other.write_bytes(b'something else' * 1000)
    with pytest.raises(UserInputError, match=r'cannot read the packed features .*other\.lmdb'):
        list_folder(f'{other}/audio')


def test_without_lmdb_the_message_says_what_to_install(pack, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'lmdb', None)
    assert read_entry(f'{pack}/visual/a').shape == (3, 4)  # which needs none
    with pytest.raises(UserInputError, match=r'pip install .*storage'):
        PackWriter(pack)


def test_a_stopped_writing_is_continued(pack, arrays):
    writer = PackWriter(pack)
    assert all(key in writer for key in arrays) and 'visual/new' not in writer
    writer.put('visual/new', np.ones((2, 2), np.float16))
    writer.close()
    assert list_folder(f'{pack}/visual') == {'a', '-b c', 'ü', 'new'}


def test_what_cannot_be_written_is_named(pack):
    writer = PackWriter(pack)
    with pytest.raises(UserInputError, match=r"cannot write 'visual/xxx.*features\.lmdb"):
        writer.put('visual/' + 600 * 'x', np.ones((2, 2), np.float16))
    writer.close()


class Entries(Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return torch.from_numpy(read_entry(self.paths[index])).double().sum(), os.getpid()


def test_forked_workers_read_what_their_parent_has_opened(pack, arrays):
    dataset = Entries([f'{pack}/{key}' for key in arrays] * 4)
    expected = [dataset[index][0] for index in range(len(dataset))]
    loader = DataLoader(dataset, batch_size=1, num_workers=2, multiprocessing_context='fork')
    sums, processes = zip(*list(loader), strict=True)
    assert [float(item) for item in sums] == expected
    assert len(set(map(int, processes)) - {os.getpid()}) == 2


@pytest.mark.parametrize('place', [-1, -300, 200])
def test_a_changed_byte_of_an_entry_is_found_by_its_checksum(tmp_path, place):
    path = str(tmp_path / 'features.lmdb')
    writer = PackWriter(path)
    writer.put('visual/a', np.ones((50, 64), np.float32))
    writer.close()
    content = bytearray((tmp_path / 'features.lmdb').read_bytes())
    start = content.index(b'\x93NUMPY')
    content[start + (128 + 50 * 64 * 4 + 4 + place if place < 0 else place)] ^= 1
    (tmp_path / 'features.lmdb').write_bytes(content)
    assert read_shape(f'{path}/visual/a')[0] == (50, 64)
    with pytest.raises(UserInputError, match=r"features\.lmdb: the entry 'visual/a' is damaged \(wrong checksum\)"):
        read_entry(f'{path}/visual/a')


def test_an_entry_under_the_name_of_another_is_not_taken_for_it(tmp_path):
    path = tmp_path / 'features.lmdb'
    writer = PackWriter(str(path))
    writer.put('visual/abc', np.ones((2, 3)))
    writer.close()
    path.write_bytes(path.read_bytes().replace(b'visual/abc', b'visual/abd'))
    with pytest.raises(UserInputError, match='wrong checksum'):
        read_entry(f'{path}/visual/abd')


def test_a_foreign_entry_that_is_no_array_of_numbers_is_refused(tmp_path):
    path = str(tmp_path / 'features.lmdb')
    objects = io.BytesIO()
    np.save(objects, np.array([{}]), allow_pickle=True)
    opened = pytest.importorskip('lmdb').open(path, subdir=False, lock=False)
    with opened as environment, environment.begin(write=True) as transaction:
        transaction.put(b'objects', objects.getvalue())
        transaction.put(b'short', b'ab')
    with pytest.raises(UserInputError, match="'objects' holds objects"):
        read_entry(f'{path}/objects')
    with pytest.raises(UserInputError, match='is damaged, or no packed feature'):
        read_entry(f'{path}/short')
