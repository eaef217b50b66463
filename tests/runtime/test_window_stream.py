"""Windows in numpy are those of the detector: the same cuts, masks, own steps, and candidates."""

import numpy as np
import pytest
import torch

from mmdel.models.detectors.sliding_window import SlidingWindow
from mmdel.models.detectors.window_stream import WindowStream as TorchWindowStream
from mmdel.runtime.onnx_settings import Windows
from mmdel.runtime.suppression import Candidates
from mmdel.runtime.window_stream import NUM_AT_ONCE, WindowStream


@pytest.mark.parametrize('num_steps', [17, 24, 25, 100, 399])
@pytest.mark.parametrize('overlap', [0.0, 0.25, 0.5, 0.8])
def test_equal_those_of_the_detector(num_steps, overlap):
    """The model is a stub whose candidates are the steps themselves, scored by what it sees of them."""
    sliding = SlidingWindow(16, overlap, batch_size=3)
    windows = Windows(16, sliding.step, (16 - sliding.step) // 2)
    video = np.random.default_rng(num_steps).uniform(0.1, 1, (num_steps, 1)).astype(np.float32)
    steps, seen = np.arange(16.0), []

    def find(streams, mask, own):
        seen.append(len(mask))
        scores = streams['a'][..., 0] * own
        assert streams['a'].flags.c_contiguous and (streams['a'][..., 0][~mask] == 0).all()
        segments = np.stack([steps, steps + 1], axis=1)
        return [Candidates(segments[own], row[own], own.nonzero()[0]) for row, own in zip(scores, own, strict=True)]

    def find_by_torch(inputs, own):
        scores = inputs.streams['a'][..., 0] * own * inputs.mask
        segments = torch.from_numpy(np.stack([steps, steps + 1], axis=1)).expand(len(scores), -1, -1)
        return segments, scores, torch.arange(16).expand_as(scores)

    ours, theirs = WindowStream(windows, find, 50), TorchWindowStream(sliding, find_by_torch, 50)
    for part in np.array_split(video, 7):
        ours.push(dict(a=part))
        theirs.push(dict(a=torch.from_numpy(part)))
        assert len(ours._held['a']) <= NUM_AT_ONCE * sliding.step + 16 + len(part)
    found, (segments, scores, labels) = ours.finish(), (x[0] for x in theirs.finish())
    order = np.argsort(-scores.numpy(), kind='stable')[: len(found.scores)]
    np.testing.assert_array_equal(found.scores, scores.numpy()[order])
    np.testing.assert_array_equal(found.segments, segments.numpy()[order])
    np.testing.assert_array_equal(found.labels, labels.numpy()[order])
    assert len(found.scores) == min(50, num_steps) and ours.num_steps == num_steps and max(seen) <= NUM_AT_ONCE
    # Each step is that of one window, so the best are those of the video.
    np.testing.assert_array_equal(found.scores, np.sort(video[:, 0])[::-1][:50])
