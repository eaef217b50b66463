"""Checkpoints whose log history holds numpy's types, as mmengine writes them by itself, read without admitting any.

While such a file is read, stand-ins answer to the names of numpy's types. They are plain classes of this module that
keep what the file says; only when all is read are numbers made of it, of a few known types.
"""

from __future__ import annotations

import os
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from mmdel.utils.files import why_not_unpacked

NUMBER_TYPES = dict(b1=np.bool_, i4=np.int32, i8=np.int64, f4=np.float32, f8=np.float64)


class _Said:
    """What a file says of an object: how it is made, and its state."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Dtype(_Said):
    """Stands in for numpy's dtypes."""


class _Array(_Said):
    """Stands in for arrays, which are made empty and then given a state."""


class _Number(_Said):
    """Stands in for numpy's numbers, made of a dtype and bytes."""


class _History(_Said):
    """Stands in for ``HistoryBuffer``."""


class _Method(_Said):
    """Stands in for ``getattr``, by which methods are pickled."""


def load_old_checkpoint(path: str | os.PathLike) -> dict[str, Any]:
    """A checkpoint with plain numbers where the file has numpy's, and log histories that can be saved again.

    Raises:
        UnpicklingError: If the file holds anything but weights, settings and logged numbers.
    """
    names: list[Any] = [
        (_History, 'mmengine.logging.history_buffer.HistoryBuffer'),
        (_Method, 'builtins.getattr'),
        (_Said, 'numpy.ndarray'),
        (_Dtype, 'numpy.dtype'),
    ]
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):  # written by numpy 1 and by numpy 2
        names += [(_Array, f'{module}._reconstruct'), (_Number, f'{module}.scalar')]
    if reason := why_not_unpacked(path):
        raise UnpicklingError(reason)
    with torch.serialization.safe_globals(names):
        content = torch.load(path, map_location='cpu', weights_only=True)
    try:
        return _numbers(content)
    except (KeyError, ValueError, TypeError, IndexError, RecursionError) as error:
        raise UnpicklingError(f'the log history of the checkpoint is damaged: {error!r}') from error


def _numbers(value: Any) -> Any:
    """``value`` with numbers and histories in the place of what the file says of them."""
    from mmengine.logging import HistoryBuffer

    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = _numbers(item)
        return value
    if type(value) in (list, tuple):
        return type(value)(map(_numbers, value))
    if not isinstance(value, _Said):
        return value
    match value:
        case _History(state={'_log_history': log, '_count_history': counts, 'max_length': int(max_length)}):
            return HistoryBuffer(_numbers(log), _numbers(counts), max_length)
        case _Array(state=(_, tuple(shape), _Dtype() as dtype, bool(fortran), bytes(content))):
            return np.frombuffer(content, _number_type(dtype)).reshape(shape, order='F' if fortran else 'C').tolist()
        case _Number(args=(_Dtype() as dtype, bytes(content))):
            return np.frombuffer(content, _number_type(dtype))[0].item()
    raise UnpicklingError(
        f'the checkpoint holds more than weights, settings and logged numbers: {type(value).__name__}'
    )


def _number_type(dtype: _Dtype) -> type[np.generic]:
    """The type of number that a file names, in this machine's order of bytes.

    Raises:
        KeyError: If it is none of :data:`NUMBER_TYPES`, or has another order of bytes.
    """
    order = dtype.state[1] if isinstance(dtype.state, tuple) and len(dtype.state) > 1 else '='
    if order not in ('<', '=', '|'):
        raise KeyError(f'numbers of the order of bytes {order!r}')
    return NUMBER_TYPES[dtype.args[0]]
