"""A folder of features as ``mmdel extract`` writes it: what it says of its streams and videos."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json

STREAMS_FILE, VIDEOS_FILE = 'streams.json', 'videos.json'


def read_streams(folder: str | os.PathLike) -> dict[str, dict[str, Any]]:
    """Stream → its ``extractors``, ``stride``, ``window``, ``fps``, ``channels``, ``files``; empty without such a file.

    Raises:
        UserInputError: If the file cannot be read, or is something else.
    """
    return _read(Path(folder, STREAMS_FILE), 'list of streams')


def read_videos(folder: str | os.PathLike) -> dict[str, dict[str, Any]]:
    """Video id → its ``path``, ``duration_sec`` and so on; empty without such a file.

    Raises:
        UserInputError: If the file cannot be read, or is something else.
    """
    return _read(Path(folder, VIDEOS_FILE), 'list of videos')


def require_same_streams(streams: Mapping[str, Mapping[str, Any]], folder: str | os.PathLike, where: str) -> None:
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
        try:
            own, other = _numbers(stream), _numbers(theirs)
        except (KeyError, TypeError, ValueError) as error:
            raise UserInputError(f'{path}, stream {name!r}: {error!r}') from error
        for what, value in own.items():
            if not math.isclose(value, other[what], rel_tol=1e-6):
                raise UserInputError(
                    f'{path}: stream {name!r} has {other[what]:g} {what}, and that of {where} {value:g}'
                )
        extractors = stream.get('extractors'), theirs.get('extractors')
        if all(extractors) and extractors[0] != extractors[1]:
            raise UserInputError(
                f'{path}: stream {name!r} was made by {extractors[1]}, and {where} reads what {extractors[0]} gives'
            )


def _numbers(stream: Mapping[str, Any]) -> dict[str, float]:
    """What must be the same of two streams, in words."""
    grid = FeatureGrid(*(float(stream[key]) for key in ('stride', 'window', 'fps')))
    return {
        'seconds from step to step': grid.step_sec,
        'seconds of a window': grid.window / grid.fps,
        'channels': float(stream['channels']),
    }


def _read(path: Path, what: str) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    content = read_json(path, what)
    if not isinstance(content, dict) or not all(isinstance(item, dict) for item in content.values()):
        raise UserInputError(f'{path} is no {what}, as mmdel extract writes it')
    return content
