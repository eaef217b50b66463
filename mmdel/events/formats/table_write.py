"""What the writers of formats in lines share: numbers, rows, and names that a line cannot hold."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Sequence

from mmdel.events.events import Events
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import written_whole


def tell_seconds(value: float) -> str:
    """A time in seconds as a text, rounded to microseconds: ``1.5``, ``100000``."""
    return f'{value:.6f}'.rstrip('0').rstrip('.')


def check_names(
    events: Events,
    path: str | os.PathLike,
    forbidden: str = r'[\0\n\r]',
    what: str = 'a line end or NUL',
    ids: bool = True,
) -> None:
    """Stop at a label or an id of a video that the file cannot hold.

    Args:
        events: The events.
        path: The file, for the message.
        forbidden: What they must not have in them: a pattern.
        what: The same for people.
        ids: Whether the file holds the ids.

    Raises:
        UserInputError: With the video and the label.
    """
    labels = {place for place, label in enumerate(events.labels) if _is_wrong(label, forbidden)}
    for video in events.videos if ids else ():
        if _is_wrong(video.video_id, forbidden):
            raise UserInputError(f'{path} cannot hold the id {video.video_id!r}: it has {what}, or is no UTF-8')
    for video_index, label_index in zip(events.video_index, events.label_index, strict=True) if labels else ():
        if label_index in labels:
            video_id, label = events.videos[video_index].video_id, events.labels[label_index]
            raise UserInputError(
                f'{path} cannot hold the label {label!r} of video {video_id}: it has {what}, or is no UTF-8'
            )


def write_rows(path: str | os.PathLike, rows: Iterable[Sequence[str]], delimiter: str) -> None:
    """Write a table, with quote signs around cells that need them.

    Raises:
        UserInputError: If it cannot be written.
    """
    with written_whole(path) as file:
        csv.writer(file, delimiter=delimiter, lineterminator='\n').writerows(rows)


def write_lines(path: str | os.PathLike, lines: Iterable[str]) -> None:
    """Write lines of text; an empty one if there is none, since a file without a byte is taken for a failed download.

    Raises:
        UserInputError: If they cannot be written.
    """
    with written_whole(path) as file:
        file.writelines(f'{line}\n' for line in list(lines) or [''])


def _is_wrong(name: str, forbidden: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return re.search(forbidden, name) is not None
