"""Checkpoints are written whole, what is wrong with one is told with its path, and the latest whole one is found."""

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
from mmengine.fileio import LocalBackend, register_backend
from mmengine.runner.checkpoint import CheckpointLoader

from mmdel.utils.errors import UserInputError, refusal
from mmdel.utils.files import why_not_unpacked, written_whole
from mmdel.utils.log import warn

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


@register_backend('local', force=True, prefixes='')
class WholeFileBackend(LocalBackend):
    """In the place of mmengine's backend for the files of this machine, which writes over what is there.

    All checkpoints go through it, so that whatever happens leaves the old one or the new one.
    """

    def put(self, obj: bytes, filepath: str | os.PathLike) -> None:
        with written_whole(filepath, 'wb') as file:
            file.write(obj)


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


def checkpoint_folder(work_dir: str | os.PathLike, out_dir: str | None = None) -> Path:
    """Where a run keeps its checkpoints: ``out_dir`` is the checkpoint hook's, in which each run has a folder."""
    return Path(out_dir, Path(work_dir).name) if out_dir else Path(work_dir)


def latest_checkpoint(work_dir: str, out_dir: str | None = None) -> str | None:
    """The checkpoint that a training in ``work_dir`` goes on from; None if nothing was written there.

    It is the one that ``last_checkpoint`` names, by its name alone: the folder may have been moved or copied. If that
    one cannot be resumed from, it is the one that was written last of those that can; a warning says so.

    Raises:
        UserInputError: If there are checkpoints, or there were, but none that a training can go on from.
    """
    folder, note = checkpoint_folder(work_dir, out_dir), Path(work_dir, 'last_checkpoint')
    text = note.read_text(encoding='utf-8', errors='replace').strip('\0\n ') if note.is_file() else None
    refused = {}
    if text is None:
        refused[str(note)] = 'is not there'
    elif not text:
        refused[str(note)] = 'is empty'
    else:
        named = folder / Path(text).name
        if not (refusal := _why_not_resumed(named)[0]):
            return str(named)
        refused[str(named)] = refusal
    written = {}
    for path in sorted(folder.glob('*.pth')):
        if str(path) not in refused:
            refusal, when = _why_not_resumed(path)
            if refusal:
                refused[str(path)] = refusal
            else:
                written[when, str(path)] = str(path)
    said = '; '.join(f'{path} {why}' for path, why in refused.items())
    if written:
        latest = written[max(written)]
        warn(f'{said}: the training goes on from {latest}')
        return latest
    if text is None and len(refused) == 1:
        return None
    raise UserInputError(
        f'{said}. There is no checkpoint in {folder} to resume from: name one (--resume CHECKPOINT), or begin anew '
        'without --resume'
    )


def _why_not_resumed(path: Path) -> tuple[str, tuple[str, int]]:
    """Why a training cannot go on from a file (empty if it can), and when that was written: time and iteration."""
    if not path.is_file():
        return 'is not there', ('', 0)
    try:
        content = read_checkpoint(str(path))
    except UserInputError as error:
        return str(error).removeprefix(f'the checkpoint {path} '), ('', 0)
    if lacking := lacking_state(content):
        return f'lacks {", ".join(lacking)}', ('', 0)
    return '', (str(content['meta'].get('time')), int(content['meta']['iter']))


def lacking_state(checkpoint: Mapping[str, Any]) -> list[str]:
    """What every training needs to go on and a checkpoint has not, by name."""
    meta = checkpoint.get('meta')
    keys = [key for key in ('message_hub', 'optimizer') if not isinstance(checkpoint.get(key), Mapping)]
    if not isinstance(meta, Mapping) or not all(isinstance(meta.get(key), int) for key in ('epoch', 'iter')):
        keys.append('meta.epoch and meta.iter')
    return keys


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
