"""Media files for tests: every picture shows its number, and sound clicks at known times."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

CELL = 16  # pixels of one bit of a picture's number
ROWS, COLUMNS = 2, 4
HEIGHT, WIDTH = ROWS * CELL, COLUMNS * CELL


def numbered(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A picture (height, width, 3) of 2 x 4 fields, white where the number's bit is 1."""
    bits = (number >> np.arange(ROWS * COLUMNS)) & 1
    fields = (bits * 219 + 18).astype(np.uint8).reshape(ROWS, COLUMNS)
    return np.repeat(np.kron(fields, np.ones((height // ROWS, width // COLUMNS), np.uint8))[..., None], 3, axis=2)


def numbers(pictures: np.ndarray) -> list[int]:
    """The numbers of pictures (n, h, w, 3) of such fields."""
    num, height, width, _ = pictures.shape
    fields = pictures.mean(axis=3).reshape(num, ROWS, height // ROWS, COLUMNS, width // COLUMNS).mean(axis=(2, 4))
    bits = (fields > 127).reshape(num, -1).astype(int)
    return (bits << np.arange(ROWS * COLUMNS)).sum(axis=1).tolist()


def clicks(times_sec: Sequence[float], duration_sec: float, hz: int) -> np.ndarray:
    """Silence (n,) with a short loud tone from each of the times on."""
    samples = np.zeros(round(duration_sec * hz), np.float32)
    tone = 0.8 * np.sin(2 * np.pi * (hz / 16) * np.arange(round(0.02 * hz)) / hz)
    for time_sec in times_sec:
        start = round(time_sec * hz)
        samples[start : start + len(tone)] = tone[: len(samples) - start]
    return samples


def click_times(samples: np.ndarray, hz: int, level: float = 0.2) -> list[float]:
    """When the clicks of samples (n,) begin, in seconds."""
    loud = np.flatnonzero(np.abs(samples) > level)
    first = loud[np.diff(loud, prepend=-hz) > 0.03 * hz]
    return (first / hz).tolist()


def write_media(
    path: Path,
    times_sec: Sequence[float] = (),
    samples: np.ndarray | None = None,
    hz: int = 16000,
    *,
    pictures: Sequence[np.ndarray] | None = None,
    codec: str = 'libx264',
    pix_fmt: str = 'yuv420p',
    options: dict[str, str] | None = None,
    sound_codec: str = 'aac',
    sound_format: str | None = None,
    layout: str = 'mono',
    sound_start_sec: float | Sequence[tuple[float, int, int]] = 0.0,
    rotation: float | None = None,
    aspect: Fraction | None = None,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
    time_base: Fraction = Fraction(1, 12800),
    rate: int | Fraction = 25,
) -> Path:
    """Writes a file whose picture k shows k and is shown from ``times_sec[k]`` on.

    Args:
        samples: (n,) or (channels, n), at ``hz``.
        sound_start_sec: When they start; or (second, first sample, end sample) for each part of them.
    """
    import av

    with av.open(str(path), 'w', format=container, options=container_options or {}) as out:
        jobs: list[tuple[float, Any, Any]] = []
        streams = []
        if len(times_sec):
            shown = [numbered(k) for k in range(len(times_sec))] if pictures is None else pictures
            stream: Any = out.add_stream(codec, rate=rate, options=options or {})
            stream.height, stream.width, stream.pix_fmt = *shown[0].shape[:2], pix_fmt
            stream.codec_context.time_base = time_base
            if rotation is not None:
                stream.set_display_rotation(rotation)
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            streams.append(stream)
            for time_sec, picture in zip(times_sec, shown, strict=True):
                frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
                frame = frame.reformat(format=pix_fmt, interpolation='AREA')
                frame.pts, frame.time_base = round(time_sec / time_base), time_base
                jobs.append((time_sec, stream, frame))
        if samples is not None:
            stream = out.add_stream(sound_codec, rate=hz, layout=layout)
            if sound_format is not None:
                stream.format = sound_format
            stream.codec_context.open()
            streams.append(stream)
            shape = stream.codec_context.layout.nb_channels, np.shape(samples)[-1]
            jobs += _sound_jobs(stream, np.broadcast_to(samples, shape), hz, sound_start_sec)
        for _, stream, frame in sorted(jobs, key=lambda job: job[0]):
            out.mux(stream.encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))
    return path


def _sound_jobs(stream: Any, samples: np.ndarray, hz: int, start_sec: Any) -> list[tuple[float, Any, Any]]:
    import av

    kind = stream.codec_context.format.name.rstrip('p')  # packed, from which the encoder makes its own
    scale = {'u8': 127, 's16': 32767, 's32': 2**31 - 129, 's64': 2**63 - 2**12}.get(kind, 1)
    dtype = dict(u8=np.uint8, s16=np.int16, s32=np.int32, s64=np.int64, flt=np.float32, dbl=np.float64)[kind]
    values = np.round(samples.astype(np.float64) * scale) if scale > 1 else samples
    values = (values + 128 * (kind == 'u8')).astype(dtype)
    size = stream.codec_context.frame_size or 1024
    parts = [(start_sec, 0, samples.shape[1])] if isinstance(start_sec, float | int) else start_sec
    jobs = []
    for second, first, end in parts:
        for start in range(first, end, size):
            piece = np.ascontiguousarray(values[:, start : min(start + size, end)].T)
            frame = av.AudioFrame(kind, stream.codec_context.layout.name, len(piece))
            frame.planes[0].update(piece)
            time_sec = second + (start - first) / hz
            frame.sample_rate, frame.time_base, frame.pts = hz, Fraction(1, hz), round(time_sec * hz)
            jobs.append((time_sec, stream, frame))
    return jobs
