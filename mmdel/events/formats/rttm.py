"""NIST's Rich Transcription Time Marked files (RT-09 evaluation plan, appendix A).

A line has a type, the file, the channel, where it begins, how long it lasts, orthography, subtype, name, confidence and
lookahead, parted by white space, ``<NA>`` for nothing; ``;;`` begins a comment. Lines of the type ``SPEAKER`` are
events.
"""

from __future__ import annotations

import os

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.table_columns import cell_number, end_by_length
from mmdel.events.formats.table_write import check_names, tell_seconds, write_lines
from mmdel.events.problems import short
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import cut_suffix

EVENT, NOTHING = 'SPEAKER', '<NA>'
OTHERS = {'SEGMENT', 'NOSCORE', 'NO_RT_METADATA', 'LEXEME', 'NON-LEX', 'NON-SPEECH', 'FILLER', 'EDIT', 'IP', 'SU', 'CB'}
TYPES = {EVENT, 'A/P', 'SPKR-INFO'} | OTHERS
MIN_FIELDS = 8
FORMAT = Format(
    'rttm',
    'RTTM, of speakers',
    ('.rttm',),
    frozenset({'score', 'unlabelled'}),
    note='names hold no white space; lines of other types than SPEAKER are left out',
)


def matches(source: Source) -> int:
    """Surely, if the first line that is no comment is of a known type and has enough fields."""
    try:
        fields = next((line.split() for line in source.lines if not line.startswith(';;')), [])
    except UserInputError:
        return NO
    return SURELY if len(fields) >= MIN_FIELDS and fields[0] in TYPES else NO


def read(source: Source) -> RawEvents:
    """The events.

    Raises:
        UserInputError: If a line is of no known type or has too few fields.
    """
    raw = RawEvents(source.path)
    for number, line in source.numbered:
        fields = line.split()
        if fields[0].startswith(';;'):
            continue
        if fields[0] not in TYPES or len(fields) < MIN_FIELDS:
            raise UserInputError(
                f'{source.path}, line {number}: expected SPEAKER file channel start duration <NA> <NA> name, got '
                f'{short(line)}'
            )
        if fields[0] != EVENT:
            raw.left_out[f'lines of the type {fields[0]}'] += 1
            continue
        _, file, _, start, length, _, _, name, *rest = fields
        score = cell_number(rest[0]) if rest and rest[0] != NOTHING else None
        label = None if name == NOTHING else name
        raw.add(cut_suffix(file), start, end_by_length(start, length), label, number, score=score)
    return raw


def write(events: Events, path: str | os.PathLike) -> None:
    """Write the events.

    Raises:
        UserInputError: If it cannot be written, or a label or id has white space, or is ``<NA>``.
    """
    check_names(events, path, rf'\s|^{NOTHING}$', f'white space, which parts the fields, or is {NOTHING}')
    lines = []
    for event in events:
        length = tell_seconds(round(event.end_sec, 6) - round(event.start_sec, 6))
        label, score = event.label or NOTHING, NOTHING if event.score is None else repr(event.score)
        start = tell_seconds(event.start_sec)
        lines.append(f'{EVENT} {event.video_id} 1 {start} {length} {NOTHING} {NOTHING} {label} {score} {NOTHING}')
    write_lines(path, lines)
