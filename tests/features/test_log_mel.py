"""Log-mel features: the right band, the right time, and a naive loop as the oracle."""

import numpy as np
import pytest

from mmdel.features import LogMelExtractor, extract_frames
from mmdel.features.log_mel import TYPICAL, hz_to_mel, mel_filter_bank, mel_to_hz

RATE = 8000


def tone(hz, seconds=1.0, amplitude=0.5):
    wave = amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)
    return wave.astype(np.float32)


def raw(features, num_bands):
    """Undo the scaling: log10 energies, and their deviations if there are any."""
    (mean, mean_spread), (deviation, deviation_spread) = TYPICAL['mean'], TYPICAL['deviation']
    return features[:, :num_bands] * mean_spread + mean, features[:, num_bands:] * deviation_spread + deviation


def test_mel_scale_has_its_fixed_point_and_its_inverse():
    assert hz_to_mel(1000.0) == pytest.approx(1000.0, abs=0.1)  # the definition of the scale
    hz = np.array([0.0, 50.0, 440.0, 8000.0])
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, atol=1e-9)


@pytest.mark.parametrize('hz', [200, 440, 1000, 1900, 3000])
def test_a_tone_lands_in_the_band_around_its_frequency(hz):
    features = extract_frames(LogMelExtractor(RATE, num_bands=24, high_hz=4000), tone(hz))
    corners_hz = mel_to_hz(np.linspace(hz_to_mel(50), hz_to_mel(4000), 26))
    band = features.mean(axis=0).argmax()
    assert corners_hz[band] <= hz <= corners_hz[band + 2]


def test_filters_are_averages_and_narrow_bands_are_not_empty():
    bank = mel_filter_bank(128, 256, RATE, 50, 4000)
    np.testing.assert_allclose(bank.sum(axis=0), 1.0)
    assert (bank >= 0).all()
    with pytest.raises(ValueError, match='too many'):
        mel_filter_bank(4000, 64, RATE, 50, 4000)


def naive_frames(waveform, frame, hop, bank):
    """Log energies (N, M) of every whole frame, by a loop over the definition of the Fourier transform."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    logs = []
    for start in range(0, len(waveform) - frame + 1, hop):
        piece = waveform[start : start + frame].astype(np.float64) * hann
        dft = [abs(np.sum(piece * np.exp(-2j * np.pi * f * np.arange(frame) / frame))) for f in range(frame // 2 + 1)]
        logs.append(np.log10(np.square(dft) / (frame / 4) ** 2 @ bank + 1e-7))
    return np.array(logs)


@pytest.mark.parametrize('pool', ['moments', 'stack'])
def test_steps_equal_a_naive_loop(pool):
    arguments = dict(num_bands=8, frame_sec=0.01601, hop_sec=0.00799, frames_per_step=5, step_hops=3, high_hz=4000)
    extractor = LogMelExtractor(RATE, **arguments, pool=pool)
    waveform = np.random.default_rng(0).normal(scale=0.1, size=4321).astype(np.float32)
    features = extract_frames(extractor, waveform)
    logs = naive_frames(waveform, 128, 64, mel_filter_bank(8, 128, RATE, 50, 4000))
    steps = [logs[first : first + 5] for first in range(0, len(logs) - 4, 3)]
    assert features.dtype == np.float32 and features.shape == (len(steps), extractor.channels)
    if pool == 'moments':
        expected = [np.concatenate([step.mean(axis=0), step.std(axis=0)]) for step in steps]
        np.testing.assert_allclose(np.concatenate(raw(features, 8), axis=1), expected, atol=1e-5)
    else:
        value, spread = TYPICAL['frame']
        np.testing.assert_allclose(features * spread + value, [step.ravel() for step in steps], atol=1e-5)
    grid = extractor.grid
    assert (grid.stride, grid.window, grid.fps) == (3 * 64, 128 + 4 * 64, RATE)


def test_one_frame_a_step_has_no_deviation():
    extractor = LogMelExtractor(RATE, num_bands=16)
    assert extract_frames(extractor, tone(500)).shape == (98, 16)  # whole windows of 200 samples, 80 apart


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_bands=0), 'num_bands'),
        (dict(hop_sec=-1.0), 'hop_sec'),
        (dict(low_hz=500.0, high_hz=400.0), 'high_hz 400.0'),
        (dict(hz=100), 'too low'),
        (dict(num_bands=4000, hz=8000), 'too many'),
        (dict(pool='max'), "'max'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LogMelExtractor(**arguments)
