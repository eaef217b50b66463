"""Opening a media file: which streams of it are read, what is known of them before they are decoded, what is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mmdel.utils.errors import UserInputError
from mmdel.utils.files import HEAD_BYTES, kind_of_content, require_regular_file
from mmdel.utils.optional import require

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

MAX_PIXELS = 8192 * 8192  # of a picture; 8K television has half of it
MANY_PIXELS = 4096 * 2304  # of which each thread of a decoder would hold several pictures
MAX_SEC = 366 * 86400  # longer than this no file lasts, whatever its header says
PACKETS_TO_FIRST_PICTURE = 300
NOT_MEDIA = {'image2', 'tty', 'concat', 'hls', 'dash', 'imf', 'lavfi', 'ffmetadata', 'data', 'sdp', 'bin', 'xbin'}
TEXT_HEADS = (b'#EXTM3U', b'ffconcat', b';FFMETADATA', b'v=0')
PROTECTED_TAGS = {'encv', 'enca', 'drmi', 'drms', 'drmt', 'p608'}


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
        container: PyAV's container.
        picture: The stream of pictures, if there is one that can be decoded.
        sound: The stream of sound, if there is one that can be decoded.
        zero_sec: The clock's zero in the file's own time: where its first stream starts.
        notes: What of the file is left aside.
    """

    container: InputContainer
    picture: VideoStream | None
    sound: AudioStream | None
    zero_sec: Fraction
    notes: list[str] = field(default_factory=list)


@contextmanager
def open_media(path: str | os.PathLike) -> Iterator[OpenMedia]:
    """Opens a file.

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
        # Metadata may be no UTF-8, and is not read.
        container = av.open(os.path.abspath(path), options=options, metadata_errors='replace')
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UserInputError(f'Cannot read the media file {path}: {_reason(error)}') from error
    with container:
        yield _choose_streams(path, container)


def _reason(error: Exception) -> str:
    return (getattr(error, 'strerror', None) or str(error)).rstrip('.')


def _choose_streams(path: str | os.PathLike, container: InputContainer) -> OpenMedia:
    names = container.format.name.split(',')
    if NOT_MEDIA & {*names} or any(name.endswith('_pipe') for name in names):
        raise UserInputError(f'The media file {path} is neither video nor sound, but {container.format.long_name}')
    notes: list[str] = []
    covers = [s for s in container.streams.video if s.disposition & type(s.disposition).attached_pic]
    streams: dict[str, Any] = {}
    for kind, all_streams in (
        ('picture', [s for s in container.streams.video if s not in covers]),
        ('sound', [*container.streams.audio]),
    ):
        best = container.streams.best('video' if kind == 'picture' else 'audio')
        usable = [s for s in all_streams if s.codec_context is not None]
        streams[kind] = best if best in usable else next(iter(usable), None)
        if all_streams and not usable:
            notes.append(f'its {kind} cannot be decoded and is left aside: no decoder knows it')
        for stream in all_streams:
            if stream.codec_context is not None and stream.codec_context.codec_tag in PROTECTED_TAGS:
                raise UserInputError(f'The media file {path} is encrypted')
    picture, sound = streams['picture'], streams['sound']
    if picture is None and sound is None:
        reason = notes[0] if notes else 'a cover picture alone' if covers else 'neither pictures nor sound'
        raise UserInputError(f'The media file {path} holds nothing that can be read: {reason}')
    if picture is not None:
        _prepare_pictures(path, picture)
    starts = [s.start_time * s.time_base for s in (picture, sound) if s is not None and s.start_time is not None]
    return OpenMedia(container, picture, sound, min(starts, default=Fraction(0)), notes)


def _prepare_pictures(path: str | os.PathLike, stream: VideoStream) -> None:
    context = stream.codec_context
    num_pixels = context.width * context.height
    if num_pixels > MAX_PIXELS:
        size = f'{context.width} x {context.height}'
        raise UserInputError(f'The pictures of the media file {path} are too large: {size}, over {MAX_PIXELS} pixels')
    context.thread_type = 'AUTO' if num_pixels <= MANY_PIXELS else 'SLICE'


def probe(path: str | os.PathLike) -> MediaInfo:
    """What is known of a media file without decoding it.

    Raises:
        UserInputError: If it is no media file, or none that can be read; with the reason.
    """
    with open_media(path) as media:
        return describe(path, media)


def describe(path: str | os.PathLike, media: OpenMedia) -> MediaInfo:
    """What is known of an open file; its first picture is decoded, which alone tells how it is turned."""
    container, picture, sound = media.container, media.picture, media.sound
    duration_sec = container.duration / 1e6 if container.duration and container.duration > 0 else None
    if duration_sec is not None and duration_sec > MAX_SEC:
        duration_sec = None
    sound_info = None
    if sound is not None:
        sound_info = SoundInfo(sound.codec_context.sample_rate, sound.codec_context.channels, sound.codec_context.name)
    return MediaInfo(str(path), duration_sec, None if picture is None else _describe_pictures(media), sound_info)


def _describe_pictures(media: OpenMedia) -> PictureInfo:
    assert media.picture is not None
    context = media.picture.codec_context
    height, width = context.height, context.width
    fps = media.picture.average_rate or media.picture.guessed_rate or 0
    return PictureInfo(width, height, float(fps), context.name)
