"""Reading checkpoints: what is wrong with one is told with its path; which one a training resumes from."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader

from mmdel.utils.errors import UserInputError, refusal
from mmdel.utils.files import why_not_unpacked

DAMAGED = 'it is damaged, incomplete, or no checkpoint at all'


def require_checkpoint(path: str) -> str:
    """``path`` itself, if it is a remote address or an existing file.

    Raises:
        UserInputError: If it is neither.
    """
    if ':' not in path and not Path(path).is_file():
        raise UserInputError(f'there is no checkpoint {path}')
    return path


def read_checkpoint(path: str) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU.

    Args:
        path: A file, or an address that mmengine knows to read.

    Raises:
        UserInputError: If it cannot be read, is damaged, or holds no weights.
    """
    with reading(path):
        return CheckpointLoader.load_checkpoint(path, map_location='cpu', logger='silent')


@contextmanager
def reading(path: str | os.PathLike) -> Iterator[None]:
    """Whatever goes wrong while a checkpoint is read is told with its path.

    Raises:
        UserInputError: In the place of any other error.
    """
    try:
        yield
    except UserInputError:
        raise
    except Exception as error:  # whatever torch, pickle, zipfile or the file system say of a broken file
        raise UserInputError(f'the checkpoint {path} {_why(error, path)}') from error


@CheckpointLoader.register_scheme(prefixes='', force=True)
def load_from_local(filename: str, map_location: Any) -> dict[str, Any]:
    """In the place of mmengine's loader of this name: for all that reads a checkpoint, in every tool.

    Raises:
        UserInputError: If it is damaged (torch itself does not compare the checksums) or holds no weights.
    """
    path = require_checkpoint(os.path.expanduser(filename))
    with reading(path):
        if reason := why_not_unpacked(path):
            raise UserInputError(f'the checkpoint {path} cannot be read: {reason}')
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if (broken := archive.testzip()) is not None:
                    raise UserInputError(f'the checkpoint {path} is damaged: wrong checksum of {broken}')
        content = torch.load(path, map_location=map_location, weights_only=True)
    if not isinstance(content, dict) or not isinstance(content.get('state_dict', content), dict):
        raise UserInputError(f'the checkpoint {path} holds no weights by name, but a {type(content).__name__}')
    return content


def latest_checkpoint(work_dir: str) -> str | None:
    """The checkpoint that a training in ``work_dir`` goes on from; None if nothing was written there.

    It lies beside the file ``last_checkpoint`` that names it, whatever folder that was written in.

    Raises:
        UserInputError: If it does not lie there.
    """
    note = Path(work_dir, 'last_checkpoint')
    if not note.is_file():
        return None
    name = Path(note.read_text(encoding='utf-8', errors='replace').strip()).name
    path = Path(work_dir, name)
    if not name or not path.exists():
        raise UserInputError(f'{note} names {name or "nothing"}, which is not beside it; name one: --resume CHECKPOINT')
    return str(path)


def checkpoint_classes(checkpoint: Mapping[str, Any]) -> list[str]:
    """The class names that a checkpoint was trained with, in the order of the outputs; none if it does not say."""
    meta: Any = checkpoint
    for key in ('meta', 'dataset_meta', 'classes'):
        meta = meta.get(key) if isinstance(meta, Mapping) else None
    return list(map(str, meta)) if isinstance(meta, list | tuple) else []


def describe_difference(checkpoint: list[str], data: list[str]) -> str:
    """Two lists of classes, and where they differ first."""
    pairs = enumerate(zip_longest(checkpoint, data, fillvalue='none'))
    index, (theirs, own) = next(item for item in pairs if item[1][0] != item[1][1])
    return (
        f'the classes of the checkpoint are not those of the data, from number {index} on: {theirs!r}, not {own!r}\n'
        f'checkpoint, {len(checkpoint)}: {", ".join(checkpoint)}\ndata, {len(data)}: {", ".join(data)}'
    )


def why_refused(error: UnpicklingError) -> str:
    """Why torch does not read a file of weights, without its advice to read it nevertheless."""
    reason = refusal(error)
    if reason == 'it is no file of weights' or reason.startswith('Unsupported operand'):
        return f'cannot be read: {DAMAGED}'
    return (
        'was refused, because it holds more than weights, settings and logged numbers, and reading such a file could '
        f'run foreign code: {reason}'
    )


def _why(error: Exception, path: str | os.PathLike) -> str:
    if isinstance(error, UnpicklingError):
        reason = why_refused(error)
        if 'HistoryBuffer' in reason or 'numpy' in reason:
            reason += f'. If mmengine wrote it without mmdel: python tools/convert_checkpoint.py {path} NEW.pth'
        return reason
    if isinstance(error, PermissionError) or not os.path.isfile(path):  # or an address
        return f'cannot be read: {getattr(error, "strerror", None) or error}'
    return 'cannot be read: ' + (DAMAGED if os.path.getsize(path) else 'it is empty')
