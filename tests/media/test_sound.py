from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.media.sound import Resampler, SoundTrack, to_mono

av = pytest.importorskip('av')


def filled(track, parts, hz, duration_sec, size=10**9):
    """What a track gives for parts (start_sec, samples), taken in pieces of at most ``size``."""
    pieces = []
    for start_sec, samples in parts:
        track.put(np.asarray(samples, np.float32), hz, start_sec)
        pieces.append(track.take(size))
    track.finish(duration_sec)
    while track.num_ready > 0:
        pieces.append(track.take(size))
    return np.concatenate(pieces)


def test_samples_lie_where_their_times_are_with_silence_between():
    got = filled(SoundTrack(100), [(0.1, [0.1, 0.2]), (0.12, [0.3]), (0.3, [0.4])], 100, 0.4)
    wanted = np.zeros(40, np.float32)
    wanted[[10, 11, 12, 30]] = 0.1, 0.2, 0.3, 0.4
    np.testing.assert_array_equal(got, wanted)


def test_timestamps_that_tremble_leave_the_sound_unbroken():
    rng = np.random.default_rng(0)
    samples = rng.uniform(-1, 1, 4000).astype(np.float32)
    parts = [(k / 100 + rng.uniform(-0.02, 0.02) * (k > 0), samples[k : k + 100]) for k in range(0, 4000, 100)]
    np.testing.assert_array_equal(filled(SoundTrack(100), parts, 100, 40), samples)


def test_what_overlaps_comes_once_and_what_lies_before_zero_or_behind_the_end_is_left_out():
    parts = [(-0.1, np.full(20, 0.1)), (0.04, np.full(10, 0.2)), (0.14, np.full(100, 0.3))]
    got = filled(SoundTrack(100), parts, 100, 0.3)
    # from -0.1 to 0.1, from 0.04 to 0.14, and from 0.14 on
    np.testing.assert_allclose(got, [0.1] * 10 + [0.2] * 4 + [0.3] * 16, atol=1e-6)


def test_nothing_at_all_is_silence():
    track = SoundTrack(8000)
    track.finish(1.5)
    assert not track.take(10**6).any() and track.num_ready == 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 80)), min_size=1, max_size=12),
    st.integers(1, 100),
    st.integers(0, 100),
)
def test_it_is_as_writing_into_an_array(parts, size, rest):
    """Parts of pause and length, the pauses longer than what may be a tremble or none."""
    hz, place, placed = 100, 0, []
    rng = np.random.default_rng(0)
    for pause, num in parts:
        place += pause if pause > 10 else 0
        placed.append((place, rng.uniform(-1, 1, num).astype(np.float32)))
        place += num
    wanted = np.zeros(place + rest, np.float32)
    for start, samples in placed:
        wanted[start : start + len(samples)] = samples
    got = filled(SoundTrack(hz), [(start / hz, samples) for start, samples in placed], hz, len(wanted) / hz, size)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(('from_hz', 'to_hz'), [(8000, 16000), (44100, 16000), (192000, 8000), (16000, 44100)])
def test_resampled_sound_stays_in_its_place_and_as_loud(from_hz, to_hz):
    def tone(hz, seconds=2):
        times = np.arange(seconds * hz) / hz
        return (0.5 * np.sin(2 * np.pi * 440 * times) * np.sin(np.pi * times / seconds)).astype(np.float32)

    samples = tone(from_hz)
    resampler = Resampler(from_hz, to_hz)
    got = np.concatenate([*(resampler(part) for part in np.array_split(samples, 37)), resampler(None)])
    assert abs(len(got) - 2 * to_hz) <= 1
    assert np.abs(got[: 2 * to_hz] - tone(to_hz)[: len(got)]).max() < 2e-3
    whole = Resampler(from_hz, to_hz)
    np.testing.assert_array_equal(np.concatenate([whole(samples), whole(None)]), got)


def test_a_rate_that_changes_is_followed():
    def tone(hz, start_sec):
        return (0.5 * np.sin(2 * np.pi * 50 * (start_sec + np.arange(hz) / hz))).astype(np.float32)

    track = SoundTrack(8000)
    track.put(tone(16000, 0), 16000, 0.0)
    track.put(tone(24000, 1), 24000, 1.0)
    track.finish(2)
    got, wanted = track.take(16000), 0.5 * np.sin(2 * np.pi * 50 * np.arange(16000) / 8000)
    seam = np.abs(np.arange(16000) - 8000) < 20
    assert np.abs(got - wanted)[~seam][20:-20].max() < 2e-3 and np.abs(got - wanted).max() < 0.3


FORMATS = dict(u8=np.uint8, s16=np.int16, s32=np.int32, flt=np.float32, dbl=np.float64)


@pytest.mark.parametrize('layout', ['mono', 'stereo', '5.1', '7.1', 'hexadecagonal'])
@pytest.mark.parametrize('name', [name + suffix for name in FORMATS for suffix in ('', 'p')])
def test_the_mean_of_the_channels_whatever_the_format(name, layout):
    channels, dtype = av.AudioLayout(layout).nb_channels, FORMATS[name.removesuffix('p')]
    values = np.random.default_rng(0).uniform(-1, 1, (channels, 50))
    if dtype == np.uint8:
        stored = np.round(values * 127 + 128)
        values = (stored - 128) / 128
    elif np.issubdtype(dtype, np.integer):
        stored = np.round(values * np.iinfo(dtype).max)
        values = stored / 2.0 ** (8 * np.dtype(dtype).itemsize - 1)
    else:
        stored = values
    packed = np.ascontiguousarray(stored.astype(dtype).T).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, name.removesuffix('p'), layout)
    frame.sample_rate = 8000
    if name.endswith('p'):
        (frame,) = av.AudioResampler(format=name).resample(frame)
        assert frame.format.name == name
    np.testing.assert_allclose(to_mono(frame), values.mean(axis=0), atol=1e-6)


def test_what_is_no_number_or_too_loud_is_no_trouble():
    frame = av.AudioFrame.from_ndarray(np.array([[np.nan, 3, -np.inf, 0.5]], np.float32), 'fltp', 'mono')
    assert to_mono(frame).tolist() == [0, 1, -1, 0.5]
