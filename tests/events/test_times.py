from __future__ import annotations

import math

import pytest

from mmdel.events.times import EventEnd, check_times, from_ticks, ticks_a_second, to_seconds, unit_problem


def test_times_are_numbers_their_texts_or_clocks():
    for value in (62.5, '62.5', ' 1:02.5', '0:01:02.5'):
        assert to_seconds(value) == 62.5
    assert all(math.isnan(to_seconds(value)) for value in ('x', '1:x', None, True, [1], 10**400))


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
        return unit_problem([EventEnd(end * unit_hz, duration, ticks_hz, fps) for end, duration in ends_sec])

    frames_hz = fps or 29.97
    assert found(1.0) is None and found(frames_hz, frames_hz) is None
    assert found(frames_hz)[0] == '30 of 30 events end after their videos'
    assert "times='frames'" in found(frames_hz)[1] and 'times=1000' in found(1000.0)[1]
    assert 'leave out' in found(1.0, frames_hz)[1]
    assert 'look like' not in found(1e5)[1]
    assert unit_problem([EventEnd(900.0, 10.0, 1.0, fps)] * 4) is None  # too few to tell
