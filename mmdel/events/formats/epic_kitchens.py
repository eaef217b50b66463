"""EPIC-Kitchens-100's tables ``EPIC_100_*.csv`` (github.com/epic-kitchens/epic-kitchens-100-annotations).

A row is a narrated action: ``video_id``, ``start_timestamp`` and ``stop_timestamp`` as hours:minutes:seconds, its
``verb`` and ``noun`` as narrated, and their classes' numbers ``verb_class`` and ``noun_class``.
"""

from __future__ import annotations

from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.table import header_of
from mmdel.events.formats.table_layout import TableLayout, read_table
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source

COLUMNS = {'narration_id', 'video_id', 'start_timestamp', 'stop_timestamp', 'narration'}
FORMAT = Format(
    'epic_kitchens',
    'EPIC-Kitchens-100',
    ('.csv',),
    writes=False,
    note="label='verb', or 'noun', 'verb_class', 'noun_class', 'narration'; the others stay as further columns",
)


def matches(source: Source) -> int:
    """Surely, if the header has these columns."""
    return SURELY if set(header_of(source)) >= COLUMNS else NO


def read(source: Source, label: str = 'verb') -> RawEvents:
    """The events.

    Args:
        source: The file.
        label: The column that holds the class.
    """
    return read_table(source, TableLayout('video_id', 'start_timestamp', 'stop_timestamp', label=label))
