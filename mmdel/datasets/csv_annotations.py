"""Annotations in a table, an event a row, as the ``database`` that JSON files hold.

The columns are named in the config, so that the tables of LFAV, AVE, EPIC-Kitchens-100, EPIC-Sounds and one's own are
read as they are; ``docs/datasets.md`` shows each.
"""

from __future__ import annotations

import csv
import io
import logging
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from mmengine.logging import print_log

from mmdel.events.times import to_seconds
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_text
from mmdel.utils.names import to_integer, to_name

DELIMITERS = (',', '\t', '&', ';', '|')
MEDIA_SUFFIX = re.compile(r'\.(wav|flac|mp3|ogg|m4a|mp4|mkv|webm|avi|mov)$', re.IGNORECASE)
QUOTING_DELIMITERS = (',', ';')  # where a cell in quote signs may go over lines; else a line is a row
Column = str | int
OTHER_TABLES: dict[str, tuple[set[str], set[str]]] = {  # what each needs, and may have besides
    'videos': ({'file', 'video'}, {'duration', 'fps', 'subset'}),
    'classes': ({'file', 'id', 'name'}, set()),
}


@dataclass(frozen=True)
class CsvLayout:
    """Which columns of a table say what. A column is a name of the header or, in a table without one, a number from 0.

    Args:
        video: The video's id; a media suffix (.wav, .mp4 …) is cut off.
        start: Where the event begins: a number, or [hours:]minutes:seconds.
        end: Where it ends. A row with neither start nor end is a video without events.
        label: The event's class.
        label_id: Its number.
        subset: The video's subset.
        duration: The video's length, as a time.
        fps: Its frames a second.
        subsets: What ``{subset}`` in the name of the annotation file stands for, one table each; for a name without it,
            the one subset of all its videos. A video of several subsets counts to the one that is listed first.
        duration_sec: The length of every video, in seconds.
        videos: Another table, a video a row: its ``file`` and its columns ``video``, ``duration``, ``fps``, ``subset``.
        classes: Another table, a class a row: its ``file`` and its columns ``id`` (what ``label`` holds, a number) and
            ``name``.
        delimiter: What parts the columns; None finds it out.

    Other tables lie in the folder of the annotation file.
    """

    video: Column
    start: Column
    end: Column
    label: Column
    label_id: Column | None = None
    subset: Column | None = None
    duration: Column | None = None
    fps: Column | None = None
    subsets: Sequence[str] = ()
    duration_sec: float | None = None
    videos: dict | None = None
    classes: dict | None = None
    delimiter: str | None = None

    def columns(self) -> dict[str, Column]:
        """What the columns of the annotation file mean, and which they are."""
        named = ('video', 'start', 'end', 'label', 'label_id', 'subset', 'duration', 'fps')
        return {name: getattr(self, name) for name in named if getattr(self, name) is not None}


def load_csv_database(ann_file: str, layout: dict) -> dict[str, dict]:
    """The ``database`` of a table: video id → entry, in the order of the rows.

    An entry has ``annotations`` (``segment``, ``label``, and ``label_id`` where known) and, where the tables tell,
    ``subset``, ``duration`` and ``fps``. Videos that only the table of videos names are left out, unless it names
    their subset.

    Args:
        ann_file: The table; ``{subset}`` in its name stands for each of ``subsets``.
        layout: Arguments of :class:`CsvLayout`.

    Raises:
        ValueError: If the layout does not fit :class:`CsvLayout`.
        UserInputError: If a table cannot be read, has not these columns or no row, or a row names no video or no class.
    """
    given = _check_layout(layout)
    folder = os.path.dirname(ann_file)
    classes = _read_classes(folder, given.classes, given.delimiter) if given.classes else None
    videos = _read_videos(folder, given.videos, given.delimiter) if given.videos else {}
    database: dict[str, dict] = {
        name: dict(entry, annotations=[]) for name, entry in videos.items() if 'subset' in entry
    }
    twice: set[str] = set()
    for path, subset in _tables(ann_file, given):
        for where, row in _rows(path, given.columns(), given.delimiter):
            video_id = _video_id(row['video'], where)
            known = {'subset': row.get('subset', subset), 'duration': given.duration_sec} | videos.get(video_id, {})
            known |= {key: _number(row[key]) for key in ('duration', 'fps') if row.get(key)}
            entry = database.setdefault(
                video_id, {key: value for key, value in known.items() if value is not None} | {'annotations': []}
            )
            if entry.get('subset') != known['subset']:
                twice.add(video_id)
            elif row['start'] or row['end']:
                entry['annotations'].append(_annotation(row, classes, where))
    if not database:
        raise UserInputError(f'The annotation file {ann_file} has no row')
    if not any(entry.get('subset') for entry in database.values()):
        raise UserInputError(
            f"{ann_file} tells no subset: name the column by csv=dict(subset=...), or say csv=dict(subsets=['train'])"
        )
    if twice:
        message = f'{ann_file}: {len(twice)} videos are in two subsets and count to the first: {sorted(twice)[:3]}'
        print_log(message, logger='current', level=logging.WARNING)
    return database


def _check_layout(layout: dict) -> CsvLayout:
    names = [field.name for field in fields(CsvLayout)]
    if not {'video', 'start', 'end', 'label'} <= layout.keys() <= set(names):
        raise ValueError(f"csv needs 'video', 'start', 'end', 'label' and may have {names[4:]}, got {sorted(layout)}")
    for name, (required, optional) in OTHER_TABLES.items():
        table = layout.get(name)
        if table is not None and not required <= table.keys() <= required | optional:
            raise ValueError(
                f'{name} of csv needs {sorted(required)} and may have {sorted(optional)}, got {sorted(table)}'
            )
    return CsvLayout(**layout)


def _tables(ann_file: str, layout: CsvLayout) -> list[tuple[str, str | None]]:
    """The files of the annotations, each with the subset that it is about."""
    if '{subset}' in ann_file:
        if not layout.subsets:
            raise ValueError(f"csv needs 'subsets', the names that {{subset}} of {ann_file} stands for")
        return [(ann_file.replace('{subset}', subset), subset) for subset in layout.subsets]
    if len(layout.subsets) > 1:
        raise ValueError(
            f"ann_file must have '{{subset}}' in its name for the subsets {layout.subsets}, got {ann_file}"
        )
    return [(ann_file, *(layout.subsets or (None,)))]


def _rows(path: str, columns: dict[str, Column], delimiter: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row stands, for messages, and its cells by what they mean, stripped."""
    lines = io.StringIO(read_text(path, 'annotation file'), newline='').readlines()
    delimiter, places = _parse_header(path, ''.join(lines[:1]), columns, delimiter)
    rows = _split(path, lines, delimiter)
    header = next(rows)[1] if all(isinstance(column, str) for column in columns.values()) else None
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        where = f'{path}, line {line}'
        if len(cells) <= max(places.values()):
            raise UserInputError(f'{where}: expected {max(places.values()) + 1} columns or more, got {cells}')
        if header is not None and any(cell.strip() for cell in cells[len(header) :]):
            raise UserInputError(
                f'{where}: {len(cells)} cells for {len(header)} columns; a cell with {delimiter!r} in it needs quote '
                f'signs around it: {cells}'
            )
        yield where, {meaning: cells[place].strip() for meaning, place in places.items()}


def _split(path: str, lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The line and the cells of each row.

    A cell may stand in quote signs, and where commas or semicolons part the columns it may then go over lines, but not
    over what look like rows. Elsewhere a line is a row, and a quote sign without its partner stands for itself.
    """
    if delimiter in QUOTING_DELIMITERS:
        reader, last = csv.reader(lines, delimiter=delimiter), 0
        width = len(next(csv.reader(lines[:1], delimiter=delimiter), []))
        for cells in reader:
            first, last = last + 1, reader.line_num
            if any(len(next(csv.reader([line], delimiter=delimiter), [])) >= width for line in lines[first:last]):
                raise UserInputError(
                    f'{path}, line {first}: a quote sign opens a cell that goes on to line {last}, over what look like '
                    'rows; close it, or double it if it is meant'
                )
            yield last, cells
        return
    alone = []
    for number, line in enumerate(lines, 1):
        cells = line.rstrip('\r\n').split(delimiter)
        if '"' in line:
            try:
                cells = next(csv.reader([line], delimiter=delimiter, strict=True))
            except csv.Error:
                alone.append(number)
        yield number, cells
    if alone:
        message = f'{len(alone)} lines have a quote sign without its partner, e.g. line {alone[0]}: it is read as it is'
        print_log(f'{path}: {message}', logger='current', level=logging.WARNING)


def _parse_header(
    path: str, first: str, columns: dict[str, Column], delimiter: str | None
) -> tuple[str, dict[str, int]]:
    """What parts the columns, and the place of each, by the first line."""
    numbers = [column for column in columns.values() if isinstance(column, int)]
    if numbers and len(numbers) < len(columns):
        raise ValueError(f'csv columns must be all names or, without a header, all numbers, got {columns}')
    parted = {sign: next(csv.reader([first], delimiter=sign), []) for sign in (delimiter and [delimiter]) or DELIMITERS}
    for sign, cells in parted.items():
        header = [cell.strip() for cell in cells]
        if numbers and max(numbers) < len(header):
            return sign, dict(columns)  # type: ignore[arg-type]
        if not numbers and set(columns.values()) <= set(header):
            return sign, {meaning: header.index(column) for meaning, column in columns.items()}  # type: ignore[arg-type]
    best = max(parted.values(), key=len)
    if numbers:
        raise UserInputError(f'{path}: expected {max(numbers) + 1} columns or more, its first line has {best}')
    lacking = [column for column in columns.values() if column not in {cell.strip() for cell in best}]
    raise UserInputError(f'{path} has no column {", ".join(map(repr, lacking))}; its header is {best}')


def _read_videos(folder: str, table: dict, delimiter: str | None) -> dict[str, dict]:
    """Video id → its duration, fps and subset, as far as the table tells."""
    columns = {key: column for key, column in table.items() if key != 'file'}
    videos = {}
    for where, row in _rows(os.path.join(folder, table['file']), columns, delimiter):
        entry = {key: _number(row[key]) for key in ('duration', 'fps') if row.get(key)}
        videos[_video_id(row['video'], where)] = entry | ({'subset': row['subset']} if row.get('subset') else {})
    return videos


def _read_classes(folder: str, table: dict, delimiter: str | None) -> dict[int, str]:
    columns = {'id': table['id'], 'name': table['name']}
    classes = {}
    for where, row in _rows(os.path.join(folder, table['file']), columns, delimiter):
        number = to_integer(row['id'])
        if number is None:
            raise UserInputError(f'{where}: id must be a whole number, got {row["id"]!r}')
        classes[number] = row['name']
    return classes


def _annotation(row: dict[str, str], classes: dict[int, str] | None, where: str) -> dict:
    """The event of a row; the parser looks at what is in it, and is told the line of a row with an odd cell."""
    annotation: dict = dict(segment=[_number(row[key]) for key in ('start', 'end')], label=row['label'])
    if row.get('label_id'):
        number = to_integer(row['label_id'])
        annotation['label_id'] = row['label_id'] if number is None else number
    if classes is not None and row['label']:
        number = to_integer(row['label'])
        if number is None or number not in classes:
            raise UserInputError(f'{where}: the table of classes has no class {row["label"]}')
        annotation['label'], annotation['label_id'] = classes[number], number
    if not row['label'] or any(isinstance(time, str) for time in annotation['segment']):
        annotation['line'] = int(where.rpartition(' ')[2])
    return annotation


def _video_id(cell: str, where: str) -> str:
    if not cell:
        raise UserInputError(f'{where}: the video has no name')
    return to_name(MEDIA_SUFFIX.sub('', cell))


def _number(cell: str) -> float | str:
    """A cell's time or number; the cell itself if it holds none, for the parser to tell."""
    value = to_seconds(cell)
    return value if math.isfinite(value) else cell
