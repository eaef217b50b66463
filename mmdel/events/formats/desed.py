"""Strong labels of DESED and of DCASE's task 4 (dcase.community), a table parted by tabs.

Columns: ``filename``, ``onset``, ``offset`` in seconds, ``event_label``. A file without events has a row without them.
"""

from __future__ import annotations

import os
from itertools import chain

import numpy as np

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.table import header_of
from mmdel.events.formats.table_columns import WHOLE_PATH
from mmdel.events.formats.table_layout import TableLayout, read_table
from mmdel.events.formats.table_write import check_names, tell_seconds, write_rows
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError

HEADER = ['filename', 'onset', 'offset', 'event_label']
FORMAT = Format(
    'desed',
    'DESED and DCASE task 4, strong labels',
    ('.tsv',),
    frozenset({'empty', 'unlabelled'}),
    note='the videos are written as .wav files',
)


def matches(source: Source) -> int:
    """Surely, if the header is its own."""
    return SURELY if header_of(source) == HEADER else NO


def read(source: Source) -> RawEvents:
    """The events."""
    raw = read_table(source, TableLayout('filename', 'onset', 'offset', label='event_label'))
    raw.label = [label or None for label in raw.label]
    return raw


def write(events: Events, path: str | os.PathLike) -> None:
    """Write the events in the order of the table, then the videos without any.

    Raises:
        UserInputError: If it cannot be written, a label or id has a line end, or an id begins like a path, of which
            the name alone would be read again.
    """
    check_names(events, path)
    for video_id in events.video_ids:
        if WHOLE_PATH.match(f'{video_id}.wav'):
            raise UserInputError(f'{path} cannot hold the id {video_id!r}: it begins like the path of a file')
    rows = ([f'{e.video_id}.wav', tell_seconds(e.start_sec), tell_seconds(e.end_sec), e.label] for e in events)
    filled = set(np.unique(events.video_index).tolist())
    empty = ([f'{name}.wav', '', '', ''] for place, name in enumerate(events.video_ids) if place not in filled)
    write_rows(path, chain([HEADER], rows, empty), '\t')
