"""Log-mel features of sound: no weights, numpy only.

S samples, N frames (Hann windows of ``frame_sec``), K frames pooled into one step, T steps, M mel bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from mmdel.structures import FeatureGrid

# A band's energy is 1 for a full-scale tone that fills it. The floor, 70 dB below, hides the noise of quantisation.
ENERGY_FLOOR = 1e-7
# Typical value and spread of each statistic; a network learns several times faster from features of about unit scale.
TYPICAL = {'mean': (-4.5, 0.6), 'deviation': (0.25, 0.15)}
CHUNK_FRAMES = 8192


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


@dataclass(frozen=True)
class LogMel:
    """Mono waveform → log-mel energies, pooled into feature steps.

    A frame is ``frame_sec`` of sound under a Hann window; of its M band energies (1 = a full-scale tone) the ``log10``
    is taken. A step pools ``frames_per_step`` frames (its context) and starts ``step_hops`` hops after the step before;
    it holds, for each band, the frames' mean and, if it pools more than one frame, their standard deviation, each less
    its typical value and divided by its typical spread (``TYPICAL``): C = 2M (or M).

    Memory beyond the waveform and the result does not grow with the length of the sound.

    Args:
        num_bands: M.
        frame_sec: Length of the Hann window, in seconds.
        hop_sec: From one frame to the next, in seconds. Rounded, as ``frame_sec``, to whole samples.
        frames_per_step: K, the frames one step pools.
        step_hops: The hops from one step to the next.
        low_hz: Lower edge of the lowest band.
        high_hz: Upper edge of the highest band; half of the sample rate if that is lower.

    Raises:
        ValueError: If an argument is not positive, or ``high_hz`` is not above ``low_hz``.
    """

    num_bands: int = 64
    frame_sec: float = 0.025
    hop_sec: float = 0.010
    frames_per_step: int = 1
    step_hops: int = 1
    low_hz: float = 50.0
    high_hz: float = 8000.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f'LogMel: {name} must be positive, got {value!r}')
        if self.high_hz <= self.low_hz:
            raise ValueError(f'LogMel: high_hz {self.high_hz} must be above low_hz {self.low_hz}')

    @property
    def num_channels(self) -> int:
        """C."""
        return self.num_bands * (2 if self.frames_per_step > 1 else 1)

    def grid(self, sample_rate: float) -> FeatureGrid:
        """The time grid of the features of sound at ``sample_rate``, counted in samples."""
        frame, hop = self._frame_and_hop(sample_rate)
        return FeatureGrid(self.step_hops * hop, frame + (self.frames_per_step - 1) * hop, sample_rate)

    def __call__(self, waveform: np.ndarray, sample_rate: float) -> tuple[np.ndarray, FeatureGrid]:
        """Features of one sound.

        Args:
            waveform: ``(S,)`` samples, floats in [-1, 1] or integers (which are divided by their type's range). Sound
                shorter than one step is padded with silence to one step.
            sample_rate: Samples per second.

        Returns:
            ``(T, C)`` float32 features and their grid.

        Raises:
            ValueError: If the waveform is not one-dimensional or is empty, or if the sample rate is too low.
        """
        waveform = np.asarray(waveform)
        if waveform.ndim != 1 or waveform.size == 0:
            raise ValueError(f'LogMel wants a mono waveform of shape (S,), S > 0, got shape {waveform.shape}')
        if sample_rate < 4 * self.low_hz:
            raise ValueError(f'LogMel: {sample_rate} Hz is too low a rate for bands that start at {self.low_hz} Hz')
        grid = self.grid(sample_rate)
        frame, hop = self._frame_and_hop(sample_rate)
        stride, window, fft_size = int(grid.stride), int(grid.window), 1 << (frame - 1).bit_length()
        bank = mel_filter_bank(self.num_bands, fft_size, sample_rate, self.low_hz, min(self.high_hz, sample_rate / 2))
        hann = np.hanning(frame + 1)[:-1]
        full_scale = np.float64(np.iinfo(waveform.dtype).max if np.issubdtype(waveform.dtype, np.integer) else 1)
        if len(waveform) < window:
            waveform = np.pad(waveform, (0, window - len(waveform)))
        num_steps = (len(waveform) - window) // stride + 1
        features = np.empty((num_steps, self.num_channels), np.float32)
        chunk_steps = max(1, CHUNK_FRAMES // self.step_hops)
        for first in range(0, num_steps, chunk_steps):
            last = min(first + chunk_steps, num_steps)
            samples = waveform[first * stride : (last - 1) * stride + window] / full_scale
            windows = sliding_window_view(samples, frame)[::hop]
            # |FFT|² / (Σ hann / 2)²: a full-scale tone on a bin has energy 1 there.
            energy = np.abs(np.fft.rfft(windows * hann, fft_size)) ** 2 / (hann.sum() / 2) ** 2
            features[first:last] = self._pool(np.log10(energy @ bank + ENERGY_FLOOR))
        return features, grid

    def _frame_and_hop(self, sample_rate: float) -> tuple[int, int]:
        return max(2, round(self.frame_sec * sample_rate)), max(1, round(self.hop_sec * sample_rate))

    def _pool(self, frames: np.ndarray) -> np.ndarray:
        """Log energies ``(N, M)`` of every whole frame → steps ``(T, C)``."""
        steps = sliding_window_view(frames, self.frames_per_step, axis=0)[:: self.step_hops]
        pooled = [steps.mean(axis=-1), steps.std(axis=-1)] if self.frames_per_step > 1 else [steps[..., 0]]
        scaled = [(x - value) / spread for x, (value, spread) in zip(pooled, TYPICAL.values(), strict=False)]
        return np.concatenate(scaled, axis=-1)
