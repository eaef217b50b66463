"""Audacity's label tracks (manual.audacityteam.org, "Importing and Exporting Labels"), one video a file.

A line has start and end in seconds and the label, parted by tabs. One that begins with a backslash has the lowest and
the highest frequency of the label before it, in hertz.
"""

from __future__ import annotations

import math
import os

from mmdel.events.events import Events
from mmdel.events.formats import NO, PERHAPS, SURELY, Format
from mmdel.events.formats.table_write import check_names, tell_seconds, write_lines
from mmdel.events.problems import short
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.events.times import to_seconds
from mmdel.utils.errors import UserInputError

FREQUENCIES = '\\'
NUM_LOOKED_AT = 20
FORMAT = Format(
    'audacity',
    "Audacity's label tracks",
    ('.txt',),
    frozenset({'empty', 'unlabelled'}),
    per_video=True,
    note='frequencies are read as the columns low_hz and high_hz',
)


def matches(source: Source) -> int:
    """Surely, if there are frequencies; perhaps, if the first lines have two times."""
    try:
        rows = [line.split('\t') for line in source.lines[:NUM_LOOKED_AT]]
    except UserInputError:
        return NO
    others = [row for row in rows if row[0].strip() != FREQUENCIES]
    if not others or not all(_are_times(row) for row in others):
        return NO
    return SURELY if len(others) < len(rows) else PERHAPS


def _are_times(row: list[str]) -> bool:
    return len(row) in (2, 3) and all(math.isfinite(to_seconds(cell)) for cell in row[:2])


def read(source: Source) -> RawEvents:
    """The events.

    Raises:
        UserInputError: If a line has no two times, or frequencies stand before the first label.
    """
    raw = RawEvents(source.path, {source.stem: {}})
    for number, line in source.numbered:
        cells = line.split('\t')
        if len(cells) < 2 or (cells[0].strip() == FREQUENCIES and not len(raw)):
            raise UserInputError(
                f'{source.path}, line {number}: expected start, end and label, parted by tabs, got {short(line)}'
            )
        if cells[0].strip() != FREQUENCIES:
            raw.add(source.stem, cells[0], cells[1], '\t'.join(cells[2:]) or None, number)
            continue
        for name, cell in zip(('low_hz', 'high_hz'), cells[1:], strict=False):
            column = raw.columns.setdefault(name, [None] * len(raw))
            column[-1] = cell.strip()
    return raw


def write(events: Events, path: str | os.PathLike) -> None:
    """Write the events of a video.

    Raises:
        UserInputError: If it cannot be written, or a label has a tab or a line end.
    """
    check_names(events, path, r'[\t\n\r]', 'a tab or a line end', ids=False)
    times = [(tell_seconds(event.start_sec), tell_seconds(event.end_sec)) for event in events]
    lines = [f'{start}\t{end}\t{event.label}' for (start, end), event in zip(times, events, strict=True)]
    write_lines(path, lines)
