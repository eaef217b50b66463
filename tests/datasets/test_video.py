from __future__ import annotations

from mmdel.datasets.video import Event, Video


def test_events_are_clipped_to_the_video_and_those_outside_left_out():
    events = [Event(*times, 'x', place) for place, times in enumerate([(-1, 2), (3, 4), (8, 12), (10, 12), (-2, -1)])]
    assert [event[:2] for event in Video('a', 'train', 10.0, None, events).clipped()] == [(0, 2), (3, 4), (8, 10)]
    assert [event[:2] for event in Video('a', 'train', None, None, events).clipped()][2:] == [(8, 12), (10, 12)]
