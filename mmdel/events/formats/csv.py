"""Tables of events: mmdel's own, and any whose header is understood.

A row is an event; one without times is a video without events. The columns of mmdel's own are ``video``, ``start_sec``,
``end_sec`` and ``label``, then ``score``, ``subset``, ``duration_sec`` and ``fps`` where known, and further ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from mmdel.events.events import Events
from mmdel.events.formats import NO, PERHAPS, SURELY, Format
from mmdel.events.formats.table import header_of
from mmdel.events.formats.table_header import OWN, OWN_COLUMNS, may_have_events
from mmdel.events.formats.table_layout import TableLayout, read_table
from mmdel.events.formats.table_write import check_names, tell_seconds, write_rows
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError

OF_VIDEOS = ('subset', 'duration_sec', 'fps')

FORMAT = Format(
    'csv',
    'CSV, an event a row',
    ('.csv', '.tsv'),
    frozenset({'score', 'duration', 'fps', 'subset', 'extra', 'empty', 'unlabelled'}),
    note="columns by their names, or by the options video='…', start=, end=, label=, …; parted by , ; tab | or &",
)


def matches(source: Source) -> int:
    """Surely, if the header is that of mmdel's own; perhaps, if it is understood."""
    header = header_of(source)
    if set(OWN) <= set(header):
        return SURELY
    return PERHAPS if may_have_events(header) else NO


def read(source: Source, **options: Any) -> RawEvents:
    """The events of a table.

    Args:
        source: The file.
        **options: Arguments of :class:`~mmdel.events.formats.table_layout.TableLayout`.
    """
    raw = read_table(source, TableLayout(**options))
    raw.label = [label or None for label in raw.label]
    return raw


def write(events: Events, path: str | os.PathLike) -> None:
    """Write a table with the columns that hold anything, parted by tabs if it is called ``.tsv``.

    Line ends in further columns become spaces.

    Raises:
        UserInputError: If it cannot be written, a label or id has a line end, or a further column has the name of
            another.
    """
    check_names(events, path)
    taken = events.extra.keys() & {*OWN_COLUMNS} - {'label_id'}
    if taken:
        raise UserInputError(f'{path} cannot have a further column {sorted(taken)[0]!r}: that has a meaning of its own')
    scores = [] if events.scores is None else [value if value == value else None for value in events.scores.tolist()]
    further = _filled({'score': scores, **events.extra})
    videos = _filled({name: [getattr(video, name) for video in events.videos] for name in OF_VIDEOS})
    starts, ends = (map(tell_seconds, times.tolist()) for times in (events.start_sec, events.end_sec))
    labels = map((*events.labels, '').__getitem__, events.label_index.tolist())
    cells = zip(starts, ends, labels, *further.values(), strict=True)
    known = list(zip(*videos.values(), strict=True)) if videos else [()] * len(events.videos)
    blank = [''] * (len(OWN) - 1 + len(further))
    ids = events.video_ids
    rows = ([ids[video], *(next(cells) if is_event else blank), *known[video]] for video, is_event in _in_order(events))
    write_rows(path, chain([[*OWN, *further, *videos]], rows), '\t' if os.fspath(path).endswith('.tsv') else ',')


def _filled(columns: Mapping[str, Iterable[Any]]) -> dict[str, list[str]]:
    """The columns that hold anything, as texts."""
    texts = {
        name: ['' if value is None else ' '.join(str(value).splitlines()) for value in values]
        for name, values in columns.items()
    }
    return {name: values for name, values in texts.items() if any(values)}


def _in_order(events: Events) -> Iterator[tuple[int, bool]]:
    """The video of each row, and whether it holds the next event; it does not where the videos' order needs a row."""
    named = 0
    for video in events.video_index.tolist():
        for unnamed in range(named, video):
            yield unnamed, False
        named = max(named, video + 1)
        yield video, True
    for unnamed in range(named, len(events.videos)):
        yield unnamed, False
