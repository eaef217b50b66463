"""Packed features: one LMDB file for many, which spares a shared file system the many small files.

Its keys are paths, as ``<stream>/<video id>``; a value is what an ``.npy`` file would hold, and a checksum of it and
its key. The path of a feature leads through the file as through a folder: ``features.lmdb/visual/<id>``.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from mmdel.datasets.lmdb_file import LmdbFile, Value
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import require_regular_file

SUFFIX = '.lmdb'
HEADER_BYTES = 4096  # the header of an array (T, channels) has 128
CHECKSUM = struct.Struct('<I')  # CRC-32 of the key and what is before, at the end of a value

_files: dict[str, LmdbFile] = {}


@dataclass(frozen=True)
class NpyHeader:
    """What the header of an ``.npy`` file says of its array.

    Attributes:
        shape: The array's shape.
        dtype: The type of its numbers, or of whatever it holds.
        order: ``'F'`` if the first index changes fastest, else ``'C'``.
        offset: Where the array begins, in bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    order: Literal['C', 'F']
    offset: int

    def array(self, content: np.ndarray) -> np.ndarray:
        """The array in the file's content (N,) uint8, uncopied."""
        end = self.offset + math.prod(self.shape) * self.dtype.itemsize
        return np.frombuffer(content[self.offset : end].data, self.dtype).reshape(self.shape, order=self.order)


def read_npy_header(head: bytes, num_bytes: int) -> NpyHeader:
    """What an ``.npy`` file says of its array.

    Args:
        head: Its first :data:`HEADER_BYTES`.
        num_bytes: How many it has.

    Raises:
        UserInputError: If it has fewer bytes than the array that it says it holds.
        ValueError: If it is no such file.
    """
    width = 2 if head[6:7] == b'\1' else 4  # of the length that stands behind magic and version
    header = _parse(head[: 8 + width + int.from_bytes(head[8 : 8 + width], 'little')])
    if not header.dtype.hasobject and num_bytes < header.offset + math.prod(header.shape) * header.dtype.itemsize:
        raise UserInputError('the file is cut off')
    return header


@lru_cache(maxsize=1024)  # numpy takes a fifth of a millisecond for each, and lengths come again
def _parse(head: bytes) -> NpyHeader:
    file = io.BytesIO(head)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(file)
    if min(shape, default=0) < 0:
        raise ValueError('an array of negative length')
    return NpyHeader(shape, dtype, 'F' if is_fortran else 'C', file.tell())


def is_inside(path: str) -> bool:
    """Whether a path leads into a packed file."""
    return _split(path) is not None


def has_entry(path: str) -> bool:
    """Whether a packed file has an entry at a path that leads into it.

    Raises:
        UserInputError: If there is no such file, or it is no LMDB file, or damaged.
    """
    file, key = _split(path) or (path, '')
    return _open(file).find(key.encode(errors='surrogatepass')) is not None


def read_entry(path: str) -> np.ndarray:
    """The array at a path that leads into a packed file.

    Raises:
        UserInputError: If there is no such file or entry, or it cannot be read.
    """
    pack, key, value = _find(path)
    header = _header(path, pack, value)
    if header.dtype.hasobject:
        raise UserInputError(f'{pack.path}: the entry {key!r} holds objects')
    content = pack.read(value)
    if CHECKSUM.pack(_checksum(key, content[: -CHECKSUM.size].data)) != content[-CHECKSUM.size :].tobytes():
        raise UserInputError(f'{pack.path}: the entry {key!r} is damaged (wrong checksum); copy or pack it again')
    return header.array(content)


def read_shape(path: str) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and dtype of the array at a path that leads into a packed file; its content is not read.

    Raises:
        UserInputError: If there is no such file or entry, or it cannot be read.
    """
    pack, _, value = _find(path)
    header = _header(path, pack, value)
    return header.shape, header.dtype


def list_folder(folder: str) -> set[str]:
    """The names in a folder of a packed file.

    Raises:
        UserInputError: If there is no such file, or it is no LMDB file, or damaged.
    """
    file, inner = _split(folder) or (folder, '')
    prefix = inner.encode(errors='surrogatepass') + b'/'
    return {key[len(prefix) :].decode(errors='replace') for key in _open(file).keys(prefix)}


class PackWriter:
    """Writes a packed file entry by entry; what is written stays, should the program be stopped.

    Args:
        path: The file; it is made if it does not exist, else continued.

    Raises:
        UserInputError: If what is there is no such file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if os.path.lexists(path):
            require_regular_file(path, 'packed features')
        try:
            # A single writer needs no lock file. Synchronised once, at the end: a stopped program loses nothing.
            self._environment = _lmdb().open(path, subdir=False, lock=False, sync=False)
        except _lmdb().Error as error:
            raise UserInputError(f'cannot write the packed features {path}: {error}') from error

    def __contains__(self, key: str) -> bool:
        with self._environment.begin() as transaction:
            return transaction.get(key.encode()) is not None

    def put(self, key: str, array: np.ndarray) -> None:
        """Writes one entry.

        Raises:
            UserInputError: If it cannot be written: the disk is full, or the key has more than 511 bytes.
        """
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
        buffer.write(CHECKSUM.pack(_checksum(key, buffer.getbuffer())))
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    transaction.put(key.encode(), buffer.getbuffer())
                return
            except _lmdb().MapFullError:
                self._environment.set_mapsize(2 * self._environment.info()['map_size'])
            except _lmdb().Error as error:
                raise UserInputError(f'cannot write {key!r} to {self.path}: {error}') from error

    def close(self) -> None:
        """Ends the writing, with all of it on the disk."""
        self._environment.sync(True)
        self._environment.close()


def _split(path: str) -> tuple[str, str] | None:
    """The packed file in a path and what follows it; None if there is none."""
    parts = re.split(rf'(?<={re.escape(SUFFIX)})[/\\]', path, maxsplit=1)
    if len(parts) == 2:
        return parts[0], parts[1].rstrip('/\\')
    return None


def _find(path: str) -> tuple[LmdbFile, str, Value]:
    """What is at a path that leads into a packed file: the file, the key, and where its value is."""
    file, key = _split(path) or (path, '')
    pack = _open(file)
    value = pack.find(key.encode(errors='surrogatepass'))
    if value is None:
        raise UserInputError(f'{file} has no entry {key!r}')
    return pack, key, value


def _header(path: str, pack: LmdbFile, value: Value) -> NpyHeader:
    try:
        return read_npy_header(pack.read(value, HEADER_BYTES).tobytes(), value.num_bytes - CHECKSUM.size)
    except Exception as error:  # whatever numpy says of what is no header
        raise UserInputError(f'{path} is damaged, or no packed feature: {error}; copy or pack it again') from error


def _checksum(key: str, content: memoryview) -> int:
    return zlib.crc32(content, zlib.crc32(key.encode(errors='surrogatepass')))


def _open(file: str) -> LmdbFile:
    """A packed file, for reading."""
    if file not in _files:
        _files[file] = LmdbFile(file)
    return _files[file]


def _lmdb() -> Any:
    try:
        import lmdb
    except ImportError as error:
        raise UserInputError("writing packed features needs the package lmdb: pip install 'mmdel[storage]'") from error
    return lmdb
