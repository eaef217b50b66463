"""A folder of features as ``mmdel extract`` writes it: what it says of its streams and videos."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdel.features.extractor import complete_config, registered_extractor
from mmdel.features.sidecar import STREAMS_FILE, read_stored_streams
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError


def read_streams(folder: str | Path) -> dict[str, dict[str, Any]]:
    """Stream → its ``extractors``, ``stride``, ``window``, ``fps``, ``channels``, ``files``; empty without such a file.

    Raises:
        UserInputError: If the file cannot be read, or is something else.
    """
    return {name: dict(vars(stream)) for name, stream in (read_stored_streams(folder) or {}).items()}


def extractors_of(stream: Mapping[str, Any], data_root: str | None = None) -> list[dict[str, Any]]:
    """The extractors that the files of a data set's stream were made by, in their order; none if that is not known."""
    extractors: list[dict[str, Any]] = []
    for pattern in stream['files']:
        folder, file = os.path.split(os.path.join(data_root or '', stream['root'], pattern))
        made_by = [stored['extractors'] for stored in read_streams(folder).values() if stored['files'] == [file]]
        if len(made_by) != 1:
            return []
        extractors += made_by[0]
    return extractors


def require_same_streams(streams: Mapping[str, Mapping[str, Any]], folder: str | Path, where: str) -> None:
    """Stops at features that are not those of these streams: of another hop, window or width, or other extractors.

    Args:
        streams: Name → ``stride``, ``window``, ``fps``, ``channels`` and perhaps ``extractors``.
        folder: That of the features.
        where: What the streams are of, for messages.

    Raises:
        UserInputError: Naming both values.
    """
    path, said = Path(folder, STREAMS_FILE), read_streams(folder)
    for name, stream in streams.items():
        theirs = said.get(name)
        if theirs is None:
            raise UserInputError(f'{path} does not tell of stream {name!r}, which {where} reads')
        own, other = _numbers(stream), _numbers(theirs)
        for what, value in own.items():
            if not math.isclose(value, other[what], rel_tol=1e-6):
                raise UserInputError(
                    f'{path}: stream {name!r} has {other[what]:g} {what}, and that of {where} {value:g}'
                )
        ours, others = (_completed(side.get('extractors') or []) for side in (stream, theirs))
        if ours and others and ours != others:
            raise UserInputError(f'{path}: stream {name!r} was made by {others}, and {where} reads what {ours} gives')


def _completed(extractors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Configs with all defaults, and files by their names alone."""
    completed = []
    for config in extractors:
        kind = registered_extractor(config.get('type'))
        options = dict(config) if kind is None else complete_config(kind, dict(config))
        completed.append({key: Path(x).name if isinstance(x, str) else x for key, x in options.items()})
    return completed


def _numbers(stream: Mapping[str, Any]) -> dict[str, float]:
    """What must be the same of two streams, in words."""
    grid = FeatureGrid(*(float(stream[key]) for key in ('stride', 'window', 'fps')))
    return {
        'seconds from step to step': grid.step_sec,
        'seconds of a window': grid.window / grid.fps,
        'channels': float(stream['channels']),
    }
