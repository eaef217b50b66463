"""SubRip's subtitles; described at https://www.matroska.org/technical/subtitles.html#srt-subtitles."""

from __future__ import annotations

import re

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.cues import TIMES, blocks, clock, cue_of
from mmdel.events.formats.one_video import head, spans
from mmdel.events.formats.table_write import check_names
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.files import written_whole

FORMAT = Format(
    name='srt',
    title='SubRip subtitles',
    suffixes=('.srt',),
    keeps=frozenset({'unlabelled'}),
    per_video=True,
    resolution_sec=1e-3,
    note='The label is the text of a cue as it stands.',
)
FIRST = re.compile(rf'\s*(?:\d+[ \t]*\r?\n)?{TIMES.pattern}')
REFUSED = r'-->|\r|\n\s*\n'


def matches(source: Source) -> int:
    """Whether it begins with a cue."""
    return SURELY if FIRST.match(head(source)) else NO


def read(source: Source) -> RawEvents:
    """Every cue.

    Raises:
        UserInputError: If a cue has no times.
    """
    video_id = source.stem
    raw = RawEvents(source.path, {video_id: {}})
    for block in blocks(source):
        cue = cue_of(block, source.path)
        raw.add(video_id, cue.start, cue.end, cue.text.strip() or None, cue.line)
    return raw


def write(events: Events, path: str) -> None:
    """A numbered cue for each event, in the order of time.

    Raises:
        UserInputError: If a label has what ends a cue, or an event starts before 0.
    """
    check_names(events, path, REFUSED, 'an arrow --> or an empty line', ids=False)
    cues = enumerate(sorted((*span, e.label) for span, e in zip(spans(events, 1000), events, strict=True)), 1)
    texts = [f'{number}\n{clock(start, ",")} --> {clock(end, ",")}\n{text}\n' for number, (start, end, text) in cues]
    with written_whole(path) as file:
        file.write('\n'.join(texts) or '\n')
