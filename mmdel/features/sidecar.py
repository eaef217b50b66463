"""The files beside extracted features: ``streams.json`` and ``videos.json``.

The first says how each stream was made, and on which grid its steps lie; the second, of each video, where its file is
and how long it lasts.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmdel.features.extractor import Extractor
from mmdel.features.feature_stream import FeatureStream
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_bytes, read_json
from mmdel.utils.numbers import is_number

STREAMS_FILE, VIDEOS_FILE = 'streams.json', 'videos.json'
GRID_KEYS = ('stride', 'window', 'fps')


@dataclass(frozen=True)
class StoredStream:
    """A stream of features in a folder.

    Attributes:
        files: Their names, with ``{id}`` for the video's.
        stride: Frames from one step to the next.
        window: Frames that a step sees.
        fps: Frames (pictures, samples) a second.
        channels: Their number, of all files together.
        extractors: The configs of what made them; none if that is not known.
    """

    files: list[str]
    stride: float
    window: float
    fps: float
    channels: int
    extractors: list[dict[str, Any]] = field(default_factory=list)


def describe_streams(streams: Mapping[str, FeatureStream]) -> dict[str, dict[str, Any]]:
    """What the file is to say of streams, as JSON takes it."""
    described: dict[str, dict[str, Any]] = {}
    for name, stream in streams.items():
        described[name] = dict(extractors=[extractor.config for extractor in stream.extractors])
        described[name] |= {key: getattr(stream.grid, key) for key in GRID_KEYS}
        described[name] |= dict(channels=stream.channels, files=[f'{{id}}_{name}.npy'])
        if sums := [sha256 for extractor in stream.extractors for sha256 in _sums(extractor)]:
            described[name]['sha256'] = sums  # of the files that the extractors name, in their order
    return described


def _sums(extractor: Extractor) -> Iterator[str]:
    """The checksums of the files that an extractor's config names, which tell another model of the same name."""
    for name in (extractor.config[argument] for argument in extractor.file_arguments):
        if name is not None and os.path.isfile(name):  # and no address
            yield hashlib.sha256(read_bytes(name, 'file of an extractor')).hexdigest()


def read_stored_streams(folder: str | Path) -> dict[str, StoredStream] | None:
    """What the file in a folder of features says; None if there is none.

    Raises:
        UserInputError: If it is not such a file.
    """
    path = Path(folder, STREAMS_FILE)
    if not path.is_file():
        return None
    content = read_json(path, 'description of features')
    if not isinstance(content, dict):
        raise UserInputError(f'{path} should be an object of streams by name, got {type(content).__name__}')
    return {name: _stored_stream(stream, f'{path}, stream {name!r}') for name, stream in content.items()}


def _stored_stream(stream: Any, where: str) -> StoredStream:
    if not isinstance(stream, dict):
        raise UserInputError(f'{where} should be an object, got {stream!r}')
    for key in (*GRID_KEYS, 'channels'):
        value: Any = stream.get(key)
        if not (is_number(value) and value > 0):
            raise UserInputError(f'{where}: {key} should be a positive number, got {value!r}')
    if not isinstance(stream['channels'], int):
        raise UserInputError(f'{where}: channels should be a whole number, got {stream["channels"]!r}')
    files = stream.get('files')
    if not (isinstance(files, list) and files and all(isinstance(name, str) and '{id}' in name for name in files)):
        raise UserInputError(f"{where}: files should be a list of names with '{{id}}', got {files!r}")
    extractors = stream.get('extractors') or []
    if not (isinstance(extractors, list) and all(isinstance(config, dict) for config in extractors)):
        raise UserInputError(f'{where}: extractors should be a list of objects, got {extractors!r}')
    numbers = {key: stream[key] for key in (*GRID_KEYS, 'channels')}
    return StoredStream(files, **numbers, extractors=extractors)


def read_stored_videos(folder: str | Path) -> dict[str, dict[str, Any]]:
    """Of each video's id what the file in a folder of features says; nothing if there is none.

    Raises:
        UserInputError: If it is not such a file.
    """
    path = Path(folder, VIDEOS_FILE)
    videos = read_json(path, 'list of videos') if path.is_file() else {}
    if not (isinstance(videos, dict) and all(isinstance(video, dict) for video in videos.values())):
        raise UserInputError(f'{path} should be an object of videos by id, each an object')
    return videos


def stored_durations(folder: str | Path) -> dict[str, float]:
    """Of each video's id in a folder of features its duration in seconds, as far as it is known.

    Raises:
        UserInputError: If the file that tells it is broken, or tells a duration that is none.
    """
    videos = read_stored_videos(folder).items()
    durations = {video_id: video['duration_sec'] for video_id, video in videos if video.get('duration_sec') is not None}
    for video_id, value in durations.items():
        if not (is_number(value) and value > 0):
            path = Path(folder, VIDEOS_FILE)
            raise UserInputError(f'{path}, video {video_id!r}: duration_sec should be a positive number, got {value!r}')
    return {video_id: float(value) for video_id, value in durations.items()}


def require_same_streams(folder: str | Path, described: Mapping[str, Any]) -> None:
    """Stops where a folder holds features that were made otherwise.

    Raises:
        UserInputError: If its file says something else; with what differs.
    """
    path = Path(folder, STREAMS_FILE)
    if not path.is_file():
        return
    found, wanted = dict(_leaves(read_json(path, 'description of features'))), dict(_leaves(described))
    differing = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
    if differing:
        lines = [
            f'  {key}: {found.get(key, "nothing")!r} there, {wanted.get(key, "nothing")!r} here' for key in differing
        ]
        more = [f'  and {len(lines) - 5} more'] if len(lines) > 5 else []
        raise UserInputError(
            '\n'.join([f'{folder} holds features of another kind; name another folder:', *lines[:5], *more])
        )


def _leaves(content: Any, key: str = '') -> Iterator[tuple[str, Any]]:
    """The innermost values of JSON, by their keys joined with dots."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from _leaves(value, f'{key}.{name}' if key else str(name))
    elif isinstance(content, Sequence) and not isinstance(content, str):
        for index, value in enumerate(content):
            yield from _leaves(value, f'{key}[{index}]')
    else:
        yield key, content
