from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdel.events.times import check_times, from_ticks, seconds_column, ticks_a_second, to_seconds, unit_problem


def test_times_are_numbers_their_texts_or_clocks():
    for value in (62.5, '62.5', '62,5', ' 1:02.5', '0:01:02.5', '00:01:02,500'):
        assert to_seconds(value) == 62.5
    assert all(
        math.isnan(to_seconds(value)) for value in ('x', '1:x', None, True, [1], 10**400, '1_0', '1,2,3', 'nan', '')
    )


VALUES = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.sampled_from(
        ['1', '1.5', ' 2 ', '1,5', '1:02', '0:01:02,5', '1_0', 'nan', 'inf', '1e3', '', '-4', '.5', '1,2,3']
    ),
)


@given(st.lists(VALUES) | st.lists(st.floats()) | st.lists(st.from_regex(r'[0-9.,:e_-]{0,6}', fullmatch=True)))
def test_a_column_of_times_is_each_time(values):
    seconds, clocks = seconds_column(values)
    np.testing.assert_array_equal(seconds, [to_seconds(value) for value in values])
    assert clocks.tolist() == [isinstance(value, str) and ':' in value for value in values]


def test_ticks_are_seconds_frames_or_as_many_a_second():
    assert [ticks_a_second(times, 25.0) for times in ('seconds', 'frames', 1000)] == [1, 25, 1000]
    assert ticks_a_second('frames', None) is None
    assert (from_ticks(50, 25.0), from_ticks('50', 25.0), from_ticks('0:50', 25.0)) == (2, 2, 50)
    for times in ('frame', 0, -1, math.nan, math.inf, True, None):
        with pytest.raises(ValueError, match='times must be'):
            check_times(times)


@pytest.mark.parametrize('fps', [25.0, 59.94, None])
def test_frames_and_milliseconds_are_told_from_seconds(fps):
    """Ten events all over three videos, whatever their unit is."""
    ends_sec = [
        (end * duration_sec / 10, duration_sec) for duration_sec in (30.0, 90.0, 1800.0) for end in range(1, 11)
    ]

    def found(unit_hz, ticks_hz=1.0):
        ends, durations_sec = np.array(ends_sec).T
        return unit_problem(ends * unit_hz, durations_sec, np.full(30, ticks_hz), np.full(30, fps or 30.0))

    frames_hz = fps or 29.97
    assert found(1.0) is None and found(frames_hz, frames_hz) is None
    assert found(frames_hz)[0] == '30 of 30 events end after their videos'
    assert "times='frames'" in found(frames_hz)[1] and 'times=1000' in found(1000.0)[1]
    assert 'leave out' in found(1.0, frames_hz)[1]
    assert 'look like' not in found(1e5)[1]
    assert unit_problem(np.full(4, 900.0), np.full(4, 10.0), np.ones(4), np.full(4, 25.0)) is None  # too few to tell
