"""The sound of a video as a picture of a few kilobytes: its waveform and its log-mel energies.

S samples, T columns of the picture, M mel bands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mmdel.features.log_mel import TYPICAL, LogMelExtractor

SOUND_HZ, HOP_SEC, NUM_BANDS = 8000, 0.02, 32
# The loudest band of a picture is its brightest, unless all is so quiet; 40 dB below it is darkness.
MIN_TOP_DECADES, RANGE_DECADES = -3.0, 4.0


@dataclass(frozen=True)
class SoundPicture:
    """What a sound looks like.

    Attributes:
        column_sec: Seconds from one column to the next; the first begins at 0.
        peaks: (T, 2) int8, the lowest and the highest sample of a column, 127 for full scale.
        mel: (T, M) uint8, the mean level of a column, low bands first; 255 for the loudest.
    """

    column_sec: float
    peaks: np.ndarray
    mel: np.ndarray


def draw_sound(blocks: Iterable[np.ndarray], duration_sec: float, max_columns: int) -> SoundPicture:
    """Draw a sound that comes in blocks, in memory that does not grow with its length.

    Args:
        blocks: Samples (S_i,) in [-1, 1] at :data:`SOUND_HZ`, one after the other.
        duration_sec: About how long they are together: it decides how much sound makes a column.
        max_columns: About how many columns there are at most; never more than 50 a second.
    """
    hops = max(1, math.ceil(duration_sec / HOP_SEC / max_columns))
    log_mel = LogMelExtractor(
        SOUND_HZ, NUM_BANDS, frame_sec=0.032, hop_sec=HOP_SEC, frames_per_step=hops, step_hops=hops
    )
    stride, window = log_mel.stride, log_mel.window
    rest, peaks, mels = np.zeros(0, np.float32), [], []

    def draw(samples: np.ndarray) -> int:
        """Draw the columns that are whole; how many samples they take."""
        mel = log_mel(samples[: (len(samples) - window) // stride * stride + window])
        columns = samples[: len(mel) * stride].reshape(len(mel), stride)
        peaks.append(np.stack([columns.min(axis=1), columns.max(axis=1)], axis=1))
        mels.append(mel[:, :NUM_BANDS])  # the means; the deviations come after them
        return len(mel) * stride

    for block in blocks:
        rest = np.concatenate([rest, block])
        if len(rest) >= window:
            rest = rest[draw(rest) :]
    num_left = math.ceil(len(rest) / stride)
    if num_left or not mels:
        draw(np.pad(rest, (0, (max(num_left, 1) - 1) * stride + window - len(rest))))
    mel, peak = np.concatenate(mels), np.concatenate(peaks)
    value, spread = TYPICAL['mean']
    decades = mel * spread + value
    level = 1 + (decades - max(decades.max(), MIN_TOP_DECADES)) / RANGE_DECADES
    return SoundPicture(
        stride / SOUND_HZ,
        np.clip(np.round(127 * peak), -127, 127).astype(np.int8),
        np.round(255 * level.clip(0, 1)).astype(np.uint8),
    )
