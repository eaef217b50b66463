"""One pass over a media file that gives pictures and sound at any rates, in blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from mmdel.media.opening import OpenMedia, open_media, probe
from mmdel.media.pictures import PictureTrack
from mmdel.media.rates import PictureRate, SoundRate
from mmdel.media.sound import SoundTrack, to_mono
from mmdel.utils.errors import UserInputError
from mmdel.utils.optional import require

MediaBlock = dict[str, np.ndarray]


class MediaReader:
    """Reads a file once for all rates; each iteration reads it anew.

    Attributes:
        info: What is known of the file; its duration is what was decoded, once it has been read to its end.
        notes: What was amiss but read all the same; complete once the file has been read to its end.
    """

    def __init__(
        self, path: str | os.PathLike, rates: Mapping[str, PictureRate | SoundRate], block_sec: float = 8.0
    ) -> None:
        self.path, self.rates, self.block_sec = path, dict(rates), block_sec
        self.info = probe(path)
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[MediaBlock]:
        with open_media(self.path) as media:
            self.notes = media.notes
            tracks: dict[str, PictureTrack | SoundTrack] = {}
            sizes: dict[str, int] = {}
            for name, rate in self.rates.items():
                if isinstance(rate, PictureRate) and media.picture is not None:
                    tracks[name] = PictureTrack(rate)
                    sizes[name] = max(1, round(rate.fps * self.block_sec))
                elif isinstance(rate, SoundRate) and media.sound is not None:
                    tracks[name] = SoundTrack(rate.hz)
                    sizes[name] = max(1, round(rate.hz * self.block_sec))
            duration_sec = 0.0
            for end_sec in self._decode(media, tracks):
                duration_sec = max(duration_sec, end_sec)
                while any(track.num_ready >= sizes[name] for name, track in tracks.items()):
                    yield {name: track.take(sizes[name]) for name, track in tracks.items()}
            self.info = replace(self.info, duration_sec=duration_sec)
            for track in tracks.values():
                track.finish(duration_sec)
            while any(track.num_ready > 0 for track in tracks.values()):
                yield {name: track.take(sizes[name]) for name, track in tracks.items()}

    def _decode(self, media: OpenMedia, tracks: Mapping[str, PictureTrack | SoundTrack]) -> Iterator[float]:
        """Decodes everything into the tracks; yields the end of what was decoded, in seconds, after each packet."""
        av = require('av', 'media')
        zero = float(media.zero_sec)
        last = {'picture': 0.0, 'sound': 0.0}
        num_broken, num_frames = 0, 0
        streams = [stream for stream in (media.picture, media.sound) if stream is not None]
        for packet in media.container.demux(*streams):
            kind = 'picture' if packet.stream is media.picture else 'sound'
            try:
                frames = packet.decode()
            except av.FFmpegError:
                num_broken += 1
                continue
            for frame in frames:
                pts = frame.pts if frame.pts is not None else frame.dts
                start = last[kind] if pts is None else float(pts * packet.stream.time_base) - zero
                num_frames += 1
                if kind == 'picture':
                    length = float((frame.duration or 0) * packet.stream.time_base)
                    length = length or 1 / float(packet.stream.average_rate or 25)
                    for track in tracks.values():
                        if isinstance(track, PictureTrack):
                            track.put(frame, start)
                else:
                    length = frame.samples / frame.sample_rate
                    told = float((frame.duration or 0) * packet.stream.time_base)
                    length = min(length, told) if told and length - told > 0.0011 else length
                    samples = to_mono(frame)
                    for track in tracks.values():
                        if isinstance(track, SoundTrack):
                            track.put(samples, frame.sample_rate, start)
                last[kind] = start + length
            yield max(last.values())
        if num_broken:
            self.notes.append(f'{num_broken} broken packets were skipped')
        if not num_frames:
            raise UserInputError(f'Nothing of the media file {self.path} could be decoded')
