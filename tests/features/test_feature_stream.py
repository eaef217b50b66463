"""Streams of features: how frames are cut changes nothing, and several extractors are on one clock."""

import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.datasets.transforms.aligning import resample
from mmdel.features import Extractor, FeatureStream, FrameGridExtractor, LogMelExtractor, build_streams, extract_frames
from mmdel.media import PictureRate, SoundRate
from mmdel.utils.errors import UserInputError

PICTURES = PictureRate(5.0, 2, 3)
SOUND = SoundRate(100)


class Sums(Extractor):
    """The sum of each window, and its first frame."""

    def __init__(self, rate, stride, window):
        super().__init__(rate, stride, window, channels=2)

    def __call__(self, frames):
        flat = self.windows(frames).reshape(-1, self.window, frames[0].size)
        return np.stack([flat.sum(axis=(1, 2)), flat[:, 0, 0]], axis=1).astype(np.float32)


def naive_steps(extractor, frames):
    flat = frames.reshape(len(frames), -1).astype(np.float64)
    starts = range(0, len(flat) - extractor.window + 1, extractor.stride)
    return np.array([[flat[i : i + extractor.window].sum(), flat[i, 0]] for i in starts]).reshape(-1, 2)


def cut(frames, places):
    """Pieces that join to the frames."""
    return np.split(frames, sorted(round(place * len(frames)) for place in places))


sizes = st.integers(1, 9)
places = st.lists(st.floats(0, 1), max_size=12)


@given(stride=sizes, window=sizes, num=st.integers(0, 60), places=places, is_sound=st.booleans())
@settings(max_examples=200, deadline=None)
def test_steps_are_of_whole_windows_however_the_frames_are_cut(stride, window, num, places, is_sound):
    extractor = Sums(SOUND if is_sound else PICTURES, stride, window)
    rng = np.random.default_rng(num)
    if is_sound:
        frames = (rng.integers(-9, 9, num) / 8).astype(np.float32)
    else:
        frames = rng.integers(256, size=(num, 2, 3, 3), dtype=np.uint8)
    stream = FeatureStream([extractor])
    for _ in range(2):  # the second video on the same stream
        parts = [stream.push({extractor.rate: piece}) for piece in cut(frames, places)]
        features = np.concatenate([*parts, stream.finish()])
        if num >= window:
            expected = naive_steps(extractor, frames)
        else:
            edge = frames[-1:] if num and not is_sound else np.zeros((1, *frames.shape[1:]), frames.dtype)
            padded = np.concatenate([frames, np.repeat(edge, window - num, axis=0)])
            expected = naive_steps(extractor, padded)
        np.testing.assert_array_equal(features, expected)


@given(first=st.tuples(sizes, sizes), second=st.tuples(st.integers(1, 90), st.integers(1, 90)), places=places)
@settings(max_examples=200, deadline=None)
def test_several_extractors_are_put_on_the_grid_of_the_first(first, second, places):
    rng = np.random.default_rng(sum(second))
    pictures = rng.integers(256, size=(37, 2, 3, 3), dtype=np.uint8)
    sound = (rng.integers(-9, 9, 700) / 8).astype(np.float32)
    seen, heard = Sums(PICTURES, *first), Sums(SOUND, *second)
    stream = FeatureStream([seen, heard, seen])
    assert stream.rates == (PICTURES, SOUND) and stream.channels == 6 and stream.grid == seen.grid
    pieces = zip(cut(pictures, places), cut(sound, places[::-1]), strict=True)
    parts = [stream.push({PICTURES: some, SOUND: more}) for some, more in pieces]
    features = np.concatenate([*parts, stream.finish()])
    alone = extract_frames(seen, pictures)
    other = resample(extract_frames(heard, sound), heard.grid, seen.grid, len(alone), 'linear')
    np.testing.assert_allclose(features, np.concatenate([alone, other, alone], axis=1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    'extractor',
    [FrameGridExtractor(10.0, 6, 8, rows=2, columns=2), LogMelExtractor(2000, 8, 0.02, 0.01, 4, 3, 50, 1000)],
)
def test_weight_free_features_do_not_depend_on_the_cut(extractor):
    rng = np.random.default_rng(0)
    frames = rng.integers(256, size=(90, 6, 8, 3), dtype=np.uint8)
    if isinstance(extractor.rate, SoundRate):
        frames = rng.normal(scale=0.1, size=9000).astype(np.float32)
    whole, stream = extract_frames(extractor, frames), FeatureStream([extractor])
    for size in (1, 7, 64):
        parts = [stream.push({extractor.rate: frames[i : i + size]}) for i in range(0, len(frames), size)]
        np.testing.assert_allclose(np.concatenate([*parts, stream.finish()]), whole, atol=1e-5)


def test_steps_come_as_soon_as_their_window_is_complete():
    stream = FeatureStream([Sums(PICTURES, 2, 3)])
    counts = [len(stream.push({PICTURES: np.zeros((1, 2, 3, 3), np.uint8)})) for _ in range(7)]
    assert counts == [0, 0, 1, 0, 1, 0, 1]


def test_memory_does_not_grow_with_the_length():
    extractor = LogMelExtractor(8000, num_bands=8, frames_per_step=4, step_hops=100, high_hz=4000)

    def peak(seconds):
        waveform = np.zeros(seconds * 8000, np.float32)
        tracemalloc.start()
        extract_frames(extractor, waveform)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak_bytes

    assert peak(600) < 1.2 * peak(100)


def test_other_frames_than_the_declared_are_refused():
    stream = FeatureStream([Sums(PICTURES, 2, 3)])
    for frames in (np.zeros((4, 3, 2, 3), np.uint8), np.zeros((4, 2, 3, 3)), np.zeros(4, np.float32)):
        with pytest.raises(ValueError, match=r'Sums reads uint8 \(n, 2, 3, 3\), got'):
            stream.push({PICTURES: frames})


def test_an_extractor_that_breaks_its_word_is_named():
    class TooFew(Sums):
        def __call__(self, frames):
            return super().__call__(frames)[:-1]

    with pytest.raises(ValueError, match=r'TooFew gave features \(3, 2\) instead of \(4, 2\)'):
        extract_frames(TooFew(SOUND, 1, 1), np.zeros(4, np.float32))


def test_streams_are_built_from_configs():
    frames, sound = dict(type='mmdel.FrameGridExtractor', fps=5.0), dict(type='mmdel.LogMelExtractor', num_bands=16)
    streams = build_streams(dict(visual=frames, audio=[sound, sound]))
    assert (streams['visual'].channels, streams['audio'].channels) == (144, 32)
    assert streams['visual'].grid.fps == 5.0


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='mmdel.Unknown'), "stream 'visual': no extractor is called 'mmdel.Unknown'; .*FrameGridExtractor"),
        (dict(), 'no extractor is called None'),
        (dict(type='antigravity.fly'), 'no extractor is called'),  # nor is it imported
        (dict(type='mmdel.FrameGridExtractor', cells=3), "stream 'visual', FrameGridExtractor: .*'cells'"),
        (dict(type='mmdel.FrameGridExtractor', rows=0), 'FrameGridExtractor: 36 x 48 pixels'),
        ([], 'no extractor'),
        ('frames', "an extractor should be a dict with a type, got 'frames'"),
        ([3], 'got 3'),
        (dict(type='mmdel.FrameGridExtractor', fps='8'), 'FrameGridExtractor: '),
    ],
)
def test_a_wrong_config_is_told_by_its_stream(config, message):
    with pytest.raises(UserInputError, match=message):
        build_streams(dict(visual=config))
    assert 'antigravity' not in sys.modules
