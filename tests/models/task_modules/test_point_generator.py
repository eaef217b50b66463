import pytest
import torch

from mmdel.models.task_modules import PointGenerator
from mmdel.registry import TASK_UTILS

INF = float('inf')
RANGES = [(0, 4), (4, 8), (8, INF)]


@pytest.mark.parametrize('lengths', [[1, 1, 1], [7, 4, 2], [100, 50, 25]])
def test_equals_the_naive_loop(lengths):
    points = PointGenerator(RANGES)(lengths)
    expected = [(t * 2**level, 2**level, RANGES[level], level) for level in range(3) for t in range(lengths[level])]
    times, strides, ranges, levels = zip(*expected, strict=True)
    assert points.times.tolist() == list(times)
    assert points.strides.tolist() == list(strides)
    assert [tuple(item) for item in points.ranges.tolist()] == list(ranges)
    assert points.levels.tolist() == list(levels)
    assert points.times.dtype == points.strides.dtype == points.ranges.dtype == torch.float32


def test_points_of_all_levels_lie_on_steps_of_the_finest():
    """ceil(T / 2^l) steps: the last point of a level is a step of the video, whatever its length."""
    for num_steps in range(1, 40):
        lengths = [-(-num_steps // 2**level) for level in range(3)]
        points = PointGenerator(RANGES)(lengths)
        assert points.times.max() <= num_steps - 1


def test_is_built_from_a_config():
    generator = TASK_UTILS.build(dict(type='mmdel.PointGenerator', regress_ranges=[[0, 2], [1, INF]]))
    assert generator.num_levels == 2
    assert generator([2, 1]).ranges.tolist() == [[0, 2], [0, 2], [1, INF]]


@pytest.mark.parametrize('bad', [(4, 4), (8, 4), (-1, 4), (float('nan'), 4)])
def test_a_reversed_range_is_refused(bad):
    with pytest.raises(ValueError, match='0 <= low < high'):
        PointGenerator([(0, 4), bad])


def test_levels_that_do_not_match_the_ranges_are_refused():
    with pytest.raises(ValueError, match='2 feature levels for 3'):
        PointGenerator(RANGES)([4, 2])
