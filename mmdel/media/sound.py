"""Decoded frames of sound as samples of one channel at a steady rate, each at its time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from mmdel.utils.optional import require

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

MAX_PLANES = 7  # PyAV 17 reads planes that are not there from a frame of eight or more
MAX_DRIFT_SEC = 0.05  # how far timestamps may stray from the count of samples, which is the better clock


class SoundTrack:
    """Samples at one rate: sample j is at j / hz, silence where there is no sound."""

    def __init__(self, hz: int) -> None:
        self.hz = hz
        self.num_ready = 0
        self._num_decided = 0
        self._num_to_drop = 0
        self._ready: deque[np.ndarray | int] = deque()  # samples, or how many of silence
        self._resampler: Resampler | None = None
        self._held: tuple[np.ndarray, int, float] | None = None
        # The unbroken sound that is being resampled: its start, its samples so far, and their rate.
        self._segment_sec, self._segment_num, self._segment_hz = 0.0, 0, 1

    def put(self, samples: np.ndarray, hz: int, start_sec: float) -> None:
        """The next samples (n,) at ``hz``, the first of them at ``start_sec``."""
        self._place_held()
        self._held = samples, hz, start_sec

    def _place_held(self) -> None:
        """Puts the samples that came last into their place.

        Until then they are held, since only the end of the file tells how many of its last ones are meant.
        """
        if self._held is None:
            return
        samples, hz, start_sec = self._held
        expected_sec = self._segment_sec + self._segment_num / self._segment_hz
        if self._resampler is None or hz != self._segment_hz or abs(expected_sec - start_sec) > MAX_DRIFT_SEC:
            self._end_segment()
            place = round(start_sec * self.hz)
            self._add_silence(place - self._num_decided)
            self._num_to_drop = max(0, self._num_decided - place)
            self._resampler = Resampler(hz, self.hz)
            self._segment_sec, self._segment_num, self._segment_hz = start_sec, 0, hz
        self._segment_num += len(samples)
        self._add(self._resampler(samples))
        self._held = None

    def finish(self, duration_sec: float) -> None:
        """No sound follows: silence to the end."""
        self._place_held()
        self._end_segment()
        num = round(duration_sec * self.hz)
        self._add_silence(num - self._num_decided)
        self.num_ready -= max(0, self._num_decided - num)

    def _end_segment(self) -> None:
        if self._resampler is not None:
            self._add(self._resampler(None))
        self._resampler = None

    def _add(self, samples: np.ndarray) -> None:
        num_dropped = min(self._num_to_drop, len(samples))
        self._num_to_drop -= num_dropped
        if len(samples) > num_dropped:
            self._append(samples[num_dropped:], len(samples) - num_dropped)

    def _add_silence(self, num: int) -> None:
        if num > 0:
            self._append(num, num)

    def _append(self, samples: np.ndarray | int, num: int) -> None:
        self._ready.append(samples)
        self._num_decided += num
        self.num_ready += num

    def take(self, max_num: int) -> np.ndarray:
        """The next samples, at most ``max_num``: (n,) float32 in [-1, 1]."""
        num = max(0, min(max_num, self.num_ready))
        taken = np.zeros(num, np.float32)
        done = 0
        while done < num:
            part = self._ready.popleft()
            size = part if isinstance(part, int) else len(part)
            now = min(size, num - done)
            if not isinstance(part, int):
                taken[done : done + now] = part[:now]
            done += now
            if now < size:
                self._ready.appendleft(size - now if isinstance(part, int) else part[now:])
        self.num_ready -= num
        return taken


class Resampler:
    """Samples of one channel at another rate, by libswresample; called with None, it gives the rest."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._av = require('av', 'media')
        self.from_hz = from_hz
        same = from_hz == to_hz
        self._resampler = None if same else self._av.AudioResampler(format='fltp', layout='mono', rate=to_hz)

    def __call__(self, samples: np.ndarray | None) -> np.ndarray:
        if self._resampler is None:
            return np.zeros(0, np.float32) if samples is None else samples
        frame = None
        if samples is not None:
            frame = self._av.AudioFrame.from_ndarray(samples[None], format='fltp', layout='mono')
            frame.sample_rate = self.from_hz
        parts = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        return np.concatenate([np.zeros(0, np.float32), *parts]).clip(-1, 1)


def to_mono(frame: AudioFrame) -> np.ndarray:
    """The mean of a frame's channels, (n,) float32 in [-1, 1]."""
    num_channels = frame.layout.nb_channels
    if frame.format.name.startswith('s64') or (frame.format.is_planar and num_channels > MAX_PLANES):
        (frame,) = require('av', 'media').AudioResampler(format='dbl').resample(frame)
    samples: np.ndarray = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, num_channels).T
    mono = samples.mean(axis=0, dtype=np.float64)
    if samples.dtype.kind in 'iu':
        mono /= 2.0 ** (8 * samples.dtype.itemsize - 1)
    if samples.dtype.kind == 'u':
        mono -= 1
    return np.nan_to_num(mono, copy=False).clip(-1, 1).astype(np.float32)
