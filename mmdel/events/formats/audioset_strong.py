"""AudioSet's strong labels (Hershey et al. 2021), a table parted by tabs.

Columns: ``segment_id`` (the id of the YouTube video, ``_`` and the segment's start in milliseconds),
``start_time_seconds`` and ``end_time_seconds`` in the segment, and ``label``, an id of AudioSet's ontology as
``/m/05tny_``.
"""

from __future__ import annotations

from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.table import header_of
from mmdel.events.formats.table_layout import TableLayout, read_table
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source

HEADER = ['segment_id', 'start_time_seconds', 'end_time_seconds', 'label']
FORMAT = Format(
    'audioset_strong',
    "AudioSet's strong labels",
    ('.tsv',),
    writes=False,
    note='labels are ids of the ontology, as /m/05tny_; a video is a segment',
)


def matches(source: Source) -> int:
    """Surely, if the header is its own; tables of the same people may have further columns."""
    return SURELY if header_of(source)[:4] == HEADER else NO


def read(source: Source) -> RawEvents:
    """The events."""
    layout = TableLayout('segment_id', 'start_time_seconds', 'end_time_seconds', label='label')
    return read_table(source, layout)
