"""Every format that is written: reading what was written gives the same events, within what the format holds."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mmdel.events import Event, Events, Video
from mmdel.events.formats import load_formats
from mmdel.events.reading import read_events
from mmdel.events.writing import write_events
from mmdel.utils.errors import UserInputError

FORMATS = {name: module.FORMAT for name, module in load_formats().items() if module.FORMAT.writes}
MILLISECONDS = st.integers(0, 10**8).map(lambda number: number / 1000)
LABELS = st.sampled_from(
    ['dog', 'a, b', 'é ü', '"quoted"', "it's", '<b> & c', '007', 'x;y', 'tab|pipe', '日本', '100 %']
)
IDS = st.sampled_from(['a', '007', 'video 1', 'café', 'x.y', '日本'])


@st.composite
def tables(draw):
    """Predictions in one to three videos, with all that a format may hold."""
    ids = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    videos = [
        Video(
            name,
            draw(st.sampled_from([None, 2e5])),
            draw(st.sampled_from([None, 25.0])),
            draw(st.sampled_from(['', 'val'])),
        )
        for name in ids
    ]
    rows = []
    for _ in range(draw(st.integers(1, 8))):
        start, end = sorted(draw(st.lists(MILLISECONDS, min_size=2, max_size=2, unique=True)))
        rows.append((draw(st.sampled_from(ids)), start, end, draw(LABELS), draw(st.sampled_from([0.0, 0.25, 1.0]))))
    return Events.from_rows(rows, videos)


def held(events: Events, keeps: frozenset[str]) -> Events:
    """What is left of a table in a format that keeps no more than this."""
    if 'score' not in keeps:
        events = replace(events, scores=None)
    if 'empty' not in keeps:
        events = events.select({event.video_id for event in events})
    return events.with_videos(
        lambda video: Video(
            video.video_id,
            video.duration_sec if 'duration' in keeps else None,
            video.fps if 'fps' in keeps else None,
            video.subset if 'subset' in keeps else '',
        )
    )


@pytest.mark.parametrize('name', FORMATS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(events=tables())
def test_what_was_written_reads_back_the_same(name, events):
    kind = FORMATS[name]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, 'out') if kind.per_video else Path(folder, f'out{kind.suffixes[0]}')
        try:
            write_events(events, out, name)
        except UserInputError:  # white space parts the fields of RTTM
            assume(any(' ' in event.label or ' ' in event.video_id for event in events) and name == 'rttm')
            return
        again = read_events(out, name)
        assert read_events(out) == again  # and it is recognised
    expected = held(events, kind.keeps)
    key = _key(kind.resolution_sec)
    assert _videos(again, kind.keeps) == _videos(expected, kind.keeps)
    mine, theirs = sorted(again, key=key), sorted(expected, key=key)
    assert [(event.video_id, event.label) for event in mine] == [(event.video_id, event.label) for event in theirs]
    for field in ('start_sec', 'end_sec'):
        values = [[getattr(event, field) for event in rows] for rows in (mine, theirs)]
        np.testing.assert_allclose(*values, rtol=0, atol=1.01 * kind.resolution_sec)
    if 'score' in kind.keeps:
        assert [event.score for event in mine] == pytest.approx([event.score for event in theirs])


def _key(resolution_sec: float):
    def key(event: Event) -> tuple:
        ticks = (round(event[index] / max(resolution_sec, 1e-3)) for index in (1, 2))
        return event.video_id, event.label, *ticks, event.score or 0.0

    return key


def _videos(events: Events, keeps: frozenset[str]) -> dict[str, tuple]:
    return {v.video_id: (v.duration_sec, v.fps, v.subset) for v in events.videos}


@pytest.mark.parametrize('name', FORMATS)
@pytest.mark.parametrize('label', ['two\nlines', 'a\ttab', ' ', '\x00', 'x' * 10_000])
def test_a_label_is_kept_or_refused_and_never_changed(name, label, tmp_path):
    events = Events.from_rows([('a', 0.0, 1.0, label, 0.5), ('a', 2.0, 3.0, 'dog', 0.5)])
    out = tmp_path / ('out' if FORMATS[name].per_video else f'out{FORMATS[name].suffixes[0]}')
    try:
        write_events(events, out, name)
        again = [event.label for event in sorted(read_events(out, name))]
    except UserInputError:
        return
    assert [text.strip() for text in again] == [label.strip(), 'dog']
