"""Decoded frames as pictures at a steady rate."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from mmdel.media.frames import to_picture
from mmdel.media.rates import PictureRate

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

SAME_TIME_SEC = 0.0006  # Matroska rounds times to milliseconds


class PictureTrack:
    """Pictures at one rate: picture i is the frame on screen at (i + 0.5) / fps.

    A frame is converted once it is known that a picture shows it, so that frames that no picture shows cost nothing.
    """

    def __init__(self, rate: PictureRate, pixel_aspect: float = 1.0) -> None:
        self.rate, self.pixel_aspect = rate, pixel_aspect
        self.num_ready = 0
        self._start_sec = -math.inf
        self._num_decided = 0
        self._held: VideoFrame | None = None
        self._ready: deque[tuple[np.ndarray, int]] = deque()  # pictures, and how often each is shown

    def put(self, frame: VideoFrame, start_sec: float) -> None:
        """The next frame, which is shown from ``start_sec``; one that is earlier than those before is left out."""
        if start_sec < self._start_sec:
            return
        self._start_sec = start_sec
        if self._held is not None:
            self._show_until(math.ceil((start_sec - SAME_TIME_SEC) * self.rate.fps - 0.5))
        self._held = frame

    def finish(self, duration_sec: float) -> None:
        """No frame follows: the last one is shown to the end."""
        self._show_until(max(1, round(duration_sec * self.rate.fps)))
        self._held = None

    def _show_until(self, end: int) -> None:
        num = end - self._num_decided
        if num > 0:
            if self._held is None:
                picture = np.zeros((self.rate.height, self.rate.width, 3), np.uint8)
            else:
                picture = to_picture(self._held, self.rate, self.pixel_aspect)
            self._ready.append((picture, num))
            self._num_decided, self.num_ready = end, self.num_ready + num

    def take(self, max_num: int) -> np.ndarray:
        """The next pictures, at most ``max_num``: (n, height, width, 3) uint8."""
        num = min(max_num, self.num_ready)
        pictures = np.empty((num, self.rate.height, self.rate.width, 3), np.uint8)
        done = 0
        while done < num:
            picture, times = self._ready.popleft()
            now = min(times, num - done)
            pictures[done : done + now] = picture
            done += now
            if now < times:
                self._ready.appendleft((picture, times - now))
        self.num_ready -= num
        return pictures
