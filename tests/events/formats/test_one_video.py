"""What is written for one video is read again; tiers do not overlap."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdel.events.events import Events, Video
from mmdel.events.formats import SURELY, elan, srt, textgrid, webvtt
from mmdel.events.formats.one_video import chosen_tiers, spans, tiers
from mmdel.events.source import Source
from mmdel.events.times import from_ticks, ticks_a_second
from mmdel.utils.errors import UserInputError

WRITERS = elan, textgrid, webvtt, srt
ODD = [
    'a, b',
    '"',
    '""',
    "'",
    '<b>',
    '<00:01.000>',
    '&amp;',
    '&',
    '5',
    '犬 🐶',
    'NOTE',
    'WEBVTT',
    'a -> b',
    '\\',
    '! no',
    'a\nb',
]
LABELS = st.sampled_from(ODD) | st.text(min_size=1).filter(lambda text: text == text.strip() and text.isprintable())
TIMES = st.integers(0, 100_000_000).map(lambda milliseconds: milliseconds / 1000)
ROWS = st.lists(st.tuples(TIMES, st.integers(1, 10**7), LABELS | st.just('')), max_size=12)


def written_and_read(module, events, folder):
    path = folder / f'v1.2{module.FORMAT.suffixes[0]}'
    module.write(events, path)
    source = Source(path)
    return source, module.read(source)


def rows_of(raw):
    """(start_sec, end_sec, label) in the order of time."""
    ticks_hz = ticks_a_second(raw.times, None)
    times = [[from_ticks(value, ticks_hz) for value in side] for side in (raw.start, raw.end)]
    return sorted(zip(*times, [label or '' for label in raw.label], strict=True))


@pytest.mark.parametrize('module', WRITERS, ids=lambda module: module.FORMAT.name)
@given(rows=ROWS)
def test_what_is_written_is_read_again(module, rows, tmp_path_factory):
    rows = [(start, start + length / 1000, label) for start, length, label in rows]
    if module is srt:
        rows = [row for row in rows if '-->' not in row[2]]
    events = Events.from_rows([('v1.2', *row) for row in rows], [Video('v1.2', 2e5)])
    source, raw = written_and_read(module, events, tmp_path_factory.mktemp('files'))
    kept = sorted(row for row in rows if row[2] or 'unlabelled' in module.FORMAT.keeps)
    assert [row[2] for row in rows_of(raw)] == [row[2] for row in kept]
    np.testing.assert_allclose(
        [row[:2] for row in rows_of(raw)] or 0,
        [row[:2] for row in kept] or 0,
        rtol=0,
        atol=module.FORMAT.resolution_sec,
    )
    assert list(raw.videos) == ['v1.2'] and not raw.left_out
    if rows or 'empty' in module.FORMAT.keeps:
        assert module.matches(source) == SURELY
    if 'duration' in module.FORMAT.keeps:
        assert float(raw.videos['v1.2']['duration']) == 2e5


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from(['a', 'b', 'a (2)'])), max_size=20))
def test_tiers_hold_every_event_once_and_do_not_overlap(rows):
    times = [(start, start + length) for start, length, _ in rows]
    events = Events.from_rows([('v', *span, label) for span, (*_, label) in zip(times, rows, strict=True)])
    found = tiers(events, times)
    assert sorted(place for places in found.values() for place in places) == list(range(len(rows)))
    for name, places in found.items():
        assert {name, re.sub(r' \(\d+\)$', '', name)} >= {rows[place][2] for place in places}
        assert all(times[one][1] <= times[two][0] for one, two in pairwise(places))
    for label in {row[2] for row in rows}:  # no more tiers than events at one moment
        mine = [span for span, row in zip(times, rows, strict=True) if row[2] == label]
        most = max(sum(start <= moment < end for start, end in mine) for moment, _ in mine)
        assert sum(rows[places[0]][2] == label for places in found.values()) == most


@pytest.mark.parametrize('module', [elan, textgrid])
def test_tiers_stay_as_they_were(module, tmp_path):
    events = Events.from_rows([('v', 0, 1, 'x'), ('v', 1, 2, 'y'), ('v', 3, 4, 'y')])
    events = Events(**{**vars(events), 'extra': {'tier': ['mine', 'mine', None]}})
    _, raw = written_and_read(module, events, tmp_path)
    assert list(zip(raw.label, raw.columns['tier'], strict=True)) == [('x', 'mine'), ('y', 'mine'), ('y', 'y')]
    _, again = written_and_read(module, events, tmp_path)
    assert module.read(Source(again.file), tier='y').label == ['y']
    assert module.read(Source(again.file), tier=['mine', 'y']).label == ['x', 'y', 'y']
    with pytest.raises(UserInputError, match=r'v1\.2\.\w+ has no tier Mine, but mine, y'):
        module.read(Source(again.file), tier='Mine')


def test_an_event_lasts_a_tick_at_least_and_is_not_cut_in_silence():
    assert spans(Events.from_rows([('v', 0.0004, 0.0004, 'a'), ('v', 1, 2.0006, 'a')]), 1000) == [(0, 1), (1000, 2001)]
    for start, end in [(-1.0, 2.0), (2.0, 1.0), (float('nan'), 1.0), (0.0, float('inf'))]:
        with pytest.raises(UserInputError, match=r"video v: label 'a': expected a time from 0 on, got"):
            spans(Events.from_rows([('v', start, end, 'a')]), 1000)


@pytest.mark.parametrize(
    ('module', 'label'),
    [
        (elan, '\x01'),
        (elan, ' '),
        (textgrid, '\t'),
        (srt, 'a\n\nb'),
        (srt, 'a --> b'),
        *((m, '\udce9') for m in WRITERS),
    ],
)
def test_a_label_that_a_file_cannot_hold_is_refused_and_nothing_is_written(module, label, tmp_path):
    with pytest.raises(UserInputError, match=r'cannot hold the label .* of video v: it has'):
        module.write(Events.from_rows([('v', 0, 1, label)]), tmp_path / 'v')
    if module in (elan, textgrid):
        events = Events(**{**vars(Events.from_rows([('v', 0, 1, 'a')])), 'extra': {'tier': [label]}})
        with pytest.raises(UserInputError, match=r'cannot hold the tier'):
            module.write(events, tmp_path / 'v')
    assert not list(tmp_path.iterdir())


def test_no_tier_of_a_file_without_tiers():
    assert chosen_tiers(None, [], 'x') == set()
    with pytest.raises(UserInputError, match='x has no tier a, but none'):
        chosen_tiers(['a'], [], 'x')
