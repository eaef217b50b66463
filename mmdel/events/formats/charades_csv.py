"""Charades' own table: a video a line, all its actions in one cell as ``c092 11.90 21.20;c147 0.00 12.60``.

The columns are id, subject, scene, quality, relevance, verified, script, objects, descriptions, actions and length, in
seconds: https://prior.allenai.org/projects/charades (``Charades_v1_train.csv``).
"""

from __future__ import annotations

import csv
from io import StringIO

from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.structure import add_video
from mmdel.events.formats.table import header_of
from mmdel.events.problems import short
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import to_name

FORMAT = Format(
    name='charades_csv',
    title="Charades' own CSV",
    suffixes=('.csv',),
    writes=False,
    note='Labels are as c092; the subset is not in the file.',
)
COLUMNS = ('id', 'actions', 'length')


def matches(source: Source) -> int:
    """Whether the header has its columns."""
    header = header_of(source)
    return SURELY if set(COLUMNS) <= set(header) and source.lines[0].count(',') == len(header) - 1 else NO


def read(source: Source) -> RawEvents:
    """Its videos, with what else the table says of them, and their actions.

    Raises:
        UserInputError: If a column is missing, a row is shorter or longer than the header, or an action is no three
            words; with the line.
    """
    raw = RawEvents(source.path)
    reader = csv.reader(StringIO(source.text, newline=''), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise UserInputError(f'{source.path} has no column {missing[0]!r}; expected {", ".join(COLUMNS)}')
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                if len(cells) != len(header):
                    raise UserInputError(f'{raw.file}, line {line} has {len(cells)} cells; expected {len(header)}')
                _add_row(raw, dict(zip(header, cells, strict=True)), line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserInputError(f'{source.path}, line {reader.line_num}: {error}') from error
    return raw


def _add_row(raw: RawEvents, row: dict[str, str], line: int) -> None:
    """Adds the video of a row, and its actions."""
    video_id, actions = to_name(row.pop('id').strip()), row.pop('actions')
    add_video(raw, video_id, {'duration': row.pop('length').strip() or None, **row})
    for action in filter(None, map(str.strip, actions.split(';'))):
        words = action.split()
        if len(words) != 3:
            raise UserInputError(f'{raw.file}, line {line}: action {short(action)}; expected class, start and end')
        raw.add(video_id, words[1], words[2], words[0], line)
