"""Opening any feature: a file of its own, or an entry of a packed file; its shape, its content, a cache of contents.

A feature is an array (T, channels). It is named by a path: of an ``.npy``, ``.npz``, ``.pt`` or ``.pth`` file, or one
that leads through a packed file as through a folder, ``features.lmdb/visual/<id>``; see
:mod:`mmdel.datasets.feature_pack`.
"""

from __future__ import annotations

import math
import os
import textwrap
import unicodedata
import zipfile
from collections.abc import Callable, Hashable
from pickle import UnpicklingError
from typing import Any, Literal

import numpy as np
import torch

from mmdel.datasets import feature_pack
from mmdel.events.problems import Problem, short
from mmdel.utils.errors import UserInputError, refusal
from mmdel.utils.files import HEAD_BYTES, kind_of_content

STORED_DTYPES = (np.float16, np.float32)  # what stays as it is stored; all else becomes float32
EXPECTED_FILE = 'a whole .npy, .npz, .pt or .pth file'
BEGINNINGS = (  # of whole files, by their names
    ('.npy', b'\x93NUMPY'),
    ('.npz', b'PK'),
    *((suffix, begin) for suffix in ('.pt', '.pth') for begin in (b'PK', b'\x80\2')),
)


def feature_path(pattern: str, video_id: str) -> str:
    """The path of a video's feature: the pattern with the id for ``{id}``.

    An id is one name in both of Unicode's forms: if no file has it as it is, that which has the other form is meant.
    """
    paths = [pattern.replace('{id}', video_id)]
    if not video_id.isascii():
        forms: tuple[Literal['NFC', 'NFD'], ...] = ('NFC', 'NFD')
        paths += [pattern.replace('{id}', unicodedata.normalize(form, video_id)) for form in forms]
    return paths[0] if len(paths) == 1 else next(filter(_exists, paths), paths[0])


def _exists(path: str) -> bool:
    try:
        return feature_pack.has_entry(path) if feature_pack.is_inside(path) else os.path.lexists(path)
    except UserInputError:  # told by what reads it
        return False


def feature_shape(path: str, key: str | None = None) -> tuple[int, int]:
    """The shape (T, channels) of a feature; the content is read only from ``.pt`` and ``.pth`` files.

    Args:
        path: The feature's path.
        key: Which array of an ``.npz`` or a saved dict; needed only if there are several.

    Raises:
        ProblemError: As :func:`read_feature`.
    """
    shape, dtype = _told(_read_shape, path, key)
    _check(path, shape, dtype)
    return shape


def read_feature(path: str, key: str | None = None) -> np.ndarray:
    """A feature (T, channels), float16 if it is stored so, else float32; an ``.npy`` file is mapped, not copied.

    Whether all numbers are finite is not checked: see :func:`first_nonfinite_step`.

    Args:
        path: The feature's path.
        key: Which array of an ``.npz`` or a saved dict; needed only if there are several.

    Raises:
        ProblemError: ``unreadable-file``, or ``wrong-array`` if it is not numbers of shape (T >= 1, channels >= 1).
    """
    array = _told(_read, path, key)
    _check(path, array.shape, array.dtype)
    if array.dtype not in STORED_DTYPES:
        with np.errstate(over='ignore'):  # what becomes infinite is found as such
            array = array.astype(np.float32)
    return array


def first_nonfinite_step(feature: np.ndarray) -> int | None:
    """The first step of a feature (T, C), T and C >= 1, that holds NaN or infinity; None if all are finite."""
    # The extremes are NaN if any number is; one pass without a temporary array, and fast in float16.
    if all(torch.isfinite(extreme) for extreme in torch.aminmax(torch.from_numpy(feature))):
        return None
    return int(np.flatnonzero(~np.isfinite(feature).all(axis=1))[0])


def as_float32(feature: np.ndarray) -> np.ndarray:
    """The same numbers as float32; by PyTorch, whose conversion from float16 is many times as fast as numpy's."""
    return torch.from_numpy(feature).float().numpy()


class Folders:
    """Which feature files there are: each folder, or folder of a packed file, is listed when it is first asked for.

    Attributes:
        problems: The folders that cannot be listed, and why.
    """

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        self._names: dict[str, set[str]] = {}

    def has(self, path: str) -> bool:
        """Whether a file is there."""
        folder, name = os.path.split(path)
        return name in self.names(folder)

    def names(self, folder: str) -> set[str]:
        """The names in a folder; none if it cannot be listed."""
        if folder not in self._names:
            self._names[folder] = set()
            try:
                if feature_pack.is_inside(folder):
                    self._names[folder] = feature_pack.list_folder(folder)
                else:
                    self._names[folder] = set(os.listdir(folder or '.'))
            except (OSError, ValueError) as error:  # a ValueError of a damaged packed file, or of an odd name
                self.problems[folder] = getattr(error, 'strerror', None) or str(error)
        return self._names[folder]


class FeatureCache:
    """Keeps what was loaded, up to a limit: first come, first kept.

    Nothing is dropped for something newer: when every video comes once an epoch in random order, a cache that holds a
    part of them all is used for just this part, while one that keeps the latest has mostly lost what comes next.

    Args:
        max_bytes: The most bytes to keep.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._arrays: dict[Hashable, np.ndarray] = {}

    def get(self, key: Hashable, load: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of ``key``, from ``load()`` if it is not kept. What comes from the cache is a copy."""
        if key in self._arrays:
            return self._arrays[key].copy()
        array = load()
        if self.num_bytes + array.nbytes <= self.max_bytes:
            self._arrays[key] = array.copy()
            self.num_bytes += array.nbytes
        return array


def _told(read: Callable, path: str, key: str | None) -> Any:
    """``read(path, key)``; whatever goes wrong is told with the path, and with what the file is instead."""
    try:
        return read(path, key)
    except Exception as error:  # whatever numpy, zipfile, pickle, torch or lmdb say of a broken file
        if read is _read:
            feature_shape(path, key)  # which tells of the file in the same words, whoever asks
        raise Problem('unreadable-file', _what_is_wrong(path, error), EXPECTED_FILE, file=path).error() from error


def _what_is_wrong(path: str, error: Exception) -> str:
    """Why a file is not read; never the advice of numpy and torch to open what may run a program."""
    if isinstance(error, UserInputError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    with open(path, 'rb') as file:
        head = file.read(HEAD_BYTES)
    kind = kind_of_content(head)
    begins_well = any(
        head and head[: len(begin)] == begin[: len(head)] for suffix, begin in BEGINNINGS if path.endswith(suffix)
    )
    if kind and not begins_well:
        return f'the file is {kind}'
    if not kind and head.isascii():
        return f'the file is a text, which begins {short(head.decode())}'
    if isinstance(error, UnpicklingError):
        return f'the file holds something else than tensors ({refusal(error)})'
    reason = '' if 'pickle' in str(error) else f' ({type(error).__name__}: {error})'
    state = 'cut off or damaged' if begins_well else 'of another kind'
    return textwrap.shorten(f'the file is {state}{reason}', 200, placeholder=' …')


def _check(path: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Stops at what is no feature."""
    if len(shape) != 2 or 0 in shape or dtype.kind not in 'fiu':
        found = f'an array {shape} of {dtype}'
        raise Problem('wrong-array', found, 'an array (T >= 1, channels >= 1) of numbers', file=path).error()


def _read(path: str, key: str | None) -> np.ndarray:
    if feature_pack.is_inside(path):
        return feature_pack.read_entry(path)
    if path.endswith('.npy'):
        # Mapped copy-on-write: pages are read when used, and an array that can be written to suits PyTorch.
        array = np.load(path, mmap_mode='c')
        if not isinstance(array, np.ndarray):
            raise ValueError('an archive')
        return np.asarray(array)
    if path.endswith('.npz'):
        with np.load(path) as archive:
            return archive[_choose(path, key, archive.files)]
    if path.endswith(('.pt', '.pth')):
        content = torch.load(path, map_location='cpu', weights_only=True)
        if isinstance(content, dict):
            content = content[_choose(path, key, list(content))]
        tensor = torch.as_tensor(content).detach()
        return (tensor if tensor.dtype == torch.float16 else tensor.float()).numpy()
    raise UserInputError('unknown kind of feature file')


def _read_shape(path: str, key: str | None) -> tuple[tuple[int, ...], np.dtype]:
    if feature_pack.is_inside(path):
        return feature_pack.read_shape(path)
    if path.endswith('.npy'):
        with open(path, 'rb') as file:
            shape, dtype = feature_pack.read_npy_header(file)
            size = os.fstat(file.fileno()).st_size
            if not dtype.hasobject and size < file.tell() + math.prod(shape) * dtype.itemsize:
                raise UserInputError('the file is cut off')
            return shape, dtype
    if path.endswith('.npz'):
        with zipfile.ZipFile(path) as archive:
            name = _choose(path, key, [name.removesuffix('.npy') for name in archive.namelist()])
            with archive.open(f'{name}.npy') as file:
                return feature_pack.read_npy_header(file)
    array = _read(path, key)
    return array.shape, array.dtype


def _choose(path: str, key: str | None, keys: list[str]) -> str:
    if key is None and len(keys) == 1:
        return keys[0]
    if key is None or key not in keys:
        raise UserInputError(f"it holds the arrays {keys}; set the stream's key to one of them (got {key!r})")
    return key
