"""What is written in lines is read as it was."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.events.events import Event, Events, Video
from mmdel.events.formats import audacity, csv, desed, raven, rttm
from mmdel.events.formats.table_write import check_names, tell_seconds
from mmdel.events.reading import guess_format, read_events
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import cut_suffix, to_label

NAMES = st.text(st.characters(exclude_categories=['C', 'Zl', 'Zp']), min_size=1, max_size=8).filter(
    lambda text: to_label(text) == text
)
ODD = st.sampled_from(
    ['a, "b"', '"', '<&>', '12" disc', "'", 'é犬', '\\', ';;', 'a\u3000b', ',', '{', '[0]', '#', '0:1']
)
EVENTS = st.tuples(
    st.integers(0, 2), st.integers(0, 10**8), st.integers(1, 10**6), st.one_of(st.just(''), ODD, NAMES), st.floats(0, 1)
)


def table_of(drawn, ids, is_scored, labels=str):
    videos = [Video(video_id) for video_id in ids]
    rows = [
        Event(ids[video % len(ids)], start / 1000, (start + length) / 1000, labels(label), score if is_scored else None)
        for video, start, length, label, score in drawn
    ]
    return Events.from_rows(dict.fromkeys(rows), videos)  # no event twice


def plain(events):
    return [(e.video_id, round(e.start_sec, 5), round(e.end_sec, 5), e.label, e.score) for e in events]


@pytest.mark.parametrize('module', [csv, desed, rttm, audacity, raven])
@given(
    drawn=st.lists(EVENTS, max_size=6, unique_by=lambda row: row[:4]),
    ids=st.lists(NAMES.filter(lambda text: cut_suffix(text) == text), min_size=3, max_size=3, unique=True),
    is_scored=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_events_survive_writing_and_reading(module, tmp_path_factory, drawn, ids, is_scored):
    keeps = module.FORMAT.keeps
    is_scored &= 'score' in keeps and bool(drawn)
    if module.FORMAT.per_video:
        ids = ['clip.one']
    if module is desed:
        ids = [re.sub(r'^(/|file:|[A-Za-z]:(?=[/\\]))', '_', name, flags=re.IGNORECASE) for name in ids]
    if module is rttm:
        ids = [re.sub(r'\s', '_', name) for name in ids]
    ids = ids if len(set(ids)) == len(ids) else ['a', 'b', 'c']
    events = table_of(drawn, ids, is_scored, lambda label: re.sub(r'\s', '_', label) if module is rttm else label)
    path = tmp_path_factory.mktemp('written') / f'clip.one{module.FORMAT.suffixes[0]}'
    module.write(events, path)
    found = read_events(path, module.FORMAT.name)
    assert plain(found) == plain(events)
    if 'empty' in keeps:
        assert set(found.video_ids) == set(events.video_ids)
    if len(events):
        assert guess_format(Source(path)) is module


def test_times_are_told_to_a_microsecond():
    assert list(map(tell_seconds, [0, 1.5, 1e5, 0.1 + 0.2, 2.0000004, 1e-6, 10])) == [
        '0',
        '1.5',
        '100000',
        '0.3',
        '2',
        '0.000001',
        '10',
    ]


@pytest.mark.parametrize(
    ('module', 'label', 'said'),
    [
        (csv, 'a\nb', 'a line end'),
        (csv, 'a\rb', 'a line end'),
        (csv, 'a\0b', 'a line end or NUL'),
        (desed, 'a\nb', 'a line end'),
        (audacity, 'a\tb', 'a tab or a line end'),
        (raven, 'a\tb', 'a tab, a line end or NUL'),
        (rttm, 'a b', 'white space'),
        (rttm, '<NA>', 'is <NA>'),
        (csv, '\ud800', 'no UTF-8'),
    ],
)
def test_labels_that_a_line_cannot_hold_are_refused(module, label, said, tmp_path):
    path = tmp_path / 'v.txt'
    with pytest.raises(UserInputError, match=rf'v\.txt cannot hold the label .* of video v: it .*{said}'):
        module.write(Events.from_rows([('v', 0, 1, 'fine'), ('v', 1, 2, label)]), path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('video_id', ['/', '/data/a', 'file:a', 'C:/a', 'c:\\a'])
def test_an_id_that_would_be_read_as_a_path_is_refused(video_id, tmp_path):
    events = Events.from_rows([], [Video(video_id)])
    with pytest.raises(UserInputError, match=r'cannot hold the id .* begins like the path of a file'):
        desed.write(events, tmp_path / 'a.tsv')
    assert not any(tmp_path.iterdir())


def test_ids_are_refused_where_a_file_holds_them():
    events = Events.from_rows([('a b', 0, 1, 'x')])
    with pytest.raises(UserInputError, match="f cannot hold the id 'a b': it has a space"):
        check_names(events, 'f', ' ', 'a space')
    check_names(events, 'f', ' ', 'a space', ids=False)
