"""The reader of LMDB files against the library that writes them, and against files that are damaged."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.datasets.lmdb_file import LmdbFile
from mmdel.utils.errors import UserInputError

lmdb = pytest.importorskip('lmdb')
KEYS = st.binary(min_size=1, max_size=12) | st.sampled_from(['a', 'b', 'ab']).map(lambda x: (x * 80).encode())


def write(path, entries, deleted=(), **options) -> LmdbFile:
    """A file with these entries, each in a transaction of its own."""
    with lmdb.open(str(path), subdir=False, lock=False, sync=False, map_size=2**26, **options) as environment:
        for key, value in entries.items():
            with environment.begin(write=True) as transaction:
                transaction.put(key, value)
        with environment.begin(write=True) as transaction:
            for key in deleted:
                transaction.delete(key)
    return LmdbFile(str(path))


def content(file: LmdbFile) -> dict[bytes, bytes]:
    return {key: file.read(file.find(key)).tobytes() for key in file.keys(b'')}


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(KEYS, st.integers(0, 9000).map(lambda size: os.urandom(8) * (size // 8)), max_size=40),
    st.sets(KEYS),
    st.binary(max_size=2),
)
def test_it_finds_what_the_library_wrote(entries, deleted, prefix):
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder, 'a.lmdb'), entries, deleted)
        left = {key: value for key, value in entries.items() if key not in deleted}
        assert content(file) == left
        assert [*file.keys(prefix)] == sorted(key for key in left if key.startswith(prefix))
        assert all(file.find(key) is None for key in deleted | {b'\0', b'\xff' * 20} if key not in left)


def test_many_keys_are_found_through_many_pages(tmp_path):
    names = [f'{stream}/{number:05d}'.encode() for stream in ('audio', 'visual') for number in range(4000)]
    file = write(tmp_path / 'a.lmdb', dict.fromkeys(names, b'value' * 9))
    assert [*file.keys(b'visual/')] == names[4000:]
    assert [*file.keys(b'visual/0123')] == [f'visual/0123{digit}'.encode() for digit in range(10)]
    assert all(file.find(name) for name in names) and not file.find(b'visual/04000') and not file.find(b'a')
    assert file.read(file.find(names[7]), 7).tobytes() == b'valueva'


@pytest.fixture(scope='module')
def damaged(tmp_path_factory):
    """The path of a file, and its content."""
    path = tmp_path_factory.mktemp('damaged') / 'a.lmdb'
    entries = {b'%03d' % number: b'%d' % number * (3000 if number % 40 == 0 else 20) for number in range(200)}
    write(path, entries)
    return path, path.read_bytes()


def check(path) -> None:
    """Every answer is one of the file, or a refusal that names it."""
    try:
        file = LmdbFile(str(path))
        assert len([*file.keys(b'')]) < 10_000
        for key in (b'000', b'117', b'160', b'x'):
            value = file.find(key)
            assert value is None or 0 <= value.offset <= value.offset + value.num_bytes <= path.stat().st_size
            if value is not None:
                file.read(value)
    except UserInputError as error:
        assert str(path) in str(error)


def test_no_changed_byte_leads_out_of_the_file(damaged):
    path, whole = damaged
    rng = np.random.default_rng(0)
    for _ in range(500):
        changed = bytearray(whole)
        # Mostly in the heads of pages and nodes.
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            place = place if rng.random() < 0.3 else place // 4096 * 4096 + rng.integers(0, 152)
            changed[place] = rng.choice([0, 1, 127, 128, 255, changed[place] ^ (1 << rng.integers(8))])
        path.write_bytes(changed)
        check(path)


def test_what_is_cut_off_is_refused(damaged):
    path, whole = damaged
    for size in (0, 10, 150, 152, 4096, 4200, 8192, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(UserInputError, match=rf'{path}.*cut off'):
            LmdbFile(str(path)).find(b'000')
    path.write_bytes(whole)
    file = LmdbFile(str(path))
    value = file.find(b'160')
    os.truncate(path, 4096)  # while it is used
    with pytest.raises(UserInputError, match='cut off'):
        file.read(value)


@pytest.mark.parametrize(
    ('place', 'byte', 'said'), [(16, 0, 'it is no LMDB file'), (20, 2, 'another version'), (40, 3, 'pages of')]
)
def test_a_file_of_another_kind_is_refused(damaged, place, byte, said):
    path, whole = damaged
    path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
    with pytest.raises(UserInputError, match=said):
        LmdbFile(str(path)).find(b'000')


def test_a_page_that_leads_to_itself_ends_the_search(damaged):
    path, whole = damaged
    file = LmdbFile(str(path))
    path.write_bytes(whole)
    tree = file._tree()
    root = bytearray(whole[tree.root * tree.page_bytes :][: tree.page_bytes])
    places = np.frombuffer(root, '<u2', (int.from_bytes(root[12:14], 'little') - 16) // 2, 16)
    for place in places.tolist():
        root[place : place + 6] = tree.root.to_bytes(6, 'little')
    start = tree.root * tree.page_bytes
    path.write_bytes(whole[:start] + root + whole[start + tree.page_bytes :])
    for search in (lambda: file.find(b'000'), lambda: [*file.keys(b'')]):
        with pytest.raises(UserInputError, match='a page leads to itself'):
            search()


def test_several_values_of_a_key_are_refused(tmp_path):
    file = write(tmp_path / 'a.lmdb', {})
    with lmdb.open(str(tmp_path / 'b.lmdb'), subdir=False, lock=False, max_dbs=1) as environment:
        table = environment.open_db(b'table')
        with environment.begin(write=True) as transaction:
            transaction.put(b'key', b'value', db=table)
    assert file.find(b'a') is None and not [*file.keys(b'')]
    with pytest.raises(UserInputError, match='a value of page'):
        LmdbFile(str(tmp_path / 'b.lmdb')).find(b'table')
