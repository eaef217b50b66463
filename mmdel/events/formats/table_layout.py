"""Which columns of a table say what, and the events of such tables.

The columns are named by options, so that the tables of AVE, EPIC-Kitchens-100, EPIC-Sounds and one's own are read as
they are; ``docs/custom_data.md`` shows each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import compress
from typing import Any

from mmdel.events.formats.table import Table
from mmdel.events.formats.table_columns import (
    Column,
    add_further,
    are_durations,
    cell_integer,
    cell_number,
    event_times,
    mapped,
    open_table,
    video_ids,
)
from mmdel.events.problems import Problem
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.log import warn
from mmdel.utils.names import to_integer

MEANINGS = ('video', 'start', 'end', 'length', 'label', 'label_id', 'score', 'subset', 'duration', 'fps')
OTHER_TABLES: dict[str, tuple[set[str], set[str]]] = {  # what each needs, and may have besides
    'videos': ({'file', 'video'}, {'duration', 'fps', 'subset'}),
    'classes': ({'file', 'id', 'name'}, set()),
}


@dataclass(frozen=True)
class TableLayout:
    """Which columns of a table say what. A column is a name of the header or, in a table without one, a number from 0.

    Args:
        video: The video's id; a media suffix (.wav, .mp4 …) is cut off.
        start: Where the event begins: a number, or [hours:]minutes:seconds.
        end: Where it ends. A row with neither start nor end is a video without events.
        length: How long it is, in tables without an end.
        label: The event's class.
        label_id: Its number.
        score: How sure a prediction is.
        subset: The video's subset.
        duration: The video's length, as a time.
        fps: Its frames a second.
        subsets: What ``{subset}`` in the name of the file stands for, one table each; for a name without it, the one
            subset of all its videos. A video of several subsets counts to the one that is listed first.
        duration_sec: The length of every video, in seconds.
        videos: Another table, a video a row: its ``file`` and its columns ``video``, ``duration``, ``fps``, ``subset``.
        classes: Another table, a class a row: its ``file`` and its columns ``id`` (what ``label`` holds, a number) and
            ``name``.
        delimiter: What parts the columns; None finds it out.

    Columns of events that are not named are found by the header; further ones are kept by their names. Other tables lie
    in the folder of the file.
    """

    video: Column | None = None
    start: Column | None = None
    end: Column | None = None
    length: Column | None = None
    label: Column | None = None
    label_id: Column | None = None
    score: Column | None = None
    subset: Column | None = None
    duration: Column | None = None
    fps: Column | None = None
    subsets: Sequence[str] = ()
    duration_sec: float | None = None
    videos: dict | None = None
    classes: dict | None = None
    delimiter: str | None = None

    def __post_init__(self) -> None:
        for name, (required, optional) in OTHER_TABLES.items():
            table = getattr(self, name)
            if table is not None and not required <= table.keys() <= required | optional:
                raise ValueError(
                    f'{name} of csv needs {sorted(required)} and may have {sorted(optional)}, got {sorted(table)}'
                )

    def columns(self) -> dict[str, Column]:
        """What the columns mean that are named, and which they are."""
        return {name: getattr(self, name) for name in MEANINGS if getattr(self, name) is not None}

    def told(self, subset: str | None) -> frozenset[str]:
        """What of a video is told otherwise than by a column that is not named."""
        told = {'subset'} if subset or self.subsets else set()
        told |= {'duration'} if self.duration_sec is not None else set()
        return frozenset(told | (self.videos or {}).keys() - {'file', 'video'})


def read_tables(ann_file: str, layout: Mapping[str, Any]) -> RawEvents:
    """The events of a table, or of one for each subset.

    Args:
        ann_file: The table; ``{subset}`` in its name stands for each of ``subsets``.
        layout: Arguments of :class:`TableLayout`.

    Raises:
        ValueError: If the layout does not fit :class:`TableLayout`.
        UserInputError: If a table cannot be read, has not these columns or no row, or a row names no video or no class.
    """
    names = [field.name for field in fields(TableLayout)]
    if not layout.keys() <= set(names):
        raise ValueError(f'csv may have {names}, got {sorted(layout)}')
    given = TableLayout(**layout)
    if '{subset}' not in ann_file:
        whole = read_table(Source(ann_file), given)
    else:
        whole = _join_subsets(ann_file, given)
    if not whole.videos:
        raise UserInputError(f'The annotation file {ann_file} has no row')
    return whole


def _join_subsets(ann_file: str, given: TableLayout) -> RawEvents:
    if not given.subsets:
        raise ValueError(f"csv needs 'subsets', the names that {{subset}} of {ann_file} stands for")
    whole = RawEvents(ann_file)
    units = set()
    for subset in given.subsets:
        path = ann_file.replace('{subset}', subset)
        part = read_table(Source(path), given, subset)
        part.places = [f'{os.path.basename(path)}, line {line}' for line in part.places]
        subsets = {video_id: video.get('subset') for video_id, video in part.videos.items()}
        twice = {name for name in subsets.keys() & whole.videos if whole.videos[name].get('subset') != subsets[name]}
        whole.join(_without(part, twice, ann_file), partial(_contradict, whole))
        units.add(part.times)
    whole.times = units.pop()
    if units:
        raise UserInputError(f'The times of the tables {ann_file} are in different units: {whole.times} and {units}')
    return whole


def read_table(source: Source, layout: TableLayout, subset: str | None = None) -> RawEvents:
    """The events of one table, as they stand there.

    Args:
        source: The table.
        layout: Its columns.
        subset: The subset of all its videos; None takes it from the layout.

    Raises:
        ValueError: If the layout's columns are partly names and partly numbers.
        UserInputError: If the table, or another that the layout names, cannot be read or has not these columns, or a
            row names no video or no class.
    """
    if subset is None and len(layout.subsets) > 1:
        raise ValueError(
            f"ann_file must have '{{subset}}' in its name for the subsets {layout.subsets}, got {source.path}"
        )
    table, header = open_table(source, layout.columns(), layout.delimiter, layout.told(subset))
    places, raw = header.places, RawEvents(source.path, times=header.times)
    video = video_ids(table, places['video']) if 'video' in places else [source.stem] * len(table.lines)
    if 'video' not in places and len(places) < len(table.header):
        found = f'no column of {table.header} is known as the video: all events count to {source.stem!r}'
        warn(f"{source.path}: {found}; video='…' names one")
    starts, ends = event_times(table, places)
    if 'maybe_duration' in places and are_durations(video, ends, table.columns[places['maybe_duration']]):
        places['duration'] = places.pop('maybe_duration')
    raw.videos = _videos(raw, table, places, video)
    _add_videos(raw, layout, subset or next(iter(layout.subsets), None))
    kept = [bool(start or end) for start, end in zip(starts, ends, strict=True)]
    if 'subset' in places:
        kept = list(map(all, zip(kept, _first_subsets(raw, video, table.columns[places['subset']]), strict=True)))
    table = table.keep(kept)
    raw.video, raw.start, raw.end = (list(compress(values, kept)) for values in (video, starts, ends))
    raw.label, raw.places = table.columns[places['label']], list(table.lines)
    for meaning, parse in (('label_id', cell_integer), ('score', cell_number)):
        if meaning in places:
            raw.columns[meaning] = mapped(table.columns[places[meaning]], parse)
    if layout.classes:
        _name_classes(raw, layout, table)
    add_further(raw, table, {place for meaning, place in places.items() if meaning != 'maybe_duration'})
    return raw


def _first_subsets(raw: RawEvents, video: list[str], parts: list[str]) -> list[bool]:
    """Whether each row is of the one subset that its video counts to."""
    twice = {
        name for name, part in set(zip(video, parts, strict=True)) if part not in ('', raw.videos[name].get('subset'))
    }
    if not twice:
        return [True] * len(video)
    _warn_twice(raw.file, twice)
    return [part in ('', raw.videos[name].get('subset')) for name, part in zip(video, parts, strict=True)]


def _videos(raw: RawEvents, table: Table, places: dict[str, int], video: list[str]) -> dict[str, dict[str, Any]]:
    """What the rows say of their videos; the first row counts where they contradict one another."""
    videos: dict[str, dict[str, Any]] = {name: {} for name in dict.fromkeys(video)}
    for meaning, parse in (('subset', str), ('duration', cell_number), ('fps', cell_number)):
        if meaning not in places:
            continue
        for name, cell in dict.fromkeys(zip(video, table.columns[places[meaning]], strict=True)):
            value = parse(cell)
            if cell and videos[name].setdefault(meaning, value) != value and meaning != 'subset':
                _contradict(raw, name, meaning, videos[name][meaning], value)
    return videos


def _add_videos(raw: RawEvents, layout: TableLayout, subset: str | None) -> None:
    """Add what is known of the videos besides their rows: by the layout or, rather, in the table of videos."""
    given = {'subset': subset, 'duration': layout.duration_sec}
    known = {name: value for name, value in given.items() if value is not None}
    others = _read_videos(raw.file, layout.videos, layout.delimiter) if layout.videos else {}
    for name, other in others.items():
        if 'subset' in other:
            raw.videos.setdefault(name, {})
    raw.videos = {name: known | others.get(name, {}) | video for name, video in raw.videos.items()}


def _read_videos(path: str, table: dict, delimiter: str | None) -> dict[str, dict[str, Any]]:
    """Video id → its duration, fps and subset, as far as the table tells."""
    columns = {key: column for key, column in table.items() if key != 'file'}
    rows, header = open_table(_beside(path, table['file']), columns, delimiter)
    return _videos(RawEvents(rows.path), rows, header.places, video_ids(rows, header.places['video']))


def _name_classes(raw: RawEvents, layout: TableLayout, table: Table) -> None:
    """Replace the numbers of classes by their names."""
    assert layout.classes is not None
    columns = {'id': layout.classes['id'], 'name': layout.classes['name']}
    rows, header = open_table(_beside(raw.file, layout.classes['file']), columns, layout.delimiter)
    ids, names = (rows.columns[header.places[name]] for name in ('id', 'name'))
    classes: dict[Any, str] = {}
    for row, (cell, name) in enumerate(zip(ids, names, strict=True)):
        number = to_integer(cell)
        if number is None:
            raise UserInputError(f'{rows.where(row)}: id must be a whole number, got {cell!r}')
        classes[number] = name
    numbers = mapped(raw.label, to_integer)
    unknown = set(numbers) - classes.keys() - {None}
    for row, (cell, number) in enumerate(zip(raw.label, numbers, strict=True)):
        if number in unknown or (number is None and cell):
            raise UserInputError(f'{table.where(row)}: the table of classes has no class {cell}')
    raw.label = [classes.get(number, '') for number in numbers]
    raw.columns['label_id'] = numbers


def _without(raw: RawEvents, twice: set[str], ann_file: str) -> RawEvents:
    """Without these videos, which count to another subset."""
    if not twice:
        return raw
    _warn_twice(ann_file, twice)
    kept = raw.keep([row for row, name in enumerate(raw.video) if name not in twice])
    kept.videos = {name: video for name, video in raw.videos.items() if name not in twice}
    return kept


def _contradict(raw: RawEvents, video_id: str, name: str, first: Any, second: Any) -> None:
    found = f'{name} {first} and {second}: the first counts'
    raw.problems.append(Problem('repeated-video-id', found, 'one value', video_id, raw.file, severity='warning'))


def _warn_twice(path: str, twice: set[str]) -> None:
    message = f'{path}: {len(twice)} videos are in two subsets and count to the first: {sorted(twice)[:3]}'
    warn(message)


def _beside(path: str, name: str) -> Source:
    return Source(os.path.join(os.path.dirname(path), name))
