"""Frame-grid features: the right cells, the right time, and a naive loop as the oracle."""

from itertools import pairwise

import numpy as np
import pytest

from mmdel.features import FrameGridExtractor, extract_frames
from mmdel.features.frame_grid import LOG_MOTION, TYPICAL

FPS = 10.0


def raw(features, extractor):
    """Undo the scaling and the flattening: dict of statistic → (T, R, Q, K)."""
    shape = len(TYPICAL), extractor.rows, extractor.columns, extractor.num_colours
    cells = features.reshape(len(features), *shape)
    return {name: cells[:, i] * spread + value for i, (name, (value, spread)) in enumerate(TYPICAL.items())}


def test_steps_equal_a_naive_loop():
    extractor = FrameGridExtractor(FPS, 9, 11, rows=2, columns=3, window_frames=4, stride_frames=3)
    frames = np.random.default_rng(0).integers(256, size=(18, 9, 11, 3), dtype=np.uint8)
    features = extract_frames(extractor, frames)
    assert features.dtype == np.float32 and features.shape == (5, extractor.channels)
    got = raw(features, extractor)
    rows, columns = [(0, 4), (4, 9)], [(0, 3), (3, 7), (7, 11)]
    for step in range(5):
        window = frames[3 * step : 3 * step + 4].astype(np.float64) / 255
        for r, (top, bottom) in enumerate(rows):
            for q, (left, right) in enumerate(columns):
                for colour in range(3):
                    cell = window[:, top:bottom, left:right, colour]
                    expected = {
                        'mean': cell.mean(),
                        'contrast': np.mean([frame.std() for frame in cell]),
                        'change': np.mean([b - a for a, b in pairwise(cell)]) * FPS,
                        'motion': np.mean([abs(b - a) for a, b in pairwise(cell)]) * FPS,
                    }
                    for name, value in expected.items():
                        assert got[name][step, r, q, colour] == pytest.approx(value, abs=1e-4), name
    grid = extractor.grid
    assert (grid.stride, grid.window, grid.fps) == (3, 4, FPS)


def test_one_scene_gives_like_features_at_twice_the_frame_rate():
    ramp = np.linspace(0, 200, 81).astype(np.uint8)
    at = {}
    for fps, step, window in ((10.0, 2, 4), (20.0, 1, 8)):
        extractor = FrameGridExtractor(fps, 8, 8, 1, 1, window_frames=window, stride_frames=window // 2, grey=True)
        at[fps] = raw(extract_frames(extractor, np.tile(ramp[::step, None, None, None], (1, 8, 8, 3))), extractor)
    for name in ('change', 'motion'):
        assert at[10.0][name].mean() == pytest.approx(at[20.0][name].mean(), rel=0.05)
        assert at[10.0][name].mean() == pytest.approx(200 / 255 / 4, rel=0.05)  # the whole ramp takes four seconds


def test_grey_is_the_brightness_of_the_colours():
    colours, grey = (FrameGridExtractor(FPS, 6, 6, rows=2, columns=2, grey=grey) for grey in (False, True))
    frames = np.random.default_rng(1).integers(256, size=(12, 6, 6, 3), dtype=np.uint8)
    of_colours, of_grey = raw(extract_frames(colours, frames), colours), raw(extract_frames(grey, frames), grey)
    for name in ('mean', 'change'):  # which are linear
        brightness = of_colours[name] @ np.array([0.299, 0.587, 0.114])
        np.testing.assert_allclose(of_grey[name][..., 0], brightness, atol=1e-5)
    same = np.repeat(frames[..., :1], 3, axis=-1)
    for name, value in raw(extract_frames(grey, same), grey).items():
        of_each = raw(extract_frames(colours, same), colours)[name]
        np.testing.assert_allclose(np.repeat(value, 3, axis=-1), of_each, atol=1e-4)


def test_the_logarithm_of_motion_is_of_the_same_motion():
    plain, logs = (FrameGridExtractor(FPS, 6, 6, rows=2, columns=2, log_motion=log) for log in (False, True))
    frames = np.random.default_rng(2).integers(256, size=(12, 6, 6, 3), dtype=np.uint8)
    motion = raw(extract_frames(plain, frames), plain)['motion'].reshape(-1, 12)
    got, others = np.split(extract_frames(logs, frames), [36], axis=1)[::-1]
    np.testing.assert_allclose(got * LOG_MOTION[1] + LOG_MOTION[0], np.log10(0.01 + motion), atol=1e-4)
    np.testing.assert_array_equal(others, extract_frames(plain, frames)[:, :36])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(rows=0), '0 x 4 cells'),
        (dict(height=2), '2 x 48 pixels'),
        (dict(window_frames=1), 'window_frames'),
        (dict(stride_frames=0), 'stride'),
        (dict(fps=0.0), 'fps'),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        FrameGridExtractor(**arguments)
