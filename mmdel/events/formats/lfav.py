"""The tables of LFAV (Hou et al. 2023) and of LLP (Tian et al. 2020, "AVVP").

Columns, parted by tabs: ``filename``, ``onset``, ``offset``, ``event_labels``. Their training lists, and the weak ones
of DCASE, have ``filename`` and ``event_labels`` alone: those labels have no times, and are left out.
"""

from __future__ import annotations

from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.table import header_of
from mmdel.events.formats.table_columns import open_table, video_ids
from mmdel.events.formats.table_layout import TableLayout, read_table
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source

STRONG = ['filename', 'onset', 'offset', 'event_labels']
WEAK = ['filename', 'event_labels']
FORMAT = Format('lfav', 'LFAV and LLP', ('.csv',), writes=False, note='labels without times are left out')


def matches(source: Source) -> int:
    """Surely, if the header is one of theirs."""
    return SURELY if header_of(source) in (STRONG, WEAK) else NO


def read(source: Source) -> RawEvents:
    """The events; of a weak list the videos."""
    if header_of(source) != WEAK:
        return read_table(source, TableLayout('filename', 'onset', 'offset', label='event_labels'))
    table, header = open_table(source, {'video': 'filename'}, '\t')
    raw = RawEvents(source.path, {name: {} for name in video_ids(table, header.places['video'])})
    raw.left_out['labels of a whole video, without times'] += len(table.lines)
    return raw
