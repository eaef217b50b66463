"""What a sound looks like."""

from __future__ import annotations

import numpy as np
import pytest

from mmdel.visualization.sound_picture import NUM_BANDS, SOUND_HZ, draw_sound


def tone(hz, seconds, level=1.0):
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * SOUND_HZ)) / SOUND_HZ)).astype(np.float32)


def test_a_tone_is_a_line_and_silence_is_dark():
    sound = np.concatenate([tone(400, 1.0, 0.5), np.zeros(SOUND_HZ, np.float32), tone(2000, 1.0)])
    picture = draw_sound([sound], 3.0, max_columns=1000)
    assert picture.column_sec == 0.02 and picture.peaks.shape == (150, 2) and picture.mel.shape == (150, NUM_BANDS)
    low, silent, high = picture.mel[10:40], picture.mel[60:90], picture.mel[110:140]
    assert not silent.any() and high.max() == 255
    assert set(low.argmax(axis=1)) == {low[0].argmax()} and low[0].argmax() < high[0].argmax()
    assert picture.peaks[10:40, 1] == pytest.approx(64, abs=2)
    assert picture.peaks[110:140, 0] == pytest.approx(-127, abs=2)
    assert not picture.peaks[60:90].any()


def test_blocks_never_change_the_picture():
    rng = np.random.default_rng(0)
    sound = rng.normal(scale=0.2, size=40_123).astype(np.float32)
    whole = draw_sound([sound], 5.0, max_columns=60)
    for sizes in ([1, 7, 160, 20_000], [256, 0, 3000]):
        parts = draw_sound(np.split(sound, np.cumsum(sizes)), 5.0, max_columns=60)
        assert np.array_equal(parts.peaks, whole.peaks) and np.array_equal(parts.mel, whole.mel)


@pytest.mark.parametrize('seconds', [0.0, 0.001, 0.02, 1.99, 30.0])
def test_every_second_has_its_columns(seconds):
    picture = draw_sound([tone(440, seconds)], seconds, max_columns=100)
    assert 1 <= len(picture.mel) <= 100
    assert len(picture.mel) * picture.column_sec >= seconds > (len(picture.mel) - 1) * picture.column_sec or not seconds


def test_all_silent_is_all_dark():
    assert not draw_sound([np.zeros(9000, np.float32)], 1.1, 500).mel.any()
