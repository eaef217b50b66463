"""Writing files of events, of whatever format."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import numpy as np

from mmdel.events.events import Events
from mmdel.events.formats import Format, load_formats
from mmdel.events.reading import require_format
from mmdel.utils.errors import UserInputError


def write_events(
    events: Events, path: str | os.PathLike, format: str | None = None, overwrite: bool = False
) -> list[Path]:
    """Write a table of events: each file whole or not at all.

    Args:
        events: The events.
        path: The file; the folder, where a format holds one video a file and there are several videos.
        format: A name of :func:`~mmdel.events.formats.load_formats`; None goes by the suffix of the path, and JSON is
            ActivityNet's: results if the events have scores, else annotations.
        overwrite: Whether files that are there may be replaced.

    Returns:
        The files.

    Raises:
        UserInputError: If the format is not known, a file is there, cannot be written, or would have a name that is no
            file's.
    """
    module = choose_format(events, path) if format is None else require_format(format, writes=True)
    if module.FORMAT.per_video and 'empty' not in module.FORMAT.keeps:
        events = events.select({events.video_ids[place] for place in np.unique(events.video_index)})
    files = name_files(events, Path(path), module)
    there = [str(file) for file in files if os.path.lexists(file)]
    if there and not overwrite:
        raise UserInputError(f'{there[0]} exists and is left alone; name another file, or say --overwrite')
    if len(files) == 1 and not _is_folder(path, module):
        module.write(events, files[0])
        return files
    for file, video_id in zip(files, events.video_ids, strict=True):
        module.write(events.select([video_id]), file)
    return files


def choose_format(events: Events, path: str | os.PathLike) -> ModuleType:
    """The format that a file's suffix means.

    Raises:
        UserInputError: If it means none, or several.
    """
    name = Path(path).name.lower()
    found = [
        key
        for key, module in load_formats().items()
        if module.FORMAT.writes and any(name.endswith(suffix) for suffix in module.FORMAT.suffixes)
    ]
    if 'activitynet' in found:
        found = ['activitynet' if events.scores is None else 'activitynet_results']
    elif 'csv' in found:
        found = ['csv']
    if len(found) != 1:
        writable = ', '.join(key for key, module in load_formats().items() if module.FORMAT.writes)
        what = f'may be {" or ".join(found)}' if found else 'names no format by its suffix'
        raise UserInputError(f'{path} {what}: say which by --to (or format=); there are {writable}')
    return load_formats()[found[0]]


def what_is_lost(events: Events, format: Format) -> list[str]:
    """What a table holds and a format does not, in words."""
    videos = events.videos
    held = {
        'score': (events.scores is not None, 'scores'),
        'duration': (any(video.duration_sec is not None for video in videos), 'durations'),
        'fps': (any(video.fps is not None for video in videos), 'frame rates'),
        'subset': (any(video.subset for video in videos), 'subsets'),
        'extra': (bool(events.extra) or any(video.extra for video in videos), 'further fields'),
        'empty': (len(np.unique(events.video_index)) < len(videos), 'videos without events'),
        'unlabelled': (bool((events.label_index < 0).any()), 'events without a label'),
    }
    return [words for name, (is_held, words) in held.items() if is_held and name not in format.keeps]


def name_files(events: Events, path: Path, module: ModuleType) -> list[Path]:
    """The files that a table is written to.

    Raises:
        UserInputError: If a video's id can name no file.
    """
    if not module.FORMAT.per_video or not _is_folder(path, module):
        if module.FORMAT.per_video and len(events.videos) != 1:
            raise UserInputError(
                f'{module.FORMAT.name} holds one video a file, and there are {len(events.videos)}: name a folder, such '
                f'as {path.with_suffix("")}{os.sep}'
            )
        return [path]
    for video_id in events.video_ids:
        if not video_id or video_id.startswith('.') or len(video_id.encode()) > 200 or set(video_id) & set('/\\\0\n\r'):
            raise UserInputError(
                f'the video id {video_id!r} cannot be the name of a file, as {module.FORMAT.name} needs'
            )
    return [path / f'{video_id}{module.FORMAT.suffixes[0]}' for video_id in events.video_ids]


def _is_folder(path: str | os.PathLike, module: ModuleType) -> bool:
    """Whether a path is meant as a folder of files, one a video."""
    if not module.FORMAT.per_video:
        return False
    name = os.fspath(path)
    return name.endswith(os.sep) or os.path.isdir(name) or not Path(name).suffix
