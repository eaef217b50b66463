"""Events that BORIS exports (boris.unito.it, user guide, "Export events"), as TSV or CSV.

Aggregated events have ``Start (s)`` and ``Stop (s)``. Others have a row for each ``START`` and ``STOP`` with a
``Time``, and, from older versions, lines about the observation before the header. What has no length (``POINT``) is
left out.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict, deque
from typing import NamedTuple

from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.table import Table, read_rows
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.events.times import to_seconds
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import media_name, to_name

BEHAVIOR, START, STOP, TIME = 'Behavior', 'Start (s)', 'Stop (s)', 'Time'
TYPES = ('Behavior type', 'Status')
FILES = ('Media file name', 'Media file path', 'Media file')
OF_VIDEOS = {'fps': ('FPS (frame/s)', 'FPS'), 'duration': ('Media duration (s)', 'Total length')}
FURTHER = {'subject': 'Subject', 'category': 'Behavioral category', 'comment': 'Comment'}
NONE = ('', 'NA', 'LIVE')
MAX_PREAMBLE = 200  # lines before the header
FORMAT = Format('boris', 'BORIS, exported events', ('.tsv', '.csv'), writes=False, note='points are left out')


class _Place(NamedTuple):
    """Where the header stands: the lines before it, and what parts its columns."""

    skip: int
    delimiter: str


def matches(source: Source) -> int:
    """Surely, if there is such a header."""
    try:
        return SURELY if not source.is_xml and _find_header(source) else NO
    except (UserInputError, csv.Error):
        return NO


def read(source: Source) -> RawEvents:
    """The events.

    A video is named by its media file, or by the observation, if that has none or several one after the other.

    Raises:
        UserInputError: If there is no header, or a row is neither a start nor a stop nor a point.
    """
    place = _find_header(source)
    if place is None:
        raise UserInputError(
            f'{source.path} has no header of BORIS: {BEHAVIOR}, {START}, {STOP}; or {BEHAVIOR}, {TIME}'
        )
    table = read_rows(source, place.delimiter, True, 2, place.skip)
    raw = RawEvents(source.path)
    video = _videos(raw, source, table)
    further = _further(table)
    rows = _aggregated(raw, table) if START in table.header else _paired(raw, table, video)
    labels = table.columns[table.header.index(BEHAVIOR)]
    for row, start, stop in rows:
        columns = {name: values[row] or None for name, values in further.items()}
        raw.add(video[row], start, stop, labels[row], table.lines[row], **columns)
    return raw


def _find_header(source: Source) -> _Place | None:
    for number, line in enumerate(source.text.split('\n', MAX_PREAMBLE)[:MAX_PREAMBLE], 1):
        for delimiter in ('\t', ','):
            names = {cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])}
            if {BEHAVIOR, START, STOP} <= names or ({BEHAVIOR, TIME} <= names and names & {*TYPES}):
                return _Place(number - 1, delimiter)
    return None


def _column(table: Table, *names: str) -> list[str]:
    """The first of some columns that there is; empty cells if there is none."""
    place = next((table.header.index(name) for name in names if name in table.header), None)
    return [''] * len(table.lines) if place is None else table.columns[place]


def _videos(raw: RawEvents, source: Source, table: Table) -> list[str]:
    """The video of each row; adds what is known of it."""
    observations = _column(table, 'Observation id')
    files = ['' if file in NONE else media_name(file) for file in _column(table, *FILES)]
    of_observation: dict[str, set[str]] = defaultdict(set)
    for observation, file in zip(observations, files, strict=True):
        of_observation[observation].add(file)
    names = {
        observation: next(iter(found)) if len(found) == 1 and '' not in found else to_name(observation) or source.stem
        for observation, found in of_observation.items()
    }
    video = [names[observation] for observation in observations]
    for name, file in zip(video, files, strict=True):
        raw.videos.setdefault(name, {})
        if file and file != name:
            raw.left_out['names of the media files, of observations with several'] += 1
    for field, columns in OF_VIDEOS.items():
        for name, cell in dict.fromkeys(zip(video, _column(table, *columns), strict=True)):
            value = to_seconds(cell)
            if math.isfinite(value) and value > 0:  # else NA, or of several media files
                raw.videos[name].setdefault(field, value)
    return video


def _further(table: Table) -> dict[str, list[str]]:
    """Further columns of the rows."""
    further = {name: _column(table, column, f'{column} start') for name, column in FURTHER.items()}
    modifiers = [cells for name, cells in zip(table.header, table.columns, strict=True) if name.startswith('Modifier')]
    further['modifiers'] = ['|'.join(filter(None, cells)) for cells in zip(*modifiers, strict=True)]
    return {name: values for name, values in further.items() if any(values)}


def _aggregated(raw: RawEvents, table: Table) -> list[tuple[int, str, str]]:
    """Row, start and stop of each event."""
    kinds = _column(table, *TYPES)
    rows = zip(kinds, _column(table, START), _column(table, STOP), strict=True)
    found = [(row, start, stop) for row, (kind, start, stop) in enumerate(rows) if kind != 'POINT']
    if len(found) < len(kinds):
        raw.left_out['points, which have no length'] += len(kinds) - len(found)
    return found


def _paired(raw: RawEvents, table: Table, video: list[str]) -> list[tuple[int, str, str]]:
    """Row, start and stop of each event, whose start and stop stand in rows of their own."""
    times = _column(table, TIME)
    keys = zip(video, *(_column(table, name) for name in ('Observation id', 'Subject', BEHAVIOR)), strict=True)
    running: dict[tuple[str, ...], deque[int]] = defaultdict(deque)
    found = []
    for row, (key, kind) in enumerate(zip(keys, _column(table, *TYPES), strict=True)):
        if kind == 'START':
            running[key].append(row)
        elif kind == 'STOP' and running[key]:
            start = running[key].popleft()
            found.append((start, times[start], times[row]))
        elif kind in ('STOP', 'POINT'):
            raw.left_out['points, which have no length' if kind == 'POINT' else 'a STOP without its START'] += 1
        else:
            raise UserInputError(f'{table.where(row)}: expected START, STOP or POINT, got {kind!r}')
    left = sum(map(len, running.values()))
    if left:
        raw.left_out['a START without its STOP'] += left
    return sorted(found)
