"""A report: one HTML file with all videos, their events on a timeline, a player and the sound. It needs no network."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
from base64 import b64encode
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mmdel.events import Events
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import why_unopened, written_whole
from mmdel.utils.log import warn
from mmdel.utils.names import visible
from mmdel.utils.optional import require
from mmdel.utils.progress import show_progress
from mmdel.visualization.report_data import report_content
from mmdel.visualization.sound_picture import SOUND_HZ, draw_sound

ASSETS = resources.files('mmdel.visualization') / 'report_assets'
STYLES = 'uPlot.min.css', 'report.css'
SCRIPTS = (
    'uPlot.iife.min.js',
    'model.js',
    'page.js',
    'bars.js',
    'gestures.js',
    'timeline.js',
    'video.js',
    'index.js',
    'main.js',
)
# Of a picture of the sound: sharp for one video, and a few ten megabytes for thousands.
MAX_COLUMNS, MIN_COLUMNS, ALL_COLUMNS = 2000, 200, 500_000
UNKNOWN_SEC = 600.0  # of a file that does not tell its length, for the width of a column
AUDIO_SUFFIXES = {'.aac', '.aif', '.aiff', '.flac', '.m4a', '.mp3', '.oga', '.ogg', '.opus', '.wav', '.wma'}


def write_report(
    path: str | os.PathLike,
    events: Events,
    truth: Events | None = None,
    media: Mapping[str, str | Path] | None = None,
    title: str = '',
    score_thr: float = 0.1,
    tiou: float = 0.5,
    overwrite: bool = False,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write a report of predictions, whole or not at all.

    The media stay where they are: the report has their paths, relative to its own folder, and a picture of their sound.
    A video whose file is missing, damaged or without sound is shown all the same, and the report says so.

    Args:
        path: The file, named .html.
        events: Predictions with scores, or events alone.
        truth: The true events, by which hits, misses and false alarms are told apart.
        media: Video id → its file.
        title: Shown above; default: the file's name.
        score_thr: The score from which on predictions are shown at first.
        tiou: The tIoU from which on a prediction is a hit at first.
        overwrite: Whether a file that is there may be replaced.
        provenance: What is known of the model, by name.

    Returns:
        The path.

    Raises:
        UserInputError: If the file is there or cannot be written, ``tiou`` is not in (0, 1], or there is truth but the
            events have no scores.
    """
    path = Path(path)
    if os.path.lexists(path) and not overwrite:
        raise UserInputError(f'{path} exists and is left alone; name another file, or say --overwrite')
    if truth is not None and len(events) and events.scores is None:
        raise UserInputError('the events have no scores, so they are no predictions: compare no truth with them')
    if not 0 < tiou <= 1:
        raise UserInputError(f'the tIoU of a report must be in (0, 1], got {tiou:g}')
    content = report_content(events, truth, title or path.stem, score_thr, tiou, provenance or {})
    sounds = _add_media(content['videos'], media or {}, path.parent)
    with written_whole(path) as file:
        file.write(render(content, sounds))
    return path


def render(content: dict[str, Any], sounds: Mapping[int, dict[str, Any]]) -> str:
    """The page.

    All that comes from data stands in blocks of JSON, where no ``<`` is left, and the scripts that run are named by
    their digests: a text in the data can neither end its block nor be run.

    Args:
        content: Of :func:`~mmdel.visualization.report_data.report_content`.
        sounds: Place of a video → the picture of its sound.
    """
    styles = [_asset(name) for name in STYLES]
    scripts = [_asset(name) for name in SCRIPTS]
    blocks = [f'<script type="application/json" id="content">{_json(content)}</script>']
    blocks += [
        f'<script type="application/json" id="sound-{place}">{_json(sound)}</script>' for place, sound in sounds.items()
    ]
    policy = {
        'default-src': ["'none'"],
        'script-src': map(_digest, scripts),
        'style-src': map(_digest, styles),
        'media-src': ["'self'", 'file:', 'blob:'],
        'base-uri': ["'none'"],
        'form-action': ["'none'"],
    }
    parts = dict(
        policy='; '.join(f'{name} {" ".join(sources)}' for name, sources in policy.items()),
        title=html.escape(visible(content['title'])),
        styles='\n'.join(f'<style>{style}</style>' for style in styles),
        scripts='\n'.join(f'<script>{script}</script>' for script in scripts),
        data='\n'.join(blocks),
        licence=html.escape(_asset('uPlot.LICENSE.txt')),
    )
    return re.sub(r'\{\{(\w+)\}\}', lambda match: parts[match[1]], _asset('report.html'))


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding='utf-8')


def _digest(text: str) -> str:
    """How a content security policy names an inline script or style."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(content: Any) -> str:
    """JSON in ASCII that no HTML parser takes for anything else."""
    text = json.dumps(content, separators=(',', ':'))
    return text.replace('&', r'\u0026').replace('<', r'\u003c').replace('>', r'\u003e')


def _add_media(
    videos: list[dict[str, Any]], media: Mapping[str, str | Path], folder: Path
) -> dict[int, dict[str, Any]]:
    """Add to each video its ``media`` and what is amiss with it, ``note``; the pictures of the sounds by video."""
    wanted = [(place, Path(media[video['id']])) for place, video in enumerate(videos) if video['id'] in media]
    max_columns = min(MAX_COLUMNS, max(MIN_COLUMNS, ALL_COLUMNS // max(len(wanted), 1)))
    if not wanted:
        return {}
    for place, file in wanted:
        videos[place] |= dict(media=_address(file, folder), audio_only=file.suffix.lower() in AUDIO_SUFFIXES)
    try:
        require('av', 'media')
    except UserInputError as error:
        warn(f'the report has no sounds: {error}')
        return {}
    sounds = {}
    for place, file in show_progress(wanted, len(wanted), 'sounds'):
        video = videos[place]
        try:
            sound = _read_sound(file, video, max_columns)
        except UserInputError as error:
            video['note'] = str(error)
            warn(f'video {visible(video["id"])}: {error}')
        else:
            if sound is not None:
                sounds[place] = sound
    return sounds


def _address(file: Path, folder: Path) -> str:
    """The address of a file for a page in a folder: relative, so that both may be moved together."""
    try:
        relative = os.path.relpath(file, folder)
    except ValueError:  # on another drive
        return file.resolve().as_uri()
    return quote(os.fsencode(relative.replace(os.sep, '/')))


def _read_sound(file: Path, video: dict[str, Any], max_columns: int) -> dict[str, Any] | None:
    """The picture of a file's sound, for JSON; None if it has none. The video's length is added where it lacks.

    Raises:
        UserInputError: If the file is not there, or cannot be read.
    """
    from mmdel.media import MediaReader, SoundRate

    if reason := why_unopened(file):
        raise UserInputError(f'{file}: {reason}')
    reader = MediaReader(file, {'sound': SoundRate(SOUND_HZ)})
    if reader.info.sound is None:
        video |= dict(note='The file has no sound.', duration=video['duration'] or reader.info.duration_sec)
        return None
    about_sec = reader.info.duration_sec or UNKNOWN_SEC
    sound = draw_sound((block['sound'] for block in reader), about_sec, max_columns)
    video['duration'] = video['duration'] or reader.info.duration_sec  # known at the latest when all is read
    if reader.notes:
        video['note'] = '; '.join(reader.notes)
    columns = dict(peaks=sound.peaks, mel=sound.mel)
    texts = {name: b64encode(values.tobytes()).decode() for name, values in columns.items()}
    return dict(column_sec=sound.column_sec, bands=sound.mel.shape[1], **texts)
