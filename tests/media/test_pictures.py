from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.media import pictures
from mmdel.media.pictures import PictureTrack
from mmdel.media.rates import PictureRate

RATE = PictureRate(10, 2, 2)


@pytest.fixture(autouse=True)
def whole_numbers_as_frames(monkeypatch):
    """Frames are numbers, and a picture is full of one; counts the conversions."""
    converted = []

    def to_picture(frame, rate, aspect):
        converted.append(frame)
        return np.full((rate.height, rate.width, 3), frame, np.uint8)

    monkeypatch.setattr(pictures, 'to_picture', to_picture)
    return converted


def numbers(track, size=1000):
    return track.take(size)[:, 0, 0, 0].tolist()


def test_a_picture_is_the_frame_on_screen_in_its_middle(whole_numbers_as_frames):
    track = PictureTrack(RATE)
    for frame, start_sec in enumerate([0.02, 0.16, 0.21, 0.24, 0.26, 0.45]):
        track.put(frame, start_sec)
    track.finish(0.71)
    # middles: 0.05 0.15 0.25 0.35 0.45 0.55 0.65; one that starts just then is seen
    assert numbers(track) == [0, 0, 3, 4, 5, 5, 5]
    assert whole_numbers_as_frames == [0, 3, 4, 5]  # what nobody sees is not converted


def test_nothing_is_ready_before_it_is_known_and_no_more_is_taken_than_asked_for():
    track = PictureTrack(RATE)
    track.put(7, 1.0)
    assert track.num_ready == 0
    track.put(8, 2.0)
    assert track.num_ready == 20 and numbers(track, 15) == [7] * 15 and numbers(track) == [7] * 5
    track.finish(2.3)
    assert numbers(track) == [8] * 3 and track.num_ready == 0


def test_a_frame_that_is_earlier_than_those_before_is_left_out():
    track = PictureTrack(RATE)
    for frame, start_sec in enumerate([0, 0.2, 0.1, 0.3]):
        track.put(frame, start_sec)
    track.finish(0.4)
    assert numbers(track) == [0, 0, 1, 3]


def test_without_frames_all_is_black_and_there_is_at_least_one_picture():
    track = PictureTrack(RATE)
    track.finish(0.01)
    assert numbers(track) == [0]


@settings(deadline=None)
@given(
    st.lists(st.integers(-50, 300), min_size=1, max_size=30),
    st.floats(0.1, 100),
    st.floats(0, 2),
    st.integers(1, 50),
)
def test_it_is_as_a_search_for_the_latest_frame(times, fps, rest_sec, size):
    times_sec = np.sort(times) / 50 + 0.001  # which are no middles
    track = PictureTrack(PictureRate(fps, 1, 1))
    for frame, start_sec in enumerate(times_sec):
        track.put(frame, start_sec)
    duration_sec = max(times_sec[-1], 0) + rest_sec
    track.finish(duration_sec)
    middles = (np.arange(max(1, round(duration_sec * fps))) + 0.5) / fps
    wanted = [np.flatnonzero(times_sec - 0.0006 <= middle).max(initial=0) for middle in middles]
    got = []
    while track.num_ready:
        got += numbers(track, size)
    assert got == wanted
