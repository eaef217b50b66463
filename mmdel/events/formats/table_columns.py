"""The columns of a table that mean something, and what their cells stand for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Set
from typing import Any

from mmdel.events.formats.table import Table, find_delimiter, read_rows
from mmdel.events.formats.table_header import OWN_COLUMNS, Header, find_header
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.events.times import to_seconds
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import MEDIA_SUFFIX, cut_suffix, media_name, to_integer

Column = str | int
WHOLE_PATH = re.compile(rf'(/|file:|[A-Za-z]:[/\\]).*{MEDIA_SUFFIX.pattern}', re.IGNORECASE)
NEEDED = ('video', 'start', 'end', 'length', 'label')  # of events


def open_table(
    source: Source, columns: Mapping[str, Column], delimiter: str | None, told: Set[str] | None = None
) -> tuple[Table, Header]:
    """A table and what its columns mean.

    Args:
        source: The file.
        columns: What columns mean, and which these are.
        delimiter: What parts them; None finds it out.
        told: Find out further columns, as those of events, but not with these meanings; None finds none.

    Raises:
        ValueError: If the columns are partly names and partly numbers.
        UserInputError: If the file cannot be read, or lacks a column.
    """
    numbers = [column for column in columns.values() if isinstance(column, int)]
    if numbers and len(numbers) < len(columns):
        raise ValueError(f'csv columns must be all names or, without a header, all numbers, got {columns}')
    if numbers:
        width = max(numbers) + 1
        sign, first = find_delimiter(source, delimiter, lambda cells: len(cells) >= width)
        if len(first) < width:
            raise UserInputError(f'{source.path}: expected {width} columns or more, its first line has {first}')
        return read_rows(source, sign, False, width), Header(dict(columns))  # type: ignore[arg-type]
    sign, names = find_delimiter(source, delimiter, lambda cells: bool(columns) and set(columns.values()) <= set(cells))
    lacking = [column for column in columns.values() if column not in names]
    if lacking:
        raise UserInputError(f'{source.path} has no column {", ".join(map(repr, lacking))}; its header is {names}')
    header = Header({meaning: names.index(column) for meaning, column in columns.items()})  # type: ignore[arg-type]
    if told is not None:
        header = find_header(source.path, names, header.places, told)
    needed = [place for meaning, place in header.places.items() if meaning in columns or meaning in NEEDED]
    return read_rows(source, sign, True, max(needed) + 1), header


def event_times(table: Table, places: dict[str, int]) -> tuple[list[Any], list[Any]]:
    """Where the event of each row starts and ends, as it stands there, or by its length."""
    starts = table.columns[places['start']]
    if 'end' in places:
        return starts, table.columns[places['end']]
    lengths = table.columns[places['length']]
    return starts, list(map(end_by_length, starts, lengths))


def end_by_length(start: str, length: str) -> float | str:
    """Where an event ends; what stands there, if that is no time, for the parser to tell."""
    end = to_seconds(start) + to_seconds(length)
    return end if math.isfinite(end) else f'{start} + {length}' if start or length else ''


def are_durations(video: list[str], ends: list[Any], cells: list[str]) -> bool:
    """Whether a column ``duration`` beside the ends of events is that of the videos, and not of the events.

    It is if each video has one, and no event ends after it.
    """
    pairs = dict.fromkeys(zip(video, cells, strict=True))
    return len(pairs) == len(dict.fromkeys(video)) and not any(
        to_seconds(end) > to_seconds(cell) for end, cell in zip(ends, cells, strict=True)
    )


def video_ids(table: Table, place: int) -> list[str]:
    """The video of each row: folders of files that have no whole path belong to its id.

    Raises:
        UserInputError: If a row names no video, or two whole paths end in one name.
    """
    cells = table.columns[place]
    if '' in cells:
        raise UserInputError(f'{table.where(cells.index(""))}: the video has no name')
    paths: dict[str, str] = {}
    for cell in filter(WHOLE_PATH.match, set(cells)):
        other = paths.setdefault(media_name(cell), cell)
        if cut_suffix(other) != cut_suffix(cell):
            raise UserInputError(f'{table.path}: {sorted((other, cell))} would be one video, {media_name(cell)!r}')
    return mapped(cells, lambda cell: media_name(cell) if WHOLE_PATH.match(cell) else cut_suffix(cell))


def add_further(raw: RawEvents, table: Table, taken: set[int]) -> None:
    """Keep the columns that have no meaning of their own, by their names."""
    for place, name in enumerate(table.header):
        if place in taken:
            continue
        if not name or name in raw.columns or name in OWN_COLUMNS:
            raw.left_out[f'column {place + 1} ({name}), whose name is empty or taken'] += 1
            continue
        raw.columns[name] = [cell or None for cell in table.columns[place]]


def mapped(cells: list[str], parse: Callable[[str], Any]) -> list[Any]:
    """What each cell stands for, worked out once for all that are equal."""
    return list(map({cell: parse(cell) for cell in set(cells)}.__getitem__, cells))


def cell_integer(cell: str) -> int | str | None:
    """A cell's whole number; the cell itself if it holds none; None of an empty one."""
    number = to_integer(cell)
    return (cell or None) if number is None else number


def cell_number(cell: str) -> float | str | None:
    """A cell's number or time; the cell itself if it holds none, for the parser to tell; None of an empty one."""
    value = to_seconds(cell)
    return value if math.isfinite(value) else cell or None
