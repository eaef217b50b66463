"""One pass over a media file that gives pictures and sound at any rates, in blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mmdel.media.decoding import Decoder
from mmdel.media.opening import OpenMedia, open_media, probe, reason
from mmdel.media.pictures import PictureTrack
from mmdel.media.rates import PictureRate, SoundRate
from mmdel.media.sound import SoundTrack, to_mono
from mmdel.utils.errors import UserInputError
from mmdel.utils.optional import require

MediaBlock = dict[str, np.ndarray]
TOLERANCE_SEC, TOLERANCE = 0.5, 0.02  # of the duration that a header tells, which is often estimated


class MediaReader:
    """Reads a file once for all rates; each iteration reads it anew.

    Iterate it for blocks: for each name of ``rates`` of which the file has the stream, the next pictures (n, height,
    width, 3) uint8 in RGB, or the next samples (n,) float32 in [-1, 1]. They follow one another without gap or overlap;
    n differs from name to name, and may be 0. Picture i is the one on screen at (i + 0.5) / fps, sample j is at j / hz,
    and together they cover the file from its first moment to its last.

    Args:
        path: The file.
        rates: What is asked for, by names.
        block_sec: The most that a block holds of a name, in seconds.
        num_threads: Of the decoder of pictures; None for as many as there are cores.

    Raises:
        UserInputError: If it is no media file, or none that can be read; with the reason.

    Attributes:
        info: What is known of the file; its duration is what was decoded, once it has been read to its end.
        notes: What was amiss but read all the same; complete once the file has been read to its end.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        rates: Mapping[str, PictureRate | SoundRate],
        block_sec: float = 8.0,
        num_threads: int | None = None,
    ) -> None:
        self.path, self.rates, self.block_sec, self.num_threads = path, dict(rates), block_sec, num_threads
        self.info = probe(path)
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[MediaBlock]:
        """The blocks.

        Raises:
            UserInputError: If nothing of the file can be decoded, or it cannot be read on, or turns out encrypted.
        """
        with open_media(self.path, self.num_threads) as media:
            self.notes = media.notes
            try:
                yield from self._blocks(media)
            except require('av', 'media').FFmpegError as error:
                raise UserInputError(f'The media file {self.path} cannot be read on: {reason(error)}') from error

    def _blocks(self, media: OpenMedia) -> Iterator[MediaBlock]:
        tracks = self._tracks(media)
        sizes = {name: max(1, round(_rate_hz(self.rates[name]) * self.block_sec)) for name in tracks}
        decoder = Decoder(media, any(isinstance(track, PictureTrack) for track in tracks.values()))
        for kind, frame, start_sec in decoder:
            _put(tracks, kind, frame, start_sec)
            while any(track.num_ready >= sizes[name] for name, track in tracks.items()):
                yield {name: track.take(sizes[name]) for name, track in tracks.items()}
        self._conclude(decoder)
        for track in tracks.values():
            track.finish(decoder.end_sec)
        while any(track.num_ready > 0 for track in tracks.values()):
            yield {name: track.take(sizes[name]) for name, track in tracks.items()}

    def _tracks(self, media: OpenMedia) -> dict[str, PictureTrack | SoundTrack]:
        """A track for each rate of which the file has the stream."""
        tracks: dict[str, PictureTrack | SoundTrack] = {}
        for name, rate in self.rates.items():
            if isinstance(rate, PictureRate) and media.picture is not None:
                tracks[name] = PictureTrack(rate, media.pixel_aspect)
            elif isinstance(rate, SoundRate) and media.sound is not None:
                tracks[name] = SoundTrack(rate.hz)
        return tracks

    def _conclude(self, decoder: Decoder) -> None:
        """Notes what was found.

        Raises:
            UserInputError: If nothing was.
        """
        media, told_sec, end_sec = decoder.media, self.info.duration_sec, decoder.end_sec
        self.notes += decoder.notes
        if not end_sec:
            why = '; '.join(self.notes) or 'it holds no frame'
            raise UserInputError(f'Nothing of the media file {self.path} can be decoded: {why}')
        for kind, what in (('picture', 'black pictures'), ('sound', 'silence')):
            wanted = getattr(media, kind) is not None and (kind == 'sound' or decoder.with_pictures)
            if wanted and not decoder.num_frames[kind]:
                self.notes.append(f'nothing of its {kind} can be decoded: {what} instead')
        ends_sec = end_sec, end_sec + float(media.zero_sec)  # headers of Matroska count from zero
        if told_sec is not None and min(abs(told_sec - x) for x in ends_sec) > max(TOLERANCE_SEC, TOLERANCE * end_sec):
            cause = 'it was cut off, or its header is wrong' if told_sec > end_sec else 'its header is wrong'
            self.notes.append(f'it ends at {end_sec:.2f} s, where its header says {told_sec:.2f} s: {cause}')
        elif media.is_cut:
            self.notes.append(f'it was cut off at {end_sec:.2f} s')
        self.info = replace(self.info, duration_sec=end_sec)


def _rate_hz(rate: PictureRate | SoundRate) -> float:
    return rate.fps if isinstance(rate, PictureRate) else rate.hz


def _put(tracks: Mapping[str, PictureTrack | SoundTrack], kind: str, frame: Any, start_sec: float) -> None:
    if kind == 'picture':
        for track in tracks.values():
            if isinstance(track, PictureTrack):
                track.put(frame, start_sec)
        return
    listeners = [track for track in tracks.values() if isinstance(track, SoundTrack)]
    if listeners:
        samples = to_mono(frame)
        for track in listeners:
            track.put(samples, frame.sample_rate, start_sec)
