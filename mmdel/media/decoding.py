"""All frames of a file, each with its time."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mmdel.media.clock import MAX_GAP_SEC, Clock
from mmdel.media.frames import Deinterlacer
from mmdel.media.opening import OpenMedia, reason, require_plain
from mmdel.utils.optional import require

if TYPE_CHECKING:
    from av.packet import Packet

UNTIMED_FORMATS = {'avi'}  # which tell no time of showing, only the order of decoding
DEFAULT_FPS = 25
MAX_DECODER_DELAY = 64  # pictures
MICROSECONDS = 1_000_000
NOTED_GAP_SEC = 1.0
ROUNDING_SEC = 0.0011  # of Matroska's times, and a little


class Decoder:
    """Decodes a file once. Iterate it; the rest is filled on the way.

    Args:
        media: The open file.
        with_pictures: Whether the pictures are wanted; else only their times are read, so that the clock is the same.

    Attributes:
        end_sec: The end of what was decoded so far.
        num_frames: Of what there were frames: ``picture`` and ``sound``.
        notes: What was amiss, complete at the end.
    """

    def __init__(self, media: OpenMedia, with_pictures: bool) -> None:
        self.media, self.with_pictures = media, with_pictures
        self.end_sec = 0.0
        self.num_frames: Counter[str] = Counter()
        self.notes: list[str] = []
        self._clock = Clock(media.zero_sec)
        self._time_bases = {
            name: stream.time_base or Fraction(1)
            for name, stream in (('picture', media.picture), ('sound', media.sound))
            if stream is not None
        }
        self._faults: Counter[str] = Counter()
        self._next_sec = {'picture': 0.0, 'sound': 0.0}  # where a frame without a time goes
        self._ends_sec = {'picture': 0.0, 'sound': 0.0}
        self._gaps: list[str] = []
        self._deinterlace = Deinterlacer()
        rate = media.picture and (media.picture.average_rate or media.picture.guessed_rate)
        self._picture_sec = 1 / float(rate or DEFAULT_FPS)
        self._counted = bool(UNTIMED_FORMATS & {*media.container.format.name.split(',')})
        self._untimed_sec = 0.0  # where a packet of a picture without a time goes
        self._waiting_sec: list[float] = []  # a heap: the times of pictures in the decoder, if they are counted

    def __iter__(self) -> Iterator[tuple[str, Any, float]]:
        """``picture`` or ``sound``, a frame, and when it starts in seconds; in order within each of both."""
        for packet in self._packets():
            kind = 'picture' if packet.stream is self.media.picture else 'sound'
            self._clock.correct(packet)
            if kind == 'picture':
                self._note_time(packet)
            if kind == 'sound' or self.with_pictures:
                yield from self._frames(kind, packet.stream.codec_context, packet)
        if self.media.sound is not None:
            yield from self._frames('sound', self.media.sound.codec_context, None)
        if self.media.picture is not None and self.with_pictures:
            yield from self._frames('picture', self.media.picture.codec_context, None)
            yield from self._deinterlaced(None)
        self._conclude()

    def _conclude(self) -> None:
        for kind in self.num_frames:
            self._note_gap(kind, self.end_sec)
        self.notes += some_of(self._clock.notes) + some_of(self._gaps)
        self.notes += [f'{what}: {num}' for what, num in self._faults.items() if num]

    def _packets(self) -> Iterator[Packet]:
        """The packets of both streams, up to the end or to where nothing can be read any more."""
        errors = require('av', 'media').FFmpegError, OSError, ValueError
        streams = [stream for stream in (self.media.picture, self.media.sound) if stream is not None]
        packets = self.media.container.demux(*streams)
        while True:
            try:
                packet = next(packets, None)
            except errors as error:
                self.notes.append(f'reading stops at {self.end_sec:.2f} s: {reason(error)}')
                return
            except IndexError:  # PyAV, of streams that turn up in the middle of a file, once it is at its end
                return
            if packet is None:
                return
            if packet.size:
                require_plain(packet, self.media.path)
                yield packet

    def _note_time(self, packet: Packet) -> None:
        """Keeps when a picture is shown: for the frame, if it does not say so; for the end, if it is not decoded."""
        self._counted |= packet.pts is None
        ticks = packet.dts if self._counted else packet.pts
        if ticks is None:
            start_sec = self._untimed_sec
            self._faults[f'pictures without a time, taken for {1 / self._picture_sec:g} a second'] += 1
        else:
            start_sec = self._clock.seconds(ticks, packet.time_base)
        self._untimed_sec = start_sec + self._picture_sec
        if not self.with_pictures:
            if not packet.is_discard:
                self._close('picture', start_sec, (packet.duration or 0) * packet.time_base)
        elif self._counted:
            heapq.heappush(self._waiting_sec, start_sec)
            if len(self._waiting_sec) > MAX_DECODER_DELAY:
                heapq.heappop(self._waiting_sec)

    def _frames(self, kind: str, context: Any, packet: Packet | None) -> Iterator[tuple[str, Any, float]]:
        """The frames that a packet completes; the last ones, for None."""
        try:
            frames = context.decode(packet)
        except require('av', 'media').FFmpegError:
            self._faults[f'broken packets of {kind}, skipped'] += 1
            if kind == 'picture' and self._waiting_sec:
                heapq.heappop(self._waiting_sec)
            return
        for frame in frames:
            self.num_frames[kind] += 1
            if kind == 'picture':
                yield from self._picture(frame)
            else:
                yield self._sound(frame)

    def _picture(self, frame: Any) -> Iterator[tuple[str, Any, float]]:
        time_base: Fraction = self._time_bases['picture']
        if self._counted and self._waiting_sec:
            start_sec = heapq.heappop(self._waiting_sec)
        elif frame.pts is None or self._counted:
            start_sec = self._next_sec['picture']
        else:
            start_sec = self._clock.seconds(frame.pts, time_base)
        self._close('picture', start_sec, (frame.duration or 0) * time_base)
        self._faults['damaged pictures'] += frame.is_corrupt
        frame.pts, frame.time_base = round(start_sec * MICROSECONDS), Fraction(1, MICROSECONDS)
        yield from self._deinterlaced(frame)

    def _deinterlaced(self, frame: Any) -> Iterator[tuple[str, Any, float]]:
        pictures: list[Any] = self._deinterlace(frame)
        for picture in pictures:
            yield 'picture', picture, float(picture.pts * picture.time_base)

    def _sound(self, frame: Any) -> tuple[str, Any, float]:
        time_base = self._time_bases['sound']
        start_sec = self._next_sec['sound'] if frame.pts is None else self._clock.seconds(frame.pts, time_base)
        length_sec = frame.samples / frame.sample_rate
        told_sec = float((frame.duration or 0) * time_base)  # shorter where an encoder filled up the last frame
        self._close('sound', start_sec, told_sec if 0 < told_sec < length_sec - ROUNDING_SEC else length_sec)
        self._next_sec['sound'] = start_sec + length_sec
        return 'sound', frame, start_sec

    def _close(self, kind: str, start_sec: float, length_sec: float | Fraction) -> None:
        """Notes where a frame ends."""
        if not 0 < length_sec < MAX_GAP_SEC:
            length_sec = self._picture_sec if kind == 'picture' else 0.0
        self._next_sec[kind] = end_sec = start_sec + float(length_sec)
        if kind in self.num_frames:
            self._note_gap(kind, start_sec)
        self._ends_sec[kind] = max(self._ends_sec[kind], end_sec)
        self.end_sec = max(self.end_sec, end_sec)

    def _note_gap(self, kind: str, next_sec: float) -> None:
        last_sec = self._ends_sec[kind]
        if next_sec - last_sec >= NOTED_GAP_SEC:
            self._gaps.append(f'it has no {kind} from {last_sec:.2f} s to {next_sec:.2f} s')


def some_of(notes: list[str], max_num: int = 3) -> list[str]:
    """The first of many notes, and how many more there are."""
    return notes[:max_num] + [f'and {len(notes) - max_num} more of these' for _ in notes[max_num : max_num + 1]]
