"""Selection tables of Raven (Cornell; "Raven Pro User's Manual", chapter on selection tables).

Columns, parted by tabs: ``Selection``, ``View``, ``Channel``, ``Begin Time (s)``, ``End Time (s)``, ``Low Freq (Hz)``,
``High Freq (Hz)`` and measurements and annotations that the user chooses. A selection has a row for each view.
"""

from __future__ import annotations

import os
import re
from typing import Any

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.table import Table, header_of
from mmdel.events.formats.table_columns import add_further, cell_number, end_by_length, open_table
from mmdel.events.formats.table_header import ColumnSearch, named_columns
from mmdel.events.formats.table_write import check_names, tell_seconds, write_rows
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.events.times import to_seconds
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import media_name

SELECTION, START, END = 'Selection', 'Begin Time (s)', 'End Time (s)'
FILES, OFFSET = ('Begin File', 'Begin Path'), 'File Offset (s)'
LOW, HIGH = 'Low Freq (Hz)', 'High Freq (Hz)'
HIGHEST_HZ = 20000  # of what is written: a selection without height cannot be seen
NAME_END = re.compile(r'(\.Table\.\d+)?(\.BirdNET)?(\.selections?)?(\.table)?$')
FORMAT = Format(
    'raven',
    "Raven's selection tables",
    ('.txt',),
    frozenset({'score', 'empty', 'unlabelled'}),
    per_video=True,
    note="label='Species' and so on, where several columns may hold it; views of one selection count once",
)


def matches(source: Source) -> int:
    """Surely, if the header has these columns."""
    return SURELY if {SELECTION, START, END} <= set(header_of(source)) else NO


def read(source: Source, label: str | None = None) -> RawEvents:
    """The events; without a label, if no column holds one.

    Args:
        source: The file.
        label: The column of the label; None finds it by its name.

    Raises:
        UserInputError: If two columns may be that of the label, or the times are those of several files in a row.
    """
    columns = {'selection': SELECTION, 'start': START, 'end': END}
    table, header = open_table(source, columns | ({'label': label} if label else {}), '\t')
    search = ColumnSearch(source.path, table.header, header.places)
    if label is None:
        search.find('label', named_columns(table.header, 'label'))
    search.find('score', named_columns(table.header, 'score'))
    files = next((table.header.index(name) for name in FILES if name in table.header), None)
    if files is not None:
        search.places['file'] = files
    places = search.places
    num = len(table.lines)
    table = _first_views(table, places)
    raw = RawEvents(source.path)
    if len(table.lines) < num:
        raw.left_out['rows of a selection in a further view'] += num - len(table.lines)
    own = NAME_END.sub('', source.stem)
    raw.video = (
        [own] * len(table.lines) if files is None else [media_name(cell) or own for cell in table.columns[files]]
    )
    raw.videos = {name: {} for name in dict.fromkeys(raw.video or [own])}
    raw.start, raw.end = _times(table, places, len(raw.videos))
    raw.label = [cell or None for cell in table.columns[places['label']]] if 'label' in places else [None] * len(raw)
    raw.places = list(table.lines)
    if 'score' in places:
        raw.columns['score'] = [cell_number(cell) for cell in table.columns[places['score']]]
    add_further(raw, table, set(places.values()))
    return raw


def _first_views(table: Table, places: dict[str, int]) -> Table:
    """One row of each selection."""
    keys = [table.columns[places[name]] for name in ('selection', 'start', 'end', 'file') if name in places]
    seen: set[tuple[str, ...]] = set()
    kept = []
    for key in zip(*keys, strict=True):
        kept.append(key not in seen)
        seen.add(key)
    return table.keep(kept)


def _times(table: Table, places: dict[str, int], num_files: int) -> tuple[list[Any], list[Any]]:
    """Start and end in the file; those of the table count from the begin of the first of several files."""
    starts, ends = table.columns[places['start']], table.columns[places['end']]
    if num_files == 1:
        return starts, ends
    if OFFSET not in table.header:
        raise UserInputError(
            f'{table.path} is about {num_files} sound files, one after the other: save it with the column {OFFSET!r}'
        )
    offsets = table.columns[table.header.index(OFFSET)]
    lengths = [str(to_seconds(end) - to_seconds(start)) for start, end in zip(starts, ends, strict=True)]
    return offsets, list(map(end_by_length, offsets, lengths))


def write(events: Events, path: str | os.PathLike) -> None:
    """Write the events of a video.

    Raises:
        UserInputError: If it cannot be written, or a label has a tab or a line end.
    """
    check_names(events, path, r'[\0\t\n\r]', 'a tab, a line end or NUL', ids=False)
    is_scored = events.scores is not None
    rows = [[SELECTION, 'View', 'Channel', START, END, LOW, HIGH, 'Annotation', *(['Score'] if is_scored else [])]]
    for number, event in enumerate(events, 1):
        times = (tell_seconds(event.start_sec), tell_seconds(event.end_sec))
        score = ['' if event.score is None else repr(event.score)] if is_scored else []
        rows.append([str(number), 'Spectrogram 1', '1', *times, '0', str(HIGHEST_HZ), event.label, *score])
    write_rows(path, rows, '\t')
