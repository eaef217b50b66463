"""Hostile packed files, each read in a process of its own: what is damaged is refused, and ends no process."""

from __future__ import annotations

import io

import numpy as np
import pytest
from sandbox import run_apart

from mmdel.datasets.feature_pack import PackWriter, list_folder
from mmdel.datasets.feature_store import feature_shape
from mmdel.datasets.transforms.loading import load_feature_file
from mmdel.utils.errors import UserInputError

lmdb = pytest.importorskip('lmdb')


@pytest.fixture(scope='module')
def whole(tmp_path_factory) -> bytes:
    """The content of a packed file of 60 entries, some of which lie in pages of their own."""
    path = tmp_path_factory.mktemp('whole') / 'a.lmdb'
    writer = PackWriter(str(path))
    for number in range(60):
        writer.put(f'visual/{number:02d}', np.full((4 if number % 2 else 500, 8), number, np.float32))
    writer.close()
    return path.read_bytes()


def read_all(path: str) -> str:
    """Reads what a file says it has; every array is right, or its file is refused."""
    said = set()
    for name in ['00', '01', '59', *sorted(list_folder(f'{path}/visual'))[:5]]:
        for read in (load_feature_file, feature_shape):
            try:
                found = read(f'{path}/visual/{name}')
                if read is load_feature_file:
                    assert (found == int(name)).all() and found.shape in ((4, 8), (500, 8))
                said.add('read')
            except UserInputError as error:
                assert path in str(error)
                said.add('refused')
    return ' '.join(sorted(said))


@pytest.mark.parametrize('seed', range(4))
def test_flipped_bytes_are_refused_or_without_effect(whole, seed, tmp_path):
    def attack():
        rng = np.random.default_rng(seed)
        for _ in range(100):
            changed = bytearray(whole)
            for place in rng.integers(0, len(whole), rng.integers(1, 5)):
                place = place if rng.random() < 0.5 else place // 4096 * 4096 + rng.integers(0, 200)
                changed[place] = rng.integers(256)
            (tmp_path / f'{_}.lmdb').write_bytes(changed)
            try:
                read_all(str(tmp_path / f'{_}.lmdb'))
            except UserInputError as error:  # of the list
                assert str(tmp_path) in str(error)
        return 'all'

    assert run_apart(attack) == 'read: all'


def test_a_file_that_is_cut_off_anywhere_is_refused(whole, tmp_path):
    def attack():
        for size in [*range(0, 9000, 450), *range(9000, len(whole), 50_000)]:
            path = tmp_path / f'{size}.lmdb'
            path.write_bytes(whole[:size])
            with pytest.raises(UserInputError, match=f'{size}.lmdb.*cut off'):
                load_feature_file(f'{path}/visual/00')
        return 'all'

    assert run_apart(attack) == 'read: all'


def test_hostile_values_and_keys_are_refused(tmp_path):
    path = tmp_path / 'a.lmdb'
    header, plain = io.BytesIO(), io.BytesIO()
    np.save(plain, np.ones((4, 3), np.float32))
    np.lib.format.write_array_header_1_0(header, dict(descr='<f4', fortran_order=False, shape=(10**9, 10**9)))
    values = {
        b'visual/terabytes': header.getvalue() + bytes(100),
        b'visual/text': b'text',
        b'visual/none': b'',
        b'visual/plain': plain.getvalue(),  # as by another program, without a checksum
        b'visual/../../x': b'x',
        b'visual/\x1b[2J': b'x',
        b'visual/\xff\xfe': b'x',
    }
    with lmdb.open(str(path), subdir=False, lock=False) as environment, environment.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key, value)
    for name, said in (('terabytes', 'cut off'), ('text', 'damaged'), ('none', 'damaged'), ('plain', 'cut off')):
        answer = run_apart(lambda name=name: load_feature_file(f'{path}/visual/{name}'))
        assert answer.startswith('refused: ') and said in answer and f'{path}/visual/{name}' in answer, answer
    assert run_apart(lambda: len(list_folder(f'{path}/visual'))) == 'read: 7'


def test_a_folder_of_lmdb_is_no_packed_file(tmp_path):
    lmdb.open(str(tmp_path / 'a.lmdb')).close()
    assert 'it is a folder, not a file' in run_apart(lambda: load_feature_file(f'{tmp_path}/a.lmdb/visual/a'))
