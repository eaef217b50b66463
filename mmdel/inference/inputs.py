"""What a detector is given: media files, folders, patterns, feature files and arrays, as one list of videos."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmdel.features.sidecar import STREAMS_FILE, read_stored_streams, read_stored_videos, stored_durations
from mmdel.media import find_media, media_ids
from mmdel.runtime.reading import Input
from mmdel.utils.errors import UserInputError
from mmdel.utils.optional import require

FIELDS = frozenset(('video_id', 'duration_sec'))  # of a mapping of features, beside the streams


def list_inputs(inputs: Any) -> Iterator[Input]:
    """The videos of anything that :class:`~mmdel.inference.EventInferencer` takes.

    Of a path, and of a list of them, the files are looked for at once, and one that names nothing is an error. What any
    other iterable gives is taken one by one, and a path there that names nothing is a video with an error. An
    :class:`Input` stays as it is.

    Raises:
        UserInputError: If a path names nothing, or an input is of no known kind.
    """
    taken: set[str] = set()
    if isinstance(inputs, str | os.PathLike):
        inputs = [inputs]
    if isinstance(inputs, Mapping):
        yield _of_features(inputs, taken)
    elif isinstance(inputs, list | tuple):
        if all(isinstance(item, str | os.PathLike) for item in inputs):
            yield from _of_paths([os.fspath(item) for item in inputs], taken)
        else:
            for item in inputs:
                is_path = isinstance(item, str | os.PathLike)
                yield from _of_paths([os.fspath(item)], taken) if is_path else [_of_features(item, taken)]
    elif isinstance(inputs, Iterable):
        for item in inputs:
            if not isinstance(item, str | os.PathLike):
                yield _of_features(item, taken)
                continue
            try:
                yield from _of_paths([os.fspath(item)], taken)
            except UserInputError as error:
                yield Input(os.fspath(item), _unique(Path(item).stem, taken), error=str(error))
    else:
        raise UserInputError(f'a detector takes paths, mappings of features, or several of them; got {inputs!r}')


def _of_paths(paths: list[str], taken: set[str]) -> list[Input]:
    """Media files, and the videos in folders of features, in the order of their paths."""
    folders = [path for path in paths if os.path.isfile(os.path.join(path, STREAMS_FILE))]
    media = dict.fromkeys(file for path in paths if path not in folders for file in find_media([path]))
    ids, inputs = media_ids(list(media)), []
    for path in dict.fromkeys(paths):
        if path in folders:
            inputs += _of_folder(path, taken)
        else:
            files = [file for file in find_media([path]) if media.pop(file, 0) is None]
            inputs += [Input(str(file), _unique(ids[file], taken)) for file in files]
    return inputs


def _of_folder(folder: str, taken: set[str]) -> list[Input]:
    """The videos whose features ``mmdel extract`` has written to a folder."""
    require('torch', 'lite')  # of what knows all kinds of features
    from mmdel.datasets.feature_store import feature_path

    files = {name: stream.files for name, stream in (read_stored_streams(folder) or {}).items()}
    durations_sec, inputs = stored_durations(folder), []
    for video_id, video in read_stored_videos(folder).items():
        features = {
            name: [feature_path(os.path.join(folder, pattern), video_id) for pattern in patterns]
            for name, patterns in files.items()
        }
        path = str(video.get('path') or video_id)
        inputs.append(Input(path, _unique(video_id, taken), features, durations_sec.get(video_id), folder))
    return inputs


def _of_features(item: Any, taken: set[str]) -> Input:
    """Of ``dict(visual=…, audio=…)`` of arrays or paths, with ``video_id`` and ``duration_sec`` if they are known."""
    if isinstance(item, Input):
        return item
    if not isinstance(item, Mapping) or not item.keys() - FIELDS:
        raise UserInputError(f'a video is a path, or dict(visual=…, audio=…) of features; got {type(item).__name__}')
    features = {name: value for name, value in item.items() if name not in FIELDS}
    paths = [value for value in features.values() if isinstance(value, str | os.PathLike)]
    video_id = str(item.get('video_id') or (Path(paths[0]).stem if paths else 'video'))
    return Input(str(paths[0]) if paths else video_id, _unique(video_id, taken), features, item.get('duration_sec'))


def _unique(video_id: str, taken: set[str]) -> str:
    """The id, with a number behind it if it is taken."""
    name, number = video_id, 2
    while name in taken:
        name, number = f'{video_id}_{number}', number + 1
    taken.add(name)
    return name
