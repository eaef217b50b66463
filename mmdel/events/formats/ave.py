"""The lists of AVE (Tian et al. 2018): ``Annotations.txt`` and, without its header, ``trainSet.txt`` and so on.

Columns, parted by ``&``: the category, the video's id, ``good``, where the event starts and ends in seconds. A video
lasts ten seconds and has one event.
"""

from __future__ import annotations

from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.table import header_of
from mmdel.events.formats.table_layout import TableLayout, read_table
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.events.times import to_seconds

HEADER = ['Category', 'VideoID', 'Quality', 'StartTime', 'EndTime']
VIDEO_SEC = 10.0
FORMAT = Format('ave', 'AVE', ('.txt',), writes=False, note='a video lasts ten seconds')


def matches(source: Source) -> int:
    """Surely, if the first line is its header, or like a row of it."""
    header = header_of(source)
    if not header or source.lines[0].count('&') != len(HEADER) - 1:
        return NO
    cells = [cell.strip() for cell in source.lines[0].split('&')]
    return SURELY if cells == HEADER or all(0 <= to_seconds(cell) <= VIDEO_SEC for cell in cells[3:]) else NO


def read(source: Source) -> RawEvents:
    """The events."""
    if header_of(source) == HEADER:
        layout = TableLayout('VideoID', 'StartTime', 'EndTime', label='Category', duration_sec=VIDEO_SEC)
    else:
        layout = TableLayout(1, 3, 4, label=0, duration_sec=VIDEO_SEC, delimiter='&')
    return read_table(source, layout)
