"""The table of events: against plain Python over its rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdel.events import Event, Events, Video
from mmdel.utils.errors import UserInputError

TIMES = st.integers(-20, 160).map(lambda quarters: quarters / 4)
ROWS = st.builds(
    lambda video_id, start, length, label, score: Event(video_id, start, start + length, label, score),
    st.sampled_from('abc'),
    TIMES,
    st.integers(0, 40).map(lambda quarters: quarters / 4),
    st.sampled_from(['', 'cat', 'dog', 'é']),
    st.none() | st.sampled_from([0.0, 0.25, 1.0]),
)
VIDEOS = (Video('c', 20.0, 25.0, 'train'), Video('a', 10.0, subset='val'), Video('empty', extra={'url': 'x'}))


@st.composite
def tables(draw):
    return Events.from_rows(draw(st.lists(ROWS, max_size=12)), VIDEOS[: draw(st.integers(0, 3))])


def test_rows_come_back_as_they_were_given():
    rows = [Event('a', 0.0, 1.5, 'cat', 0.5), Event('b', 1.0, 2.0, ''), Event('a', 2.0, 2.0, 'ape', 0.0)]
    events = Events.from_rows(rows, VIDEOS)
    assert list(events) == rows and len(events) == 3
    assert events.video_ids == ('c', 'a', 'empty', 'b') and events.labels == ('ape', 'cat')
    assert repr(events) == 'Events(3 events of 2 labels in 4 videos)'
    assert Events.from_rows([rows[1]]).scores is None and len(Events()) == 0


@given(tables(), st.sampled_from([None, 0.25]), st.sampled_from([None, {'cat', ''}]), st.sampled_from([None, 1.0]))
def test_filter_is_a_condition_on_each_row(events, min_score, labels, length_sec):
    def keeps(event):
        return (
            (min_score is None or (event.score is not None and event.score >= min_score))
            and (labels is None or event.label in labels)
            and (length_sec is None or length_sec <= event.end_sec - event.start_sec <= 5 * length_sec)
            and event.start_sec < 30
        )

    max_sec = None if length_sec is None else 5 * length_sec
    kept = events.filter(labels, min_score, length_sec, max_sec, where=lambda event: event.start_sec < 30)
    assert list(kept) == list(filter(keeps, events)) and kept.videos == events.videos


@given(tables())
def test_selecting_and_merging_are_inverse(events):
    parts = [events.select([video_id]) for video_id in events.video_ids]
    assert [list(part) for part in parts] == [[e for e in events if e.video_id == v] for v in events.video_ids]
    assert [[*map(int, rows)] for rows in events.groups()] == [
        [row for row, event in enumerate(events) if event.video_id == video_id] for video_id in events.video_ids
    ]
    if parts:
        merged = parts[0].merge(*parts[1:])
        assert merged.videos == events.videos and sorted(merged, key=repr) == sorted(events, key=repr)
        assert events.select(subset='train') == events.select(
            [v.video_id for v in events.videos if v.subset == 'train']
        )


@given(tables())
def test_clipping_and_shifting_change_times_alone(events):
    durations = {video.video_id: video.duration_sec or float('inf') for video in events.videos}
    cut = [e._replace(start_sec=max(e.start_sec, 0), end_sec=min(e.end_sec, durations[e.video_id])) for e in events]
    assert list(events.clip()) == [event for event in cut if event.end_sec > event.start_sec]
    assert events.shift(0.5).shift(-0.5) == events
    later = events.shift({'a': 3})
    assert [e.start_sec - f.start_sec for e, f in zip(later, events, strict=True)] == pytest.approx(
        [3 * (e.video_id == 'a') for e in events]
    )


def test_a_table_cannot_be_changed_and_is_equal_by_its_content():
    events = Events.from_rows([('a', 0, 1, 'x', 0.5)])
    with pytest.raises(ValueError, match='read-only'):
        events.start_sec[0] = 5
    with pytest.raises(AttributeError):
        events.labels = ()
    times = np.zeros(1)
    copied = replace(events, start_sec=times)
    times[0] = 7
    assert copied == events and copied != events.shift(1) and events != 'events'
    more = replace(events, extra={'tier': np.array(['t'], dtype=object)})
    assert more != events and replace(events, extra={'tier': [None]}) == events
    assert more[[]].extra['tier'].tolist() == [] and more.merge(events).extra['tier'].tolist() == ['t', None]


def test_what_makes_no_table_is_refused():
    with pytest.raises(ValueError, match='each id once'):
        Events((Video('a'), Video('a')))
    with pytest.raises(ValueError, match='each label once'):
        Events(labels=('x', 'x'))
    with pytest.raises(ValueError, match='place among the 0 names'):
        Events(video_index=[0], label_index=[-1], start_sec=[0], end_sec=[1])
    with pytest.raises(ValueError, match=r'end_sec must have one item for each of the 1 events, got \(2,\)'):
        Events((Video('a'),), (), [0], [-1], [0], [1, 2])
    with pytest.raises(TypeError, match='slice, a mask'):
        Events()[0]
    with pytest.raises(KeyError, match='no video'):
        Events().select(['a'])
    with pytest.raises(UserInputError, match=r'video a: duration_sec is 1\.0 and 2\.0'):
        Events((Video('a', 1.0),)).merge(Events((Video('a', 2.0),)))


def test_merging_joins_what_is_known_of_a_video():
    merged = Events((Video('a', 1.0, extra={'x': 1}),)).merge(
        Events((Video('a', fps=25.0, subset='val', extra={'y': 2}),))
    )
    assert merged.videos == (Video('a', 1.0, 25.0, 'val', {'x': 1, 'y': 2}),)


def test_a_data_frame_has_a_row_for_each_event():
    pandas = pytest.importorskip('pandas', reason='pandas is an option')
    frame = replace(Events.from_rows([('a', 0, 1, 'x', 0.5)]), extra={'tier': ['t']}).to_pandas()
    assert frame.to_dict('records') == [dict(video_id='a', start_sec=0, end_sec=1, label='x', score=0.5, tier='t')]
    assert isinstance(frame, pandas.DataFrame)
