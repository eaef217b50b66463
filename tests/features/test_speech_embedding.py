"""The speech embedding: as its package streams it."""

import numpy as np
import pytest

from mmdel.features import FeatureStream, SpeechEmbeddingExtractor, extract_frames
from mmdel.features.speech_embedding import TYPICAL

package = pytest.importorskip('pyopen_wakeword')


@pytest.fixture(scope='module')
def waveform():
    """Noise of very different loudness, so that what is cut off 80 dB below the loudest matters."""
    rng = np.random.default_rng(0)
    loudness = np.repeat([0.3, 0.0, 0.001, 0.1, 0.00001, 0.2], 8000)
    return np.round(rng.normal(size=48000).clip(-3, 3) * loudness * 32767).clip(-32768, 32767).astype(np.int16)


def test_steps_are_what_the_package_gives_of_sound_as_it_comes_in(waveform):
    reference = package.OpenWakeWordFeatures.from_builtin()
    chunks = [waveform[first : first + 1280] for first in range(0, len(waveform), 1280)]
    streamed = [emb.reshape(96) for chunk in chunks for emb in reference.process_streaming(chunk.tobytes())]
    got = extract_frames(SpeechEmbeddingExtractor(), waveform.astype(np.float32) / 32768)
    got = got * TYPICAL[1] + TYPICAL[0]
    assert got.shape == (28, 96)
    # Before them it gives some of the silence that it assumes.
    places = [first for first in range(len(streamed)) if np.allclose(streamed[first], got[0], atol=1e-2)]
    assert len(places) == 1
    expected = streamed[places[0] :]
    assert 26 <= len(expected) <= 28
    np.testing.assert_allclose(got[: len(expected)], expected, atol=1e-2)


def test_how_sound_is_cut_changes_nothing(waveform):
    extractor = SpeechEmbeddingExtractor()
    samples = waveform.astype(np.float32) / 32768
    whole, stream = extract_frames(extractor, samples), FeatureStream([extractor])
    for size in (1000, 16000):
        parts = [stream.push({extractor.rate: samples[i : i + size]}) for i in range(0, len(samples), size)]
        np.testing.assert_allclose(np.concatenate([*parts, stream.finish()]), whole, atol=1e-4)


def test_a_step_hears_its_window_alone(waveform):
    extractor = SpeechEmbeddingExtractor()
    samples = waveform.astype(np.float32) / 32768
    changed = samples.copy()
    changed[20000:] = 0
    before, after = extract_frames(extractor, samples), extract_frames(extractor, changed)
    same = np.abs(before - after).max(axis=1) < 1e-4
    untouched = np.arange(len(same)) * extractor.stride + extractor.window <= 20000
    assert same[untouched].all() and not same[~untouched][1:].any()
