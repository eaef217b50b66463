"""Log-mel features: the right band, the right time, and a naive loop as the oracle."""

import tracemalloc

import numpy as np
import pytest

from mmdel.features import audio
from mmdel.features.audio import TYPICAL, LogMel, hz_to_mel, mel_filter_bank, mel_to_hz

RATE = 8000


def tone(hz, seconds=1.0, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)


def raw(features, num_bands):
    """Undo the scaling: log10 energies, and their deviations if there are any."""
    (mean, mean_spread), (deviation, deviation_spread) = TYPICAL.values()
    return features[:, :num_bands] * mean_spread + mean, features[:, num_bands:] * deviation_spread + deviation


def test_mel_scale_has_its_fixed_point_and_its_inverse():
    assert hz_to_mel(1000.0) == pytest.approx(1000.0, abs=0.1)  # the definition of the scale
    hz = np.array([0.0, 50.0, 440.0, 8000.0])
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, atol=1e-9)


@pytest.mark.parametrize('hz', [200, 440, 1000, 1900, 3000])
def test_a_tone_lands_in_the_band_around_its_frequency(hz):
    extract = LogMel(num_bands=24, high_hz=4000)
    features, _ = extract(tone(hz), RATE)
    corners_hz = mel_to_hz(np.linspace(hz_to_mel(50), hz_to_mel(4000), 26))
    band = features.mean(axis=0).argmax()
    assert corners_hz[band] <= hz <= corners_hz[band + 2]


def test_filters_are_averages_and_narrow_bands_are_not_empty():
    bank = mel_filter_bank(128, 256, RATE, 50, 4000)
    np.testing.assert_allclose(bank.sum(axis=0), 1.0)
    assert (bank >= 0).all()
    with pytest.raises(ValueError, match='too many'):
        mel_filter_bank(4000, 64, RATE, 50, 4000)


def test_steps_equal_a_naive_loop(monkeypatch):
    monkeypatch.setattr(audio, 'CHUNK_FRAMES', 7)  # many chunks
    extract = LogMel(num_bands=8, frame_sec=0.01601, hop_sec=0.00799, frames_per_step=5, step_hops=3, high_hz=4000)
    waveform = np.random.default_rng(0).normal(scale=0.1, size=4321)
    features, grid = extract(waveform, RATE)
    frame, hop = 128, 64
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    bank = mel_filter_bank(8, 128, RATE, 50, 4000)
    expected = []
    start = 0
    while start + frame + 4 * hop <= len(waveform):
        logs = []
        for k in range(5):
            piece = waveform[start + k * hop : start + k * hop + frame] * hann
            dft = [abs(np.sum(piece * np.exp(-2j * np.pi * f * np.arange(frame) / frame))) for f in range(65)]
            logs.append(np.log10(np.square(dft) / (frame / 4) ** 2 @ bank + 1e-7))
        expected.append(np.concatenate([np.mean(logs, axis=0), np.std(logs, axis=0)]))
        start += 3 * hop
    assert features.dtype == np.float32 and features.shape == (len(expected), extract.num_channels)
    np.testing.assert_allclose(np.concatenate(raw(features, 8), axis=1), expected, atol=1e-5)
    assert (grid.stride, grid.window, grid.fps) == (3 * hop, frame + 4 * hop, RATE)


def test_integers_are_scaled_to_the_range_of_floats():
    extract = LogMel(num_bands=16, high_hz=4000)
    waveform = tone(700)
    as_int16 = np.round(waveform * 32767).astype(np.int16)
    np.testing.assert_allclose(extract(as_int16, RATE)[0], extract(waveform, RATE)[0], atol=0.2)


def test_sound_shorter_than_a_step_gives_one_step():
    features, _ = LogMel(num_bands=16, frames_per_step=8)(tone(500, seconds=0.004), RATE)
    assert features.shape == (1, 32) and np.isfinite(features).all()


def test_memory_does_not_grow_with_the_length_of_the_sound():
    extract = LogMel(num_bands=8, frames_per_step=4, step_hops=100, high_hz=4000)

    def peak(seconds):
        waveform = np.zeros(seconds * RATE, np.float32)
        tracemalloc.start()
        extract(waveform, RATE)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak_bytes - waveform.nbytes

    # Either is many chunks of frames (8192 hops of 10 ms).
    assert peak(600) < 1.3 * peak(200)


@pytest.mark.parametrize(
    ('waveform', 'rate', 'message'),
    [
        (np.zeros((2, 100)), RATE, r'\(2, 100\)'),
        (np.zeros(0), RATE, r'S > 0'),
        (np.zeros(100), 100, 'too low'),
    ],
)
def test_wrong_sound_is_refused(waveform, rate, message):
    with pytest.raises(ValueError, match=message):
        LogMel()(waveform, rate)


@pytest.mark.parametrize('arguments', [dict(num_bands=0), dict(hop_sec=-1.0), dict(low_hz=500.0, high_hz=400.0)])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match='LogMel'):
        LogMel(**arguments)
