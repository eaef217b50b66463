from __future__ import annotations

import pytest

from mmdel.datasets.checks.feature_files import FileFacts
from mmdel.datasets.checks.streams import StreamOfVideo, check_streams
from mmdel.events.annotations import AnnotatedVideo
from mmdel.structures import FeatureGrid

GRID = FeatureGrid(stride=8, window=24, fps=25)


def stream(video_id, num_steps, duration_sec, name='visual', grid=GRID, width=4):
    located = dict(files=[f'{video_id}_{name}.npy'], key=None, channels=None, grid=grid)
    return StreamOfVideo(AnnotatedVideo(video_id, 'train', duration_sec, None), name, located), FileFacts(
        (num_steps, width)
    )


def found(*streams):
    facts = {item.names[0]: fact for item, fact in streams}
    problems = check_streams([item for item, _ in streams], facts, 'visual', 1.5)
    return [(problem.kind, problem.video_id) for problem in problems]


def test_a_short_video_may_lack_a_window():
    assert found(stream('a', 1, 0.5), stream('b', 3, 0.96)) == []


def test_a_single_video_tells_no_hop():
    assert found(stream('a', 300, 32.0)) == [('wrong-length', 'a')]
    assert found(*(stream(name, 100 * int(name), 32.0) for name in '1234')) == [('wrong-length', x) for x in '234']


def test_a_hop_explains_only_the_videos_that_it_fits():
    streams = [stream(str(index), 3 * (50 + index), 16 + 0.32 * index) for index in range(6)]
    assert found(*streams, stream('odd', 10, 32.0)) == [('wrong-hop', ''), ('wrong-length', 'odd')]


def test_streams_are_compared_where_the_durations_tell_nothing():
    assert found(stream('a', 100, None), stream('a', 90, None, 'audio')) == [('streams-differ', 'a')]
    assert found(stream('a', 100, None), stream('a', 98, None, 'audio')) == []
    sound = FeatureGrid(stride=96, window=96, fps=100)
    assert found(stream('a', 100, None), stream('a', 34, None, 'audio', sound)) == []
    assert found(stream('a', 100, None, grid=None), stream('a', 10, None, 'audio')) == []


@pytest.mark.parametrize('width', [3, 5])
def test_a_width_unlike_the_others_is_told_and_its_length_is_not_looked_at(width):
    odd = stream('odd', 10, 32.0, width=width)
    assert found(stream('a', 100, 32.5), odd, stream('b', 100, 32.5)) == [('widths-differ', 'odd')]
