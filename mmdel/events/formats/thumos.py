"""THUMOS' text files of a class each (Idrees et al. 2017): ``BaseballPitch_val.txt``.

A line is an event: ``video_validation_0000266  72.8 76.4``, in seconds. The class is in the name of the file.
"""

from __future__ import annotations

import re

from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.problems import short
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError

VIDEO = re.compile(r'video_(validation|test|background|train)_\d+')
CLASS = re.compile(r'(.+)_(?:val|test)')
FORMAT = Format('thumos', 'THUMOS, a text file for each class', ('.txt',), writes=False, note='read the whole folder')


def matches(source: Source) -> int:
    """Surely, if the first line begins with the id of one of its videos."""
    try:
        cells = source.lines[0].split() if source.lines else []
    except UserInputError:
        return NO
    return SURELY if len(cells) == 3 and VIDEO.fullmatch(cells[0]) else NO


def read(source: Source, label: str | None = None) -> RawEvents:
    """The events.

    Args:
        source: The file.
        label: The class; None takes it from the file's name.

    Raises:
        UserInputError: If a line is no event, or the file's name no class'.
    """
    named = CLASS.fullmatch(source.stem)
    label = label or (named[1] if named else None)
    if label is None:
        raise UserInputError(
            f"{source.path} must be called like Diving_val.txt, since the name tells the label; or label='…'"
        )
    raw = RawEvents(source.path)
    for number, line in source.numbered:
        cells = line.split()
        video = VIDEO.fullmatch(cells[0])
        if len(cells) != 3 or video is None:
            raise UserInputError(
                f'{source.path}, line {number}: expected video_validation_0000001 72.8 76.4, got {short(line)}'
            )
        raw.add(cells[0], cells[1], cells[2], label, number)
        raw.videos[cells[0]]['subset'] = video[1]
    return raw
