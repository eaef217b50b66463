"""A video with its events drawn in."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mmdel.events.events import Events
from mmdel.media import MediaInfo, MediaReader, PictureRate, SoundRate, VideoWriter, probe
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import cut_suffix, file_name, media_name, visible
from mmdel.visualization.overlay_strip import BACKGROUND, Strip, make_row

MIN_HEIGHT, MIN_WIDTH = 360, 480
UNIT_HEIGHT = 480  # of pictures that are so high, a unit of the strip is a pixel
MAX_FPS, DEFAULT_FPS = 60.0, 25.0
BLOCK_BYTES = 64e6  # of pictures that are held at once
SOUND_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)  # of AAC


def write_overlay(
    video: str | os.PathLike,
    events: Events,
    out: str | os.PathLike,
    truth: Events | None = None,
    score_thr: float = 0.1,
    overwrite: bool = False,
    advance: Callable[[float, float], None] = lambda num_videos, media_sec: None,
) -> list[str]:
    """Writes a video again, at its rate and size, with its events and its sound.

    Below the pictures stand the events that run, a timeline of the seconds around, and one of the whole video. Small
    pictures are enlarged by a whole number. Memory does not grow with the video's length.

    Args:
        video: The video.
        events: Its events, of which those with scores are predictions.
        out: The .mp4 file to write.
        truth: Its true events, which are drawn beside.
        score_thr: Events of a lower score are left out.
        overwrite: Whether ``out`` may be there.
        advance: Told how far it is: the part of the video that was done since the last call, and its seconds.

    Returns:
        What is amiss with the video, see :class:`~mmdel.media.MediaReader`.

    Raises:
        UserInputError: If the video cannot be read or has no pictures, or ``out`` is there or cannot be written.
    """
    if os.path.exists(out) and not overwrite:
        raise UserInputError(f'{out} exists and is left alone; name another file, or say --overwrite')
    info = probe(video)
    if info.picture is None or not (info.picture.width and info.picture.height):
        raise UserInputError(f'The media file {video} has no pictures to draw on')
    if events.scores is not None:
        events = events[~(events.scores < score_thr)]
    rows = [] if truth is None else [make_row('truth', truth, is_truth=True)]
    rows.append(make_row('events' if events.scores is None else f'predicted, score ≥ {score_thr:g}', events, False))
    times = math.ceil(MIN_HEIGHT / info.picture.height)
    height, width = info.picture.height * times, info.picture.width * times
    ends_sec = [info.duration_sec or 0.0, *(row.ends_sec.max(initial=0.0) for row in rows)]
    duration_sec = info.duration_sec or max(ends_sec)
    strip = Strip(max(width, MIN_WIDTH), max(1.0, height / UNIT_HEIGHT), duration_sec, rows)
    reader, fps, hz = _open(video, info)
    with VideoWriter(out, fps, height + strip.height, strip.width, hz) as writer:
        num_pictures = 0
        for block in reader:
            for canvas in _canvases(block['pictures'], times, strip, num_pictures / fps, fps):
                writer.write(canvas[None])
                advance(min(1.0, 1 / (fps * duration_sec)), 1 / fps)
            num_pictures += len(block['pictures'])
            if hz is not None:
                writer.write_sound(block['sound'])
    return reader.notes


def _open(video: str | os.PathLike, info: MediaInfo) -> tuple[MediaReader, float, int | None]:
    """A reader of ``pictures`` and, if there is any, ``sound``, and their rates."""
    assert info.picture is not None
    fps = min(info.picture.fps, MAX_FPS) if info.picture.fps >= 1 else DEFAULT_FPS
    rates: dict[str, PictureRate | SoundRate] = {'pictures': PictureRate(fps, info.picture.height, info.picture.width)}
    hz = None
    if info.sound is not None:
        hz = next((rate for rate in SOUND_HZ if rate <= info.sound.hz), SOUND_HZ[-1])
        rates['sound'] = SoundRate(hz)
    bytes_per_sec = fps * info.picture.height * info.picture.width * 3
    return MediaReader(video, rates, block_sec=min(4.0, BLOCK_BYTES / bytes_per_sec)), fps, hz


def _canvases(pictures: np.ndarray, times: int, strip: Strip, start_sec: float, fps: float) -> Iterator[np.ndarray]:
    """Each picture (h, w, 3), enlarged, in the middle above the strip."""
    for index, picture in enumerate(pictures):
        large = picture.repeat(times, axis=0).repeat(times, axis=1)
        canvas = np.empty((large.shape[0] + strip.height, strip.width, 3), np.uint8)
        canvas[:] = BACKGROUND
        left = (strip.width - large.shape[1]) // 2
        canvas[: large.shape[0], left : left + large.shape[1]] = large
        canvas[large.shape[0] :] = strip.draw(start_sec + (index + 0.5) / fps)
        yield canvas


def events_of_video(events: Events, video: str | os.PathLike, video_id: str | None, file: str) -> Events:
    """The events of one video of a table.

    Args:
        events: The table.
        video: The video's file, whose name tells its id.
        video_id: Its id, if that is another.
        file: What the table was read from, for messages.

    Raises:
        UserInputError: If it is not in the table; a table of one video is about this one.
    """
    ids = events.video_ids
    if video_id is None:
        stem = file_name(media_name(os.fspath(video)))
        matching = [name for name in ids if file_name(cut_suffix(name)) == stem] or list(
            ids[:1] if len(ids) == 1 else ()
        )
    else:
        matching = [name for name in ids if name == video_id]
    if not matching:
        wanted = Path(video).name if video_id is None else video_id
        some = ', '.join(map(visible, ids[:3])) or 'none'
        raise UserInputError(
            f'{file} has no video {wanted}, but {len(ids)} others ({some} …); choose one by --video-id'
        )
    return events.select({matching[0]})
