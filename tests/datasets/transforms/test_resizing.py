import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmdel.datasets.transforms import ResizeStreams
from mmdel.structures import FeatureGrid


def aligned(num_steps, grid, segments_sec=((1.0, 3.0),)):
    rng = np.random.default_rng(0)
    return {
        'features': {
            name: rng.normal(size=(num_steps, width)).astype(np.float32) for name, width in [('v', 3), ('a', 2)]
        },
        'grid': grid,
        'segments': grid.to_grid(np.array(segments_sec)).astype(np.float32),
        'ignored_segments': grid.to_grid(np.array(segments_sec) + 1).astype(np.float32),
    }


@pytest.mark.parametrize('num_steps', [1, 7, 192, 301])
def test_contiguous_steps_are_resized_as_torch_resizes_them(num_steps):
    """With windows side by side, step centres map as in ``interpolate(align_corners=False)``."""
    results = aligned(num_steps, FeatureGrid(16, 16, 15))
    expected = {
        name: F.interpolate(
            torch.from_numpy(x.T.astype(np.float64))[None], size=192, mode='linear', align_corners=False
        )[0].T
        for name, x in results['features'].items()
    }
    resized = ResizeStreams(192)(results)
    for name, feature in resized['features'].items():
        np.testing.assert_allclose(feature, expected[name], atol=1e-5)


@pytest.mark.parametrize('length', [1, 5, 192])
def test_the_steps_share_the_time_that_the_video_covers(length):
    grid = FeatureGrid(4, 16, 25, start_frames=8)
    resized = ResizeStreams(length)(aligned(30, grid))['grid']
    covered = (30 - 1) * 4 + 16
    assert resized.start_frames == 8
    assert resized.stride == resized.window == pytest.approx(covered / length)
    last_end = resized.to_sec(length - 1.0) + 0.5 * resized.window / resized.fps
    assert last_end == pytest.approx((8 + covered) / 25)


def test_events_stay_at_their_seconds():
    segments_sec = np.array([[0.0, 1.0], [2.2, 3.7], [0.1, 4.9]])
    resized = ResizeStreams(64)(aligned(30, FeatureGrid(4, 16, 25), segments_sec))
    np.testing.assert_allclose(resized['grid'].to_sec(resized['segments'].astype(float)), segments_sec, atol=1e-5)
    ignored_sec = resized['grid'].to_sec(resized['ignored_segments'].astype(float))
    np.testing.assert_allclose(ignored_sec, segments_sec + 1, atol=1e-5)


def test_a_length_below_one_is_refused():
    with pytest.raises(ValueError, match='length'):
        ResizeStreams(0)
