"""The streams that a config names, completed by what stands beside their features."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from mmdel.features.sidecar import GRID_KEYS, STREAMS_FILE, StoredStream, read_stored_streams
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

OPTIONAL = {'fps', 'key', 'channels', 'resized'}


def complete_streams(streams: str | Mapping[str, dict], data_root: str | None = None) -> dict[str, dict[str, Any]]:
    """Every stream with its files and, unless its features are resized, its grid.

    Where the ``streams.json`` of ``mmdel extract`` lies beside the features, it tells what a config leaves out.

    Args:
        streams: As of :class:`~mmdel.datasets.EventDataset`.
        data_root: What roots are relative to.

    Raises:
        ValueError: If a stream lacks an argument that nothing tells, or has an unknown one.
        UserInputError: If the config and the file say different things.
    """
    if isinstance(streams, str):
        folder = os.path.join(data_root or '', streams)
        stored = read_stored_streams(folder)
        if stored is None:
            raise UserInputError(
                f'streams={streams!r}: there is no {os.path.join(folder, STREAMS_FILE)}, which mmdel extract writes; '
                "or name each stream, as dict(visual=dict(root=…, files=['{id}.npy'], …))"
            )
        streams = {name: dict(root=streams) for name in stored}
    if not streams:
        raise ValueError('streams must name at least one stream')
    return {name: _complete(name, stream, data_root) for name, stream in streams.items()}


def _complete(name: str, stream: dict[str, Any], data_root: str | None) -> dict[str, Any]:
    stream = dict(stream)
    if 'files' not in stream and 'root' in stream:
        stored = read_stored_streams(os.path.join(data_root or '', stream['root'])) or {}
        if name in stored:
            stream['files'] = stored[name].files
    required = {'root', 'files'} if stream.get('resized') else {'root', 'files', *GRID_KEYS[:2]}
    if {'root', 'files'} <= stream.keys():
        if isinstance(stream['files'], str) or not all('{id}' in pattern for pattern in stream['files']):
            raise ValueError(f"files of stream {name!r} must be a list of names with '{{id}}', got {stream['files']}")
        if not stream.get('resized'):
            _take_stored(name, stream, data_root)
    if not required <= stream.keys() <= required | OPTIONAL | {*GRID_KEYS}:
        may = sorted((OPTIONAL | {*GRID_KEYS}) - required)
        raise ValueError(f'stream {name!r} needs {sorted(required)} and may have {may}, got {sorted(stream)}')
    if not stream.get('resized'):
        FeatureGrid(stream['stride'], stream['window'], stream.get('fps') or 1.0)
    return stream


def _take_stored(name: str, stream: dict[str, Any], data_root: str | None) -> None:
    """Puts into a stream what stands beside its files, or stops where it says something else."""
    found: list[tuple[str, StoredStream]] = []
    for pattern in stream['files']:
        folder, file = os.path.split(os.path.join(data_root or '', stream['root'], pattern))
        described = (read_stored_streams(folder) or {}).values()
        found += [(os.path.join(folder, STREAMS_FILE), stored) for stored in described if file in stored.files]
    for path, stored in found:
        given = {key: stream[key] for key in GRID_KEYS if stream.get(key) is not None}
        if len(given) < len(GRID_KEYS) or not _same_times(given, stored):
            for key, value in given.items():
                _require_same(name, key, value, getattr(stored, key), path)
            stream.update({key: getattr(stored, key) for key in GRID_KEYS})
    if len(found) == len(stream['files']) and all(len(stored.files) == 1 for _, stored in found):
        channels = sum(stored.channels for _, stored in found)
        if stream.get('channels') is not None:
            _require_same(name, 'channels', stream['channels'], channels, found[0][0])
        stream['channels'] = channels


def _same_times(given: Mapping[str, float], stored: StoredStream) -> bool:
    """Whether two grids have the same seconds, though one counts other frames than the other."""
    seconds = [(grid['stride'] / grid['fps'], grid['window'] / grid['fps']) for grid in (given, vars(stored))]
    return all(math.isclose(*pair, rel_tol=1e-6) for pair in zip(*seconds, strict=True))


def _require_same(name: str, key: str, given: Any, stored: Any, path: str) -> None:
    if given != stored:
        raise UserInputError(f'stream {name!r}: the config says {key}={given!r}, and {path} says {stored!r}')
