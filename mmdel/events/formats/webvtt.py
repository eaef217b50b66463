"""WebVTT, the subtitles of web pages; described at https://www.w3.org/TR/webvtt1/."""

from __future__ import annotations

import html
import re

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.cues import blocks, clock, cue_of
from mmdel.events.formats.one_video import head, spans
from mmdel.events.formats.table_write import check_names
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import written_whole

FORMAT = Format(
    name='webvtt',
    title='WebVTT',
    suffixes=('.vtt',),
    keeps=frozenset({'empty', 'unlabelled'}),
    per_video=True,
    resolution_sec=1e-3,
    note='The label is the text of a cue without its tags; `<v name>` is the column `speaker`.',
)
HEADER = re.compile(r'WEBVTT(?=\s|$)')
NO_CUE = re.compile(r'(?:NOTE|STYLE|REGION)(?:\s|$)')
SPEAKER = re.compile(r'<v(?:\.[^\s<>]*)?\s([^<>]+)>')
TAG = re.compile(r'</?(?:[cibuv]|ruby|rt|lang)(?:[.\s][^<>]*)?>|<(?:\d+:)?\d+:\d+\.\d+>')


def matches(source: Source) -> int:
    """Whether it is one."""
    return SURELY if HEADER.match(head(source)) else NO


def read(source: Source) -> RawEvents:
    """Every cue; notes, styles and regions are no events.

    Raises:
        UserInputError: If it is no such file, or a cue has no times.
    """
    if not HEADER.match(source.text):
        raise UserInputError(f'{source.path}, line 1: expected WEBVTT')
    video_id = source.stem
    raw = RawEvents(source.path, {video_id: {}})
    for number, block in enumerate(blocks(source)):
        if number == 0:
            block = block[next((row for row, (_, line) in enumerate(block) if '-->' in line), len(block)) :]
        if not block or (NO_CUE.match(block[0][1]) and not any('-->' in line for _, line in block)):
            continue
        cue = cue_of(block, source.path)
        speaker = SPEAKER.search(cue.text)
        label = html.unescape(TAG.sub('', cue.text)).strip() or None
        raw.add(video_id, cue.start, cue.end, label, cue.line, speaker=speaker and html.unescape(speaker[1]).strip())
    return raw


def write(events: Events, path: str) -> None:
    """A cue for each event, in the order of time.

    Raises:
        UserInputError: If a label is no text that WebVTT can hold, or an event starts before 0.
    """
    check_names(events, path, '\0', 'the character NUL', ids=False)
    cues = sorted((*span, event.label) for span, event in zip(spans(events, 1000), events, strict=True))
    with written_whole(path) as file:
        file.write('WEBVTT\n')
        for start, end, label in cues:
            text = html.escape(label, quote=False).replace('\n', '&#10;').replace('\r', '&#13;')
            file.write(f'\n{clock(start, ".")} --> {clock(end, ".")}\n{text}\n')
