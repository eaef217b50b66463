"""Frame-grid features: the right cells, the right time, and a naive loop as the oracle."""

from itertools import pairwise

import numpy as np
import pytest

from mmdel.features import video
from mmdel.features.video import TYPICAL, FrameGrid

FPS = 10.0


def raw(features, extract, num_colours):
    """Undo the scaling and the flattening: dict of statistic → (T, R, Q, K)."""
    cells = features.reshape(len(features), len(TYPICAL), extract.rows, extract.columns, num_colours)
    return {name: cells[:, i] * spread + value for i, (name, (value, spread)) in enumerate(TYPICAL.items())}


def test_steps_equal_a_naive_loop(monkeypatch):
    monkeypatch.setattr(video, 'CHUNK_PIXELS', 1)  # a chunk for every step
    extract = FrameGrid(rows=2, columns=3, window_frames=4, stride_frames=3)
    frames = np.random.default_rng(0).integers(256, size=(18, 9, 11, 3), dtype=np.uint8)
    features, grid = extract(frames, FPS)
    assert features.dtype == np.float32 and features.shape == (5, extract.num_channels())
    got = raw(features, extract, 3)
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
    assert (grid.stride, grid.window, grid.fps) == (3, 4, FPS)


def test_one_scene_gives_like_features_at_twice_the_frame_rate():
    ramp = np.linspace(0, 200, 81).astype(np.uint8)
    slow, fast = (np.tile(ramp[::step, None, None], (1, 8, 8)) for step in (2, 1))
    at_slow = raw(FrameGrid(1, 1, window_frames=4, stride_frames=2)(slow, 10.0)[0], FrameGrid(1, 1), 1)
    at_fast = raw(FrameGrid(1, 1, window_frames=8, stride_frames=4)(fast, 20.0)[0], FrameGrid(1, 1), 1)
    for name in ('change', 'motion'):
        assert at_slow[name].mean() == pytest.approx(at_fast[name].mean(), rel=0.05)
        assert at_slow[name].mean() == pytest.approx(200 / 255 / 4, rel=0.05)  # the whole ramp takes four seconds


def test_grey_frames_equal_one_colour():
    extract = FrameGrid(rows=2, columns=2)
    frames = np.random.default_rng(1).integers(256, size=(12, 6, 6), dtype=np.uint8)
    np.testing.assert_array_equal(extract(frames, FPS)[0], extract(frames[..., None], FPS)[0])
    assert extract(frames, FPS)[0].shape[1] == extract.num_channels(num_colours=1)


def test_a_memory_map_is_read_in_slices_and_gives_the_same(tmp_path, monkeypatch):
    extract = FrameGrid(rows=2, columns=2)
    frames = np.random.default_rng(2).integers(256, size=(200, 6, 8, 3), dtype=np.uint8)
    whole = extract(frames, FPS)[0]
    longest = []

    class Sliced:
        shape, dtype = frames.shape, frames.dtype

        def __getitem__(self, item):
            longest.append(item.stop - item.start)
            return frames[item]

    monkeypatch.setattr(video, 'CHUNK_PIXELS', 16 * 6 * 8 * 3)
    np.testing.assert_array_equal(extract(Sliced(), FPS)[0], whole)
    assert max(longest) <= 16 + extract.window_frames


def test_a_video_shorter_than_a_step_gives_one_step():
    frames = np.full((3, 6, 6, 3), 100, np.uint8)
    features, _ = FrameGrid(rows=2, columns=2)(frames, FPS)
    assert len(features) == 1
    np.testing.assert_allclose(raw(features, FrameGrid(rows=2, columns=2), 3)['mean'], 100 / 255, atol=1e-6)


@pytest.mark.parametrize(
    ('frames', 'message'),
    [
        (np.zeros((4, 8, 8, 3)), 'float64'),
        (np.zeros((4, 8, 8, 2), np.uint8), r'\(4, 8, 8, 2\)'),
        (np.zeros((0, 8, 8, 3), np.uint8), r'\(0, 8, 8, 3\)'),
        (np.zeros((4, 3, 8, 3), np.uint8), 'too few'),
    ],
)
def test_wrong_frames_are_refused(frames, message):
    with pytest.raises(ValueError, match=message):
        FrameGrid()(frames, FPS)


@pytest.mark.parametrize('arguments', [dict(rows=0), dict(window_frames=1), dict(stride_frames=0)])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match='FrameGrid'):
        FrameGrid(**arguments)
