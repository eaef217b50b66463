"""Cues, as WebVTT and SubRip have them: lines without an empty one between them, two times, and a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError

TIME = r'(?:\d+:)?\d+:\d+(?:[.,]\d+)?'
TIMES = re.compile(rf'\s*({TIME})\s*-->\s*({TIME})(?:\s.*)?')


class Cue(NamedTuple):
    """A cue: the line of its times, the times as they stand, and its text of any number of lines."""

    line: int
    start: str
    end: str
    text: str


def blocks(source: Source) -> Iterator[list[tuple[int, str]]]:
    """The lines between empty lines, with their numbers from 1."""
    for filled, lines in groupby(enumerate(source.text.split('\n'), 1), key=lambda line: bool(line[1].strip())):
        if filled:
            yield list(lines)


def cue_of(block: Sequence[tuple[int, str]], path: str) -> Cue:
    """The cue of a block: perhaps a line that names it, a line of times, and the text.

    Raises:
        UserInputError: If there are no times, or others in the text.
    """
    named = '-->' not in block[0][1] and any('-->' in line for _, line in block[1:2])
    number, line = block[named]
    times = TIMES.fullmatch(line)
    if times is None:
        raise UserInputError(
            f'{path}, line {number}: expected times such as 00:01:02.500 --> 00:01:04.000, got {line!r}'
        )
    text = block[1 + named :]
    for other, more in text:
        if '-->' in more:
            raise UserInputError(f'{path}, line {other}: expected an empty line before the next times, got {more!r}')
    return Cue(number, times[1], times[2], '\n'.join(line for _, line in text))


def clock(milliseconds: int, point: str) -> str:
    """A time as a cue has it: ``00:01:02.500``."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f'{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{milliseconds:03}'
