"""Opening any feature: a file of its own, or an entry of a packed file; its shape, its content, a cache of contents.

A feature is an array (T, channels). It is named by a path: of an ``.npy``, ``.npz``, ``.pt`` or ``.pth`` file, or one
that leads through a packed file as through a folder, ``features.lmdb/visual/<id>``; see
:mod:`mmdel.datasets.feature_pack`.
"""

from __future__ import annotations

import math
import os
import re
import textwrap
import unicodedata
import zipfile
from collections.abc import Callable, Hashable
from pickle import UnpicklingError
from typing import IO, Any, Literal

import numpy as np
import torch

from mmdel.datasets import feature_pack
from mmdel.datasets.feature_pack import HEADER_BYTES, NpyHeader, read_npy_header
from mmdel.events.problems import Problem, short, some_of
from mmdel.utils.errors import UserInputError, refusal
from mmdel.utils.files import HEAD_BYTES, kind_of_content, why_not_unpacked, why_unopened
from mmdel.utils.names import file_name

STORED_DTYPES = (np.float16, np.float32)  # what stays as it is stored; all else becomes float32
MAX_NUMBERS = 2**32  # of a feature: 16 GiB of float32, a day of 1024 channels at 48 steps a second
CHUNK_BYTES = 2**20
MAX_FREE_BYTES, MAX_COMPRESSION = 2**28, 100  # a larger array of an archive is no hundredth of its size there
TORCH_SUFFIXES = ('.pt', '.pth')
EXPECTED_FILE = 'a whole .npy, .npz, .pt or .pth file'
BEGINNINGS = (  # of whole files, by their names
    ('.npy', b'\x93NUMPY'),
    ('.npz', b'PK'),
    *((suffix, begin) for suffix in TORCH_SUFFIXES for begin in (b'PK', b'\x80\2')),
)


def feature_path(pattern: str, video_id: str) -> str:
    """The path of a video's feature: the pattern with the id for ``{id}``.

    An id is one name in both of Unicode's forms: if no file has it as it is, that which has the other form is meant, or
    that which is called as :func:`~mmdel.utils.names.file_name` writes it, which ``mmdel extract`` does. It may lead
    into sub-folders, as ``a/b``. One that leads out of its folder, as ``../b`` or ``/b``, is a name like any other, and
    written as that function writes it.
    """
    if os.path.isabs(video_id) or '..' in re.split(r'[/\\]', video_id) or '\0' in video_id:
        return pattern.replace('{id}', file_name(video_id))
    paths = [pattern.replace('{id}', video_id)]
    if not video_id.isascii():
        forms: tuple[Literal['NFC', 'NFD'], ...] = ('NFC', 'NFD')
        paths += [pattern.replace('{id}', unicodedata.normalize(form, video_id)) for form in forms]
    if (name := file_name(video_id)) != video_id:
        paths.append(pattern.replace('{id}', name))
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
    if not path.endswith(TORCH_SUFFIXES):  # whose content tells
        feature_shape(path, key)
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
    except Exception as error:  # whatever numpy, zipfile, pickle or torch say of a broken file
        raise Problem('unreadable-file', _what_is_wrong(path, error), EXPECTED_FILE, file=path).error() from error


def _what_is_wrong(path: str, error: Exception) -> str:
    """Why a file is not read; never the advice of numpy and torch to open what may run a program."""
    if isinstance(error, UserInputError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return 'it does not fit in the memory'
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
    if len(shape) != 2 or 0 in shape or dtype.kind not in 'fiu' or math.prod(shape) > MAX_NUMBERS:
        expected = 'an array (T >= 1, channels >= 1) of numbers'
        if len(shape) == 2 and math.prod(shape) > MAX_NUMBERS:
            expected += f', no more than {MAX_NUMBERS}'
        raise Problem('wrong-array', f'an array {short(shape)} of {dtype}', expected, file=path).error()


def _read(path: str, key: str | None) -> np.ndarray:
    """The content of a feature whose header, if it has one, was found to be right."""
    if feature_pack.is_inside(path):
        return feature_pack.read_entry(path)
    if path.endswith('.npy'):
        header = _npy_header(path)
        # Mapped copy-on-write: pages are read when used, and an array that can be written to suits PyTorch.
        return np.asarray(np.memmap(path, header.dtype, 'c', header.offset, header.shape, header.order))
    if path.endswith('.npz'):
        with zipfile.ZipFile(path) as archive:
            header, member = _find_member(archive, key)
            with archive.open(member) as file:
                return header.array(_read_bytes(file, member.file_size))
    return _read_tensor(path, key)


def _read_shape(path: str, key: str | None) -> tuple[tuple[int, ...], np.dtype]:
    if feature_pack.is_inside(path):
        return feature_pack.read_shape(path)
    if not path.endswith(('.npy', '.npz', *TORCH_SUFFIXES)):
        raise UserInputError('unknown kind of feature file')
    if reason := why_unopened(path):
        raise UserInputError(reason)
    if path.endswith(TORCH_SUFFIXES):
        array = _read_tensor(path, key)
        return array.shape, array.dtype
    if path.endswith('.npy'):
        header = _npy_header(path)
    else:
        with zipfile.ZipFile(path) as archive:
            header, _ = _find_member(archive, key)
    return header.shape, header.dtype


def _npy_header(path: str) -> NpyHeader:
    with open(path, 'rb') as file:
        return read_npy_header(file.read(HEADER_BYTES), os.fstat(file.fileno()).st_size)


def _find_member(archive: zipfile.ZipFile, key: str | None) -> tuple[NpyHeader, zipfile.ZipInfo]:
    """The header of an array of an ``.npz`` file, and its place there."""
    names = [name.removesuffix('.npy') for name in archive.namelist() if name.endswith('.npy')]
    info = archive.getinfo(f'{_choose(key, names)}.npy')
    if info.file_size > max(MAX_FREE_BYTES, MAX_COMPRESSION * info.compress_size):
        raise UserInputError(f'{info.compress_size} bytes claim to hold {info.file_size}')
    with archive.open(info) as file:
        return read_npy_header(file.read(HEADER_BYTES), info.file_size), info


def _read_bytes(file: IO[bytes], num_bytes: int) -> np.ndarray:
    """So many bytes, as uint8."""
    content, num_read = np.empty(num_bytes, np.uint8), 0
    while num_read < num_bytes:
        part = file.read(min(num_bytes - num_read, CHUNK_BYTES))
        if not part:
            raise UserInputError('the file is cut off')
        content[num_read : num_read + len(part)] = np.frombuffer(part, np.uint8)
        num_read += len(part)
    return content


def _read_tensor(path: str, key: str | None) -> np.ndarray:
    """The array of a file of torch: of a tensor that has all its numbers in the file, each of its own."""
    if reason := why_unopened(path) or why_not_unpacked(path):
        raise UserInputError(reason)
    tensor = torch.load(path, map_location='cpu', weights_only=True)
    if isinstance(tensor, dict):
        tensor = tensor[_choose(key, [name for name in tensor if isinstance(name, str)])]
    if not isinstance(tensor, torch.Tensor):
        raise UserInputError(f'it holds a {type(tensor).__name__}, not a tensor')
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = 'quantized' if tensor.is_quantized else 'without numbers' if tensor.is_meta else str(tensor.layout)
        raise UserInputError(f'it holds a tensor that is {kind}, not a plain one')
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise UserInputError(f'it claims to hold {tensor.numel()} numbers, and holds fewer')
    exotic = tensor.is_floating_point() and tensor.dtype != torch.float16  # some of which numpy does not know
    return (tensor.float() if exotic else tensor).detach().numpy()


def _choose(key: str | None, keys: list[str]) -> str:
    if key is None and len(keys) == 1:
        return keys[0]
    if key is None or key not in keys:
        names = some_of(list(map(short, keys)), 10)
        raise UserInputError(f"it holds the arrays [{names}]; set the stream's key to one of them (got {key!r})")
    return key
