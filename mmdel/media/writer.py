"""Writing pictures and sound to an .mp4 file."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from mmdel.utils.errors import UserInputError
from mmdel.utils.optional import require

SOUND_BITS_PER_SEC = 128_000


class VideoWriter:
    """Writes H.264 (yuv420p) and AAC to an .mp4 file, which appears whole when the ``with`` block ends, or not at all.

    Args:
        path: The file. What was there before is replaced.
        fps: Pictures a second.
        height: Of the pictures, in pixels; an odd one is padded with black.
        width: Likewise.
        hz: Samples of sound a second; None for no sound.
        crf: x264's constant rate factor: 0 is lossless, 18 hardly told from the original, 51 the worst.

    Raises:
        UserInputError: If the file cannot be written.
    """

    def __init__(
        self, path: str | os.PathLike, fps: float, height: int, width: int, hz: int | None = None, crf: int = 18
    ) -> None:
        self.path, self.fps, self.height, self.width, self.hz, self.crf = Path(path), fps, height, width, hz, crf
        self._av = require('av', 'media')
        self._num_pictures, self._num_samples = 0, 0

    def __enter__(self) -> VideoWriter:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, self._temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f'.{self.path.name}.')
            os.close(handle)
        except OSError as error:
            raise UserInputError(f'Cannot write to {self.path}: {error.strerror}') from error
        self._container = self._av.open(self._temporary, 'w', format='mp4')
        rate = Fraction(self.fps).limit_denominator(1001)
        self._pictures: Any = self._container.add_stream('libx264', rate=rate, options={'crf': str(self.crf)})
        self._pictures.height, self._pictures.width = self.height + self.height % 2, self.width + self.width % 2
        self._pictures.pix_fmt = 'yuv420p'
        self._sound: Any = None
        if self.hz is not None:
            self._sound = self._container.add_stream('aac', rate=self.hz, layout='mono')
            self._sound.bit_rate = SOUND_BITS_PER_SEC
        return self

    def write(self, pictures: np.ndarray) -> None:
        """The next pictures: (n, height, width, 3) uint8, RGB."""
        for picture in pictures:
            padded = np.pad(picture, ((0, self.height % 2), (0, self.width % 2), (0, 0)))
            frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), format='rgb24')
            frame.pts = self._num_pictures
            self._num_pictures += 1
            self._container.mux(self._pictures.encode(frame))

    def write_sound(self, samples: np.ndarray) -> None:
        """The next samples: (n,) in [-1, 1]."""
        if len(samples):
            one_channel = np.ascontiguousarray(samples, dtype=np.float32)[None]
            frame = self._av.AudioFrame.from_ndarray(one_channel, format='fltp', layout='mono')
            frame.sample_rate, frame.pts = self.hz, self._num_samples
            self._num_samples += len(samples)
            self._container.mux(self._sound.encode(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                for stream in (self._pictures, self._sound):
                    if stream is not None:
                        self._container.mux(stream.encode(None))
            self._container.close()
            if error is None:
                os.chmod(self._temporary, 0o644)
                os.replace(self._temporary, self.path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(self._temporary)
