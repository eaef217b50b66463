"""Packed features: one LMDB file for many, which spares a shared file system the many small files.

Its keys are paths, as ``<stream>/<video id>``; a value is what an ``.npy`` file would hold. The path of a feature leads
through the file as through a folder: ``features.lmdb/visual/<id>``.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from mmdel.utils.errors import UserInputError

SUFFIX = '.lmdb'
HEADER_BYTES = 4096  # the header of an array (T, channels) has 128

_environments: dict[str, Any] = {}  # LMDB wants a file to be opened once a process


def is_inside(path: str) -> bool:
    """Whether a path leads into a packed file."""
    return _split(path) is not None


def has_entry(path: str) -> bool:
    """Whether a packed file has an entry at a path that leads into it.

    Raises:
        UserInputError: If there is no such file, or it is no LMDB file, or damaged.
    """
    file, key = _split(path) or (path, '')
    with _open(file).begin() as transaction:
        return transaction.get(key.encode(errors='surrogatepass')) is not None


def read_entry(path: str) -> np.ndarray:
    """The array at a path that leads into a packed file.

    Raises:
        UserInputError: If there is no such file or entry, or it cannot be read.
    """
    with _value(path) as value:
        header = io.BytesIO(value[:HEADER_BYTES])
        shape, dtype = read_npy_header(header)
        return np.frombuffer(value, dtype, offset=header.tell()).reshape(shape).copy()


def read_shape(path: str) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and dtype of the array at a path that leads into a packed file; its content is not read.

    Raises:
        UserInputError: If there is no such file or entry, or it cannot be read.
    """
    with _value(path) as value:
        return read_npy_header(io.BytesIO(value[:HEADER_BYTES]))


def list_folder(folder: str) -> set[str]:
    """The names in a folder of a packed file.

    Raises:
        UserInputError: If there is no such file, or it is no LMDB file, or damaged.
    """
    file, inner = _split(folder) or (folder, '')
    prefix = inner.encode() + b'/'
    names = set()
    with _open(file).begin() as transaction, transaction.cursor() as cursor:
        found = cursor.set_range(prefix)
        while found and cursor.key().startswith(prefix):
            names.add(cursor.key()[len(prefix) :].decode())
            found = cursor.next()
    return names


def read_npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and dtype in the header of an ``.npy`` file, which is read to its end.

    Raises:
        ValueError: If it is no such file, or one in Fortran's order that is not a vector or empty.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


class PackWriter:
    """Writes a packed file entry by entry; what is written stays, should the program be stopped.

    Args:
        path: The file; it is made if it does not exist, else continued.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        # A single writer needs no lock file. Synchronised once, at the end: a stopped program loses nothing.
        self._environment = _lmdb().open(path, subdir=False, lock=False, sync=False)

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


@contextlib.contextmanager
def _value(path: str) -> Iterator[memoryview]:
    """What a packed file holds at a path, to be used within the context only."""
    file, key = _split(path) or (path, '')
    with _open(file).begin(buffers=True) as transaction:
        value = transaction.get(key.encode())
        if value is None:
            raise UserInputError(f'{file} has no entry {key!r}')
        yield value


def _open(file: str) -> Any:
    """The environment of a packed file, for reading."""
    if file not in _environments:
        try:
            environment = _lmdb().open(file, subdir=False, readonly=True, lock=False)
        except _lmdb().Error as error:
            raise UserInputError(f'cannot read the packed features {file}: {error}') from error
        num_bytes = (environment.info()['last_pgno'] + 1) * environment.stat()['psize']
        if os.path.getsize(file) < num_bytes:  # reading beyond the end would end the process
            environment.close()
            raise UserInputError(f'{file} is cut off: {os.path.getsize(file)} bytes of {num_bytes}; copy it again')
        _environments[file] = environment
    return _environments[file]


def _close_all() -> None:
    for environment in _environments.values():
        environment.close()
    _environments.clear()


# A data loading worker opens the file anew: an environment must not be used in two processes.
if hasattr(os, 'register_at_fork'):  # not on Windows, where workers are never forked
    os.register_at_fork(after_in_child=_close_all)


def _lmdb() -> Any:
    try:
        import lmdb
    except ImportError as error:
        raise UserInputError("packed features need the package lmdb: pip install 'mmdel[storage]'") from error
    return lmdb
