"""Log-mel features of sound: no weights, numpy only.

S samples, N frames (Hann windows of ``frame_sec``), K frames a step, T steps, M mel bands.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from mmdel.features.extractor import Extractor, register_extractor
from mmdel.media import SoundRate

# A band's energy is 1 for a full-scale tone that fills it. The floor, 70 dB below, hides the noise of quantisation.
ENERGY_FLOOR = 1e-7
# Typical value and spread of each statistic; a network learns several times faster from features of about unit scale.
TYPICAL = {'mean': (-4.5, 0.6), 'deviation': (0.25, 0.15), 'frame': (-5.5, 1.0)}


def hz_to_mel(frequencies_hz: ArrayLike) -> np.ndarray:
    """Frequency in Hz → mel, ``2595 log10(1 + f / 700)`` (O'Shaughnessy, Speech Communication, 1987)."""
    return 2595.0 * np.log10(1.0 + np.asarray(frequencies_hz) / 700.0)


def mel_to_hz(mels: ArrayLike) -> np.ndarray:
    """The inverse of :func:`hz_to_mel`."""
    return 700.0 * (10.0 ** (np.asarray(mels) / 2595.0) - 1.0)


def mel_filter_bank(num_bands: int, fft_size: int, sample_rate: float, low_hz: float, high_hz: float) -> np.ndarray:
    """Triangular filters, their corners equally spaced in mel between ``low_hz`` and ``high_hz``.

    Each filter is averaged over the width of an FFT bin and sums to 1, so that a band narrower than a bin is not empty
    and a band's energy is the weighted mean energy of its bins.

    Returns:
        ``(fft_size // 2 + 1, num_bands)`` float64 weights, each column summing to 1.

    Raises:
        ValueError: If a band is so narrow that it is still empty.
    """
    corners_hz = mel_to_hz(np.linspace(hz_to_mel(low_hz), hz_to_mel(high_hz), num_bands + 2))
    bin_hz = sample_rate / fft_size
    # 16 sub-bins per bin stand for the mean over the bin's width.
    offsets = (np.arange(16) + 0.5) / 16 - 0.5
    frequencies_hz = (np.arange(fft_size // 2 + 1)[:, None] + offsets).ravel()[:, None] * bin_hz
    low, centre, high = corners_hz[:-2], corners_hz[1:-1], corners_hz[2:]
    rising = (frequencies_hz - low) / (centre - low)
    falling = (high - frequencies_hz) / (high - centre)
    weights = np.clip(np.minimum(rising, falling), 0.0, None).reshape(-1, 16, num_bands).mean(axis=1)
    totals = weights.sum(axis=0)
    if not totals.all():
        raise ValueError(f'{num_bands} mel bands from {low_hz} to {high_hz} Hz are too many for bins of {bin_hz} Hz')
    return weights / totals


@register_extractor
class LogMelExtractor(Extractor):
    """Sound → log-mel energies, pooled or stacked into feature steps.

    A frame is ``frame_sec`` of sound under a Hann window; of its M band energies (1 = a full-scale tone) the ``log10``
    is taken. A step sees ``frames_per_step`` frames (its context) and starts ``step_hops`` hops after the step before.
    With ``pool='moments'`` it holds, for each band, the frames' mean and, if there is more than one frame, their
    standard deviation: C = 2M (or M). With ``pool='stack'`` it holds the frames themselves, one after another: C = KM.
    Each is less its typical value and divided by its typical spread (``TYPICAL``).

    Args:
        hz: Samples a second.
        num_bands: M.
        frame_sec: Length of the Hann window, in seconds.
        hop_sec: From one frame to the next, in seconds. Rounded, as ``frame_sec``, to whole samples.
        frames_per_step: K, the frames that one step sees.
        step_hops: The hops from one step to the next.
        low_hz: Lower edge of the lowest band.
        high_hz: Upper edge of the highest band; half of ``hz`` if that is lower.
        pool: What a step holds of its frames.

    Raises:
        ValueError: If an argument is not positive, ``high_hz`` is not above ``low_hz``, or ``hz`` is too low for
            ``low_hz``.
    """

    def __init__(
        self,
        hz: int = 16000,
        num_bands: int = 64,
        frame_sec: float = 0.025,
        hop_sec: float = 0.010,
        frames_per_step: int = 1,
        step_hops: int = 1,
        low_hz: float = 50.0,
        high_hz: float = 8000.0,
        pool: Literal['moments', 'stack'] = 'moments',
    ) -> None:
        positive = dict(hz=hz, num_bands=num_bands, frame_sec=frame_sec, hop_sec=hop_sec, low_hz=low_hz)
        for name, value in dict(positive, frames_per_step=frames_per_step, step_hops=step_hops).items():
            if not value > 0:
                raise ValueError(f'{name} must be positive, got {value!r}')
        if high_hz <= low_hz:
            raise ValueError(f'high_hz {high_hz} must be above low_hz {low_hz}')
        if hz < 4 * low_hz:
            raise ValueError(f'{hz} Hz is too low a rate for bands that start at {low_hz} Hz')
        if pool not in ('moments', 'stack'):
            raise ValueError(f"pool must be 'moments' or 'stack', got {pool!r}")
        frame, self.hop = max(2, round(frame_sec * hz)), max(1, round(hop_sec * hz))
        self.frames_per_step, self.step_hops, self.pool = frames_per_step, step_hops, pool
        self.fft_size = 1 << (frame - 1).bit_length()
        self.bank = mel_filter_bank(num_bands, self.fft_size, hz, low_hz, min(high_hz, hz / 2))
        self.hann = np.hanning(frame + 1)[:-1]
        per_band = frames_per_step if pool == 'stack' else min(2, frames_per_step)
        window = frame + (frames_per_step - 1) * self.hop
        super().__init__(SoundRate(hz), step_hops * self.hop, window, per_band * num_bands)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Samples ``(S,)`` → steps ``(T, C)``, see :class:`~mmdel.features.Extractor`."""
        windows = sliding_window_view(frames, len(self.hann))[:: self.hop]
        # |FFT|² / (Σ hann / 2)²: a full-scale tone on a bin has energy 1 there.
        energy = np.abs(np.fft.rfft(windows * self.hann, self.fft_size)) ** 2 / (self.hann.sum() / 2) ** 2
        return self._steps(np.log10(energy @ self.bank + ENERGY_FLOOR)).astype(np.float32)

    def _steps(self, logs: np.ndarray) -> np.ndarray:
        """Log energies ``(N, M)`` of every whole frame → steps ``(T, C)``."""
        steps = sliding_window_view(logs, self.frames_per_step, axis=0)[:: self.step_hops]  # (T, M, K)
        if self.pool == 'stack':
            value, spread = TYPICAL['frame']
            return (steps.transpose(0, 2, 1).reshape(len(steps), -1) - value) / spread
        pooled = [('mean', steps.mean(axis=-1))]
        pooled += [('deviation', steps.std(axis=-1))] if self.frames_per_step > 1 else []
        return np.concatenate([(x - TYPICAL[name][0]) / TYPICAL[name][1] for name, x in pooled], axis=-1)
