"""Each step of a video, in windows, is that of one window, and lies there as far from the cuts as it is said to."""

import numpy as np
import pytest

from mmdel.runtime.onnx_settings import Windows
from mmdel.runtime.suppression import Candidates
from mmdel.runtime.window_stream import NUM_AT_ONCE, WindowStream


@pytest.mark.parametrize('num_steps', [17, 24, 25, 100, 399])
@pytest.mark.parametrize('stride', [1, 4, 8, 12, 16])
def test_steps_come_once_and_see_as_far_as_the_margin(num_steps, stride):
    """The model is a stub whose candidates are the steps themselves, scored by the sum of what is around."""
    windows = Windows(16, 16, stride, (16 - stride) // 2)
    video = np.random.default_rng(num_steps).uniform(0.1, 1, num_steps).astype(np.float32)
    steps, counts = np.arange(16.0), []

    def around(x):
        padded = np.pad(x, (*[(0, 0)] * (x.ndim - 1), (windows.margin, windows.margin)))
        return np.lib.stride_tricks.sliding_window_view(padded, 2 * windows.margin + 1, axis=-1).sum(-1)

    def find(streams, mask, own):
        x = streams['a'][..., 0]
        counts.append(len(mask))
        assert streams['a'].flags.c_contiguous and (x[~mask] == 0).all() and (x[mask] > 0).all()
        segments = np.stack([steps, steps + 1], axis=1)
        return [Candidates(segments[o], row[o], o.nonzero()[0]) for row, o in zip(around(x), own, strict=True)]

    stream = WindowStream(windows, find)
    for part in np.array_split(video[:, None], 7):
        stream.push(dict(a=part))
        assert len(stream._held['a']) <= NUM_AT_ONCE * stride + 16 + len(part)
    found = stream.finish()
    np.testing.assert_array_equal(found.segments[:, 0], np.arange(num_steps))
    np.testing.assert_allclose(found.scores, around(video), rtol=1e-5)
    assert stream.num_steps == num_steps and max(counts) <= NUM_AT_ONCE
