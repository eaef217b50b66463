"""Opening a media file: which streams of it are read, what is known of them, what is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

from mmdel.media.frames import shown_size
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import HEAD_BYTES, kind_of_content, require_regular_file
from mmdel.utils.optional import require

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_PIXELS = 8192 * 8192  # of a picture; 8K television has half of it
MANY_PIXELS = 4096 * 2304  # of which each thread of a decoder would hold several pictures
MAX_SOUND_HZ = 1_000_000  # samples a second: no sound has more, and resampling takes as long as a file says it has
MAX_SEC = 366 * 86400  # longer than this no file lasts, whatever its header says
MAX_PACKETS_TO_PICTURE = 300
MAX_BOXES = 1000
TRANSPORT_PACKETS = (188, 192, 204)  # bytes of an MPEG transport stream's packet
NOT_MEDIA = {'tty', 'concat', 'hls', 'dash', 'imf', 'lavfi', 'ffmetadata', 'data', 'sdp', 'bin', 'xbin'}
TEXT_HEADS = (b'#EXTM3U', b'ffconcat', b';FFMETADATA', b'v=0', b'<MPD')
PROTECTED_TAGS = {'encv', 'enca', 'drmi', 'drms', 'drmt'}
ENCRYPTED = 'The media file {} is encrypted'


@dataclass(frozen=True)
class PictureInfo:
    """What is known of a file's pictures.

    Attributes:
        width: In pixels, as shown: after the rotation that the file asks for, with square pixels.
        height: As shown.
        fps: Pictures a second, their mean where it varies; 0 if nothing tells it.
        codec: Its name, ``h264``.
    """

    width: int
    height: int
    fps: float
    codec: str


@dataclass(frozen=True)
class SoundInfo:
    """What is known of a file's sound.

    Attributes:
        hz: Samples a second.
        channels: Their number.
        codec: Its name, ``aac``.
    """

    hz: int
    channels: int
    codec: str


@dataclass(frozen=True)
class MediaInfo:
    """What is known of a file.

    Attributes:
        path: The file.
        duration_sec: Its length; before it is decoded, the word of its header, None where that has none.
        picture: Of the stream of pictures that is read; None if there is none.
        sound: Of the stream of sound that is read; None if there is none.
    """

    path: str
    duration_sec: float | None
    picture: PictureInfo | None
    sound: SoundInfo | None


@dataclass
class OpenMedia:
    """An open file and the streams of it that are read.

    Attributes:
        path: The file.
        container: PyAV's container.
        picture: The stream of pictures, if there is one that can be decoded.
        sound: The stream of sound, if there is one that can be decoded.
        zero_sec: The clock's zero in the file's own time: where its first stream starts.
        is_cut: Whether the file ends too early, as its size tells.
        notes: What of the file is left aside.
    """

    path: str | os.PathLike
    container: InputContainer
    picture: VideoStream | None
    sound: AudioStream | None
    zero_sec: Fraction
    is_cut: bool
    notes: list[str]

    @property
    def pixel_aspect(self) -> float:
        """Width of a pixel by its height; 1 where the file does not tell it or cannot mean it."""
        aspect = self.picture and self.picture.sample_aspect_ratio
        return float(aspect) if aspect and 1 / 8 < aspect < 8 else 1.0


@contextmanager
def open_media(path: str | os.PathLike, num_threads: int | None = None) -> Iterator[OpenMedia]:
    """Opens a file.

    Args:
        path: The file.
        num_threads: Of the decoder of pictures; None for as many as there are cores.

    Raises:
        UserInputError: If it is no media file, or none that can be read; with the reason.
    """
    av = require('av', 'media')
    require_regular_file(path, 'media file')
    with open(path, 'rb') as file:
        head = file.read(HEAD_BYTES)
    if (kind := kind_of_content(head)) or head.startswith(TEXT_HEADS):
        raise UserInputError(f'The media file {path} is {kind or "a text that names other files"}')
    options = {'protocol_whitelist': 'file', 'max_pixels': str(MAX_PIXELS)}
    try:
        container = av.open(f'file:{os.fspath(path)}', options=options, metadata_errors='replace')
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UserInputError(f'Cannot read the media file {path}: {_why_unopened(path, head, error)}') from error
    with container:
        media = _choose_streams(path, container, _is_cut(head, container))
        if media.picture is not None:
            _prepare_pictures(media, media.picture, num_threads)
        yield media


def _why_unopened(path: str | os.PathLike, head: bytes, error: Exception) -> str:
    if head[4:8] == b'ftyp' and b'moov' not in _boxes(path):
        return 'its index (moov) is missing or incomplete: it was cut off, or its recording never ended'
    kinds = {'InvalidDataError': 'it is no media, or damaged', 'EOFError': 'it ends within its header'}
    return kinds.get(type(error).__name__, reason(error))


def _boxes(path: str | os.PathLike) -> set[bytes]:
    """The kinds of the outermost boxes of an .mp4 file, of those that are complete: ISO/IEC 14496-12, 4.2."""
    kinds: set[bytes] = set()
    place = 0
    with open(path, 'rb') as file:
        while len(kinds) < MAX_BOXES and len(header := file.read(16)) >= 8:
            size = int.from_bytes(header[:4], 'big')
            place += int.from_bytes(header[8:16], 'big') if size == 1 else size
            if size == 0 or place > os.path.getsize(path):
                break
            kinds.add(header[4:8])
            file.seek(place)
    return kinds


def _is_cut(head: bytes, container: InputContainer) -> bool:
    """Whether a file is shorter than its head says, or ends within a packet where all are of one size."""
    if head[:4] == b'RIFF':  # .wav, .avi
        told = int.from_bytes(head[4:8], 'little')
        return 0 < told < 2**32 - 1 and container.size < told + 8
    return container.format.name == 'mpegts' and all(container.size % size for size in TRANSPORT_PACKETS)


def reason(error: Exception) -> str:
    """Why PyAV or the system cannot do something."""
    return (getattr(error, 'strerror', None) or str(error)).rstrip('.')


def _choose_streams(path: str | os.PathLike, container: InputContainer, is_cut: bool) -> OpenMedia:
    names = {*container.format.name.split(',')}
    if 'image2' in names or any(name.endswith('_pipe') for name in names):
        raise UserInputError(f'The media file {path} is an image, neither video nor sound')
    if NOT_MEDIA & names:
        raise UserInputError(f'The media file {path} is neither video nor sound, but {container.format.long_name}')
    notes: list[str] = []
    covers = [s for s in container.streams.video if s.disposition & type(s.disposition).attached_pic]
    pictures = [s for s in container.streams.video if s not in covers]
    picture = _choose(container.streams.best('video'), pictures, 'pictures', notes)
    sound = _choose(container.streams.best('audio'), container.streams.audio, 'sound', notes)
    chosen = [stream for stream in (picture, sound) if stream is not None]
    if any(stream.codec_context.codec_tag in PROTECTED_TAGS for stream in chosen):
        raise UserInputError(ENCRYPTED.format(path))
    if not chosen:
        found = '; '.join(notes) or ('a cover picture alone' if covers else 'neither pictures nor sound')
        raise UserInputError(f'The media file {path} holds nothing that can be read: {found}')
    if sound is not None and sound.sample_rate > MAX_SOUND_HZ:
        told = f'has sound of {sound.sample_rate} samples a second, expected at most {MAX_SOUND_HZ}'
        raise UserInputError(f'The media file {path} {told}')
    starts = [stream.start_time * stream.time_base for stream in chosen if stream.start_time is not None]
    return OpenMedia(path, container, picture, sound, min(starts, default=Fraction(0)), is_cut, notes)


def _choose(best: Any, streams: Sequence[Any], what: str, notes: list[str]) -> Any:
    """The best stream of a kind, of those that can be decoded; None, and a note, if all lack a decoder."""
    usable = [stream for stream in streams if stream.codec_context is not None]
    if streams and not usable:
        notes.append(f'there is no decoder for its {what}')
    return best if best in usable else next(iter(usable), None)


def _prepare_pictures(media: OpenMedia, stream: VideoStream, num_threads: int | None) -> None:
    context = stream.codec_context
    if not context.width:
        media.notes.append(f'the size of its pictures is not told, or is over {MAX_PIXELS} pixels')
    context.options = {'max_pixels': str(MAX_PIXELS)}  # for pictures that are larger than the header says
    context.thread_type = 'AUTO' if context.width * context.height <= MANY_PIXELS else 'SLICE'
    context.thread_count = num_threads or 0


def require_plain(packet: Packet, path: str | os.PathLike) -> None:
    """Stops at a packet that is encrypted.

    Raises:
        UserInputError: If it is.
    """
    if packet.has_sidedata('encryption_info'):
        raise UserInputError(ENCRYPTED.format(path))


def probe(path: str | os.PathLike) -> MediaInfo:
    """What is known of a media file; only its first picture is decoded, which alone tells how it is turned.

    Raises:
        UserInputError: If it is no media file, or none that can be read; with the reason.
    """
    with open_media(path, num_threads=1) as media:
        duration = media.container.duration or 0  # microseconds
        duration_sec = duration / 1e6 if 0 < duration < MAX_SEC * 1e6 else None
        sound = media.sound and media.sound.codec_context
        return MediaInfo(
            str(path),
            duration_sec,
            None if media.picture is None else _describe_pictures(media, media.picture),
            None if sound is None else SoundInfo(sound.sample_rate, sound.channels, str(sound.name)),
        )


def _describe_pictures(media: OpenMedia, stream: VideoStream) -> PictureInfo:
    context = stream.codec_context
    frame = _first_picture(media)
    height, width = (context.height, context.width) if frame is None else shown_size(frame, media.pixel_aspect)
    fps = stream.average_rate or stream.guessed_rate or 0
    return PictureInfo(round(width), round(height), float(fps), context.name)


def _first_picture(media: OpenMedia) -> VideoFrame | None:
    assert media.picture is not None
    av = require('av', 'media')
    streams = [stream for stream in (media.picture, media.sound) if stream is not None]
    try:
        for packet in islice(media.container.demux(*streams), MAX_PACKETS_TO_PICTURE):
            require_plain(packet, media.path)
            if packet.stream is media.picture:
                with suppress(av.FFmpegError):
                    for frame in media.picture.decode(packet):
                        return frame
    except UserInputError:
        raise
    except (av.FFmpegError, OSError, ValueError, IndexError):
        pass  # which is told when the file is read
    return None
