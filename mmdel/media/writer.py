"""Writing pictures and sound to an .mp4 file."""

from __future__ import annotations

import os
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from mmdel.media.frames import SCALER
from mmdel.utils.files import written_whole
from mmdel.utils.optional import require

SOUND_BITS_PER_SEC = 128_000
PRESET = 'veryfast'  # x264's own default takes several times as long and makes files little smaller
BT601 = 6  # AVCOL_SPC_SMPTE170M of libavutil/pixfmt.h
MAX_DENOMINATOR = 1001  # as in 30000/1001 pictures a second


class VideoWriter:
    """Writes H.264 (yuv420p) and AAC to an .mp4 file, which appears whole when the ``with`` block ends, or not at all.

    Pictures and sound may come in blocks of any length, about as they follow one another in time.

    Args:
        path: The file. What was there before is replaced.
        fps: Pictures a second.
        height: Of the pictures, in pixels; of an odd one the last row comes twice.
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
        with ExitStack() as stack:
            file = stack.enter_context(written_whole(self.path, 'wb'))
            self._container = stack.enter_context(self._av.open(file, 'w', format='mp4'))
            self._add_streams()
            self._stack = stack.pop_all()
        return self

    def _add_streams(self) -> None:
        rate = Fraction(self.fps).limit_denominator(MAX_DENOMINATOR)
        pictures: Any = self._container.add_stream(
            'libx264', rate=rate, options={'crf': str(self.crf), 'preset': PRESET}
        )
        pictures.height, pictures.width = self.height + self.height % 2, self.width + self.width % 2
        pictures.pix_fmt, pictures.codec_context.colorspace = 'yuv420p', BT601
        self._pictures: Any = pictures
        self._sound: Any = None
        if self.hz is not None:
            self._sound = self._container.add_stream('aac', rate=self.hz, layout='mono')
            self._sound.bit_rate = SOUND_BITS_PER_SEC

    def write(self, pictures: np.ndarray) -> None:
        """The next pictures: (n, height, width, 3) uint8, RGB."""
        for picture in pictures:
            if self.height % 2 or self.width % 2:
                picture = np.pad(picture, ((0, self.height % 2), (0, self.width % 2), (0, 0)), 'edge')
            frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format='rgb24')
            frame = frame.reformat(format='yuv420p', interpolation=SCALER, dst_colorspace='ITU601', threads=1)
            frame.pts, frame.time_base = self._num_pictures, 1 / self._pictures.codec_context.framerate
            self._num_pictures += 1
            self._container.mux(self._pictures.encode(frame))

    def write_sound(self, samples: np.ndarray) -> None:
        """The next samples: (n,) in [-1, 1]."""
        if len(samples):
            one_channel = np.ascontiguousarray(samples, dtype=np.float32)[None]
            frame = self._av.AudioFrame.from_ndarray(one_channel, format='fltp', layout='mono')
            frame.sample_rate, frame.pts, frame.time_base = self.hz, self._num_samples, Fraction(1, self.hz)
            self._num_samples += len(samples)
            self._container.mux(self._sound.encode(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._stack as stack:
            if error is None:
                for stream in (self._pictures, self._sound):
                    if stream is not None:
                        self._container.mux(stream.encode(None))
            else:  # so that what was written is thrown away
                stack.__exit__(kind, error, traceback)
