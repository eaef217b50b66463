from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdel.datasets.checks import FileFacts
from mmdel.datasets.checks.features import StreamOfVideo, check_features
from mmdel.datasets.checks.lengths import check_lengths, expected_steps
from mmdel.structures import FeatureGrid

GRID = FeatureGrid(stride=8, window=24, fps=25)


def stream(video_id, num_steps, duration_sec, name='visual', grid=GRID):
    item = StreamOfVideo(video_id, 'train', name, ((f'{video_id}_{name}.npy', None),), grid, None, duration_sec)
    return item, {item.files[0]: FileFacts((num_steps, 4))}


def found(*streams):
    facts = {name: fact for _, mine in streams for name, fact in mine.items()}
    groups: dict = {}
    for item, _ in streams:
        groups.setdefault(item.stream, []).append(item)
    return [(defect.kind, defect.video_id, defect.severity) for defect in check_lengths(groups, facts)]


@given(st.integers(1, 400), st.integers(1, 64), st.integers(1, 64))
def test_both_ways_to_cut_windows_are_expected(num_frames, stride, window):
    """Whole windows only, and one window, cut off or filled up, for each stride begun."""
    fewest, most = expected_steps(FeatureGrid(stride, window, 25), num_frames / 25)
    whole = len([start for start in range(0, num_frames, stride) if start + window <= num_frames])
    begun = len(range(0, num_frames, stride))
    assert (fewest, most) == (max(min(whole, begun), 1), max(whole, begun))


@pytest.mark.parametrize(
    ('num_steps', 'severity'), [(100, None), (102, None), (95, None), (112, 'warning'), (85, 'warning'), (75, 'error')]
)
def test_two_steps_or_5_percent_are_nothing_and_more_than_20_percent_an_error(num_steps, severity):
    assert found(stream('a', num_steps, 32.5)) == ([('wrong-length', 'a', severity)] if severity else [])


def test_a_short_video_may_lack_a_window():
    assert found(stream('a', 1, 0.5), stream('b', 3, 0.96)) == []


def test_a_single_video_tells_no_hop():
    assert found(stream('a', 300, 32.0)) == [('wrong-length', 'a', 'error')]
    assert found(*(stream(name, 100 * int(name), 32.0) for name in '1234')) == [
        ('wrong-length', name, 'error') for name in '234'
    ]


def test_a_hop_is_told_of_the_videos_that_it_fits():
    streams = [stream(str(index), 3 * (50 + index), 16 + 0.32 * index) for index in range(6)]
    kinds = found(*streams, stream('odd', 10, 32.0))
    assert kinds == [('wrong-hop', str(index), 'error') for index in range(6)] + [('wrong-length', 'odd', 'error')]


def test_streams_are_compared_where_the_durations_tell_nothing():
    pair = [stream('a', 100, None), stream('a', 90, None, 'audio')]
    assert found(*pair) == [('streams-differ', 'a', 'warning')]
    assert found(stream('a', 100, None), stream('a', 98, None, 'audio')) == []


def test_streams_of_two_rates_cover_the_same_time():
    sound = FeatureGrid(stride=96, window=96, fps=100)
    assert found(stream('a', 100, None), stream('a', math.floor(32.64 / 0.96), None, 'audio', sound)) == []
    assert found(stream('a', 100, None), stream('a', 100, None, 'audio', sound)) == [('streams-differ', 'a', 'warning')]


def test_a_stream_without_a_rate_is_passed_over():
    assert found(stream('a', 100, 32.0, grid=None), stream('a', 10, None, 'audio')) == []


def test_a_stream_with_a_missing_file_is_not_sound():
    item = StreamOfVideo('a', 'train', 'visual', (('r.npy', None), ('f.npy', None)), GRID, 8, 32.0)
    facts = {('r.npy', None): FileFacts((10, 4))}
    assert check_features([item], facts) == ([], {'visual': []})
    assert check_features([item], facts | {('f.npy', None): FileFacts((10, 4))}) == ([], {'visual': [item]})
    (defect,), sound = check_features([item], facts | {('f.npy', None): FileFacts((10, 5))})
    assert (defect.kind, defect.found) == ('wrong-width', "stream 'visual': 4 + 5 = 9 channels") and not sound['visual']
