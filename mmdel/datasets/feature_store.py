"""Opening any feature: a file of its own, or an entry of a packed file; its shape, its content, a cache of contents.

A feature is an array (T, channels). It is named by a path: of an ``.npy``, ``.npz``, ``.pt`` or ``.pth`` file, or one
that leads through a packed file as through a folder, ``features.lmdb/visual/<id>``; see
:mod:`mmdel.datasets.feature_pack`.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Hashable

import numpy as np
import torch

from mmdel.datasets import feature_pack
from mmdel.utils.errors import UserInputError

STORED_DTYPES = (np.float16, np.float32)  # what stays as it is stored; all else becomes float32


def feature_shape(path: str, key: str | None = None) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and dtype that a feature has in its file; the content is read only from ``.pt`` and ``.pth`` files.

    The shape is as stored: whether it is (T, channels) is not checked.

    Args:
        path: The feature's path.
        key: Which array of an ``.npz`` or a saved dict; needed only if there are several.

    Raises:
        UserInputError: If the file cannot be read or does not hold the array.
    """
    return _named(_read_shape, path, key)


def read_feature(path: str, key: str | None = None) -> np.ndarray:
    """A feature (T, channels), float16 if it is stored so, else float32; an ``.npy`` file is mapped, not copied.

    Whether all numbers are finite is not checked: see :func:`first_nonfinite_step`.

    Args:
        path: The feature's path.
        key: Which array of an ``.npz`` or a saved dict; needed only if there are several.

    Raises:
        UserInputError: If the file cannot be read or its content is not numbers of shape (T >= 1, channels >= 1).
    """
    array = _named(_read, path, key)
    if array.ndim != 2 or 0 in array.shape:
        raise UserInputError(f'{path}: expected an array (T, channels) with T >= 1, got shape {array.shape}')
    if array.dtype.kind not in 'fiu':
        raise UserInputError(f'{path}: expected numbers, got {array.dtype}')
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


def list_folder(folder: str) -> set[str]:
    """The names in a folder, or in a folder of a packed file; empty if there is no such folder."""
    if feature_pack.is_inside(folder):
        return feature_pack.list_folder(folder)
    try:
        with os.scandir(folder or '.') as entries:
            return {entry.name for entry in entries}
    except OSError:
        return set()


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


def _named(read: Callable, path: str, key: str | None):
    """``read(path, key)``; whatever goes wrong is told with the path."""
    try:
        return read(path, key)
    except UserInputError:
        raise
    except Exception as error:  # whatever numpy, zipfile, pickle, torch or lmdb say of a broken file
        raise UserInputError(f'Cannot read the feature file {path}: {type(error).__name__}: {error}') from error


def _read(path: str, key: str | None) -> np.ndarray:
    if feature_pack.is_inside(path):
        return feature_pack.read_entry(path)
    if path.endswith('.npy'):
        # Mapped copy-on-write: pages are read when used, and an array that can be written to suits PyTorch.
        return np.asarray(np.load(path, mmap_mode='c'))
    if path.endswith('.npz'):
        with np.load(path) as archive:
            return archive[_choose(path, key, archive.files)]
    if path.endswith(('.pt', '.pth')):
        content = torch.load(path, map_location='cpu', weights_only=True)
        if isinstance(content, dict):
            content = content[_choose(path, key, list(content))]
        tensor = torch.as_tensor(content).detach()
        return (tensor if tensor.dtype == torch.float16 else tensor.float()).numpy()
    raise UserInputError(f'{path}: unknown kind of feature file; expected .npy, .npz, .pt or .pth')


def _read_shape(path: str, key: str | None) -> tuple[tuple[int, ...], np.dtype]:
    if feature_pack.is_inside(path):
        return feature_pack.read_shape(path)
    if path.endswith('.npy'):
        with open(path, 'rb') as file:
            return feature_pack.read_npy_header(file)
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
    if key not in keys:
        raise UserInputError(f"{path} holds the arrays {keys}; set the stream's key to one of them (got {key!r})")
    return key
