"""A media file again with other sound: the pictures are copied as they are, not decoded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from mmdel.media.opening import OpenMedia, open_media, reason
from mmdel.media.writer import SOUND_BITS_PER_SEC
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import written_whole
from mmdel.utils.optional import require


def replace_sound(path: str | os.PathLike, sound: Iterable[np.ndarray], hz: int, out: str | os.PathLike) -> None:
    """Writes the pictures of one file and the sound that is given to an .mkv file, which appears whole or not at all.

    Matroska holds pictures of any codec. Both keep the clock of the first file.

    Args:
        path: The file of the pictures; it may have none.
        sound: The samples in blocks (n,) in [-1, 1], from the clock's zero on.
        hz: Samples a second.
        out: The file to write.

    Raises:
        UserInputError: If the first file cannot be read, or the second not be written.
    """
    av = require('av', 'media')
    with (
        open_media(path, num_threads=1) as media,
        written_whole(out, 'wb') as file,
        av.open(file, 'w', format='matroska') as container,
    ):
        track: Any = container.add_stream('aac', rate=hz, layout='mono')
        track.bit_rate = SOUND_BITS_PER_SEC
        packets, num_samples = _pictures(media, container), 0
        next_packet = next(packets, None)
        for samples in sound:
            frame = av.AudioFrame.from_ndarray(np.asarray(samples, np.float32)[None], format='fltp', layout='mono')
            frame.sample_rate, frame.pts, frame.time_base = hz, num_samples, Fraction(1, hz)
            num_samples += len(samples)
            container.mux(track.encode(frame))
            while next_packet is not None and next_packet.dts * next_packet.time_base * hz < num_samples:
                container.mux_one(next_packet)
                next_packet = next(packets, None)
        while next_packet is not None:
            container.mux_one(next_packet)
            next_packet = next(packets, None)
        container.mux(track.encode(None))


def _pictures(media: OpenMedia, container: Any) -> Iterator[Any]:
    """The packets of the pictures, on the clock and for a stream of the container."""
    if (source := media.picture) is None:
        return
    stream = container.add_stream_from_template(source)
    for packet in _readable(media, source):
        if packet.dts is not None:  # None marks the end
            zero = round(media.zero_sec / packet.time_base)
            packet.dts -= zero
            packet.pts = None if packet.pts is None else packet.pts - zero
            packet.stream = stream
            yield packet


def _readable(media: OpenMedia, source: Any) -> Iterator[Any]:
    """The packets of a stream.

    Raises:
        UserInputError: If the file is damaged.
    """
    try:
        yield from media.container.demux(source)
    except require('av', 'media').FFmpegError as error:
        raise UserInputError(f'The media file {media.path} is damaged: {reason(error)}') from error
