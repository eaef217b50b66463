import pytest
import torch
from meta_device import MetaOnly

from mmdel.models.task_modules import PointGenerator
from mmdel.registry import TASK_UTILS

INF = float('inf')
RANGES = [(0, 4), (4, 8), (8, INF)]


@pytest.mark.parametrize('lengths', [[1, 1, 1], [7, 4, 2], [100, 50, 25]])
def test_equals_the_naive_loop(lengths, device):
    generator = TASK_UTILS.build(dict(type='mmdel.PointGenerator', regress_ranges=RANGES))
    points = generator(lengths, device)
    expected = [(t * 2**level, 2**level, RANGES[level]) for level in range(3) for t in range(lengths[level])]
    times, strides, ranges = zip(*expected, strict=True)
    assert generator.num_levels == 3
    assert points.times.tolist() == list(times)
    assert points.strides.tolist() == list(strides)
    assert [tuple(item) for item in points.ranges.tolist()] == list(ranges)
    assert points.times.dtype == points.strides.dtype == points.ranges.dtype == torch.float32


def test_points_are_made_on_the_device():
    with MetaOnly():
        assert all(item.is_meta for item in PointGenerator(RANGES)([4, 2, 1], torch.device('meta')))


@pytest.mark.parametrize('bad', [(4, 4), (8, 4), (-1, 4), (float('nan'), 4)])
def test_a_reversed_range_is_refused(bad):
    with pytest.raises(ValueError, match='0 <= low < high'):
        PointGenerator([(0, 4), bad])


def test_levels_that_do_not_match_the_ranges_are_refused(device):
    with pytest.raises(ValueError, match='2 feature levels for 3'):
        PointGenerator(RANGES)([4, 2], device)
