"""EPIC-Sounds' tables ``EPIC_Sounds_*.csv`` (Huh et al. 2023, github.com/epic-kitchens/epic-sounds-annotations).

A row is a sound: ``video_id``, ``start_timestamp`` and ``stop_timestamp`` as hours:minutes:seconds, its ``class`` and
the class' number ``class_id``.
"""

from __future__ import annotations

from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.table import header_of
from mmdel.events.formats.table_layout import TableLayout, read_table
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source

COLUMNS = {'annotation_id', 'video_id', 'start_timestamp', 'stop_timestamp', 'class', 'class_id'}
FORMAT = Format('epic_sounds', 'EPIC-Sounds', ('.csv',), writes=False)


def matches(source: Source) -> int:
    """Surely, if the header has these columns."""
    return SURELY if set(header_of(source)) >= COLUMNS else NO


def read(source: Source) -> RawEvents:
    """The events."""
    return read_table(
        source, TableLayout('video_id', 'start_timestamp', 'stop_timestamp', label='class', label_id='class_id')
    )
