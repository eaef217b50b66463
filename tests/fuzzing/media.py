"""Media files, bundles and the files beside features and detections, changed: what they hold, or a refusal."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tiny_bundle import EXTRACTORS, make_bundle, write_media

from fuzzing.files import change
from fuzzing.mutate import mutate, mutate_json, pick
from mmdel.features import build_streams
from mmdel.features.sidecar import STREAMS_FILE, VIDEOS_FILE, describe_streams, read_stored_videos, stored_durations
from mmdel.inference.bundle import Bundle
from mmdel.inference.feature_folder import read_streams
from mmdel.inference.journal import FOLDER, Journal
from mmdel.media import MediaReader, PictureRate, SoundRate, probe
from mmdel.runtime.bundle_rules import DESCRIPTION_FILE
from mmdel.runtime.reading import Input
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

RATES_HZ = dict(visual=8, audio=8000)
MAX_MEDIA_SEC = 60.0  # a file of a few kilobytes may say that it is longer; reading stops there
RECORD = dict(
    video_id='a',
    path='a.mp4',
    file=[1, 2],
    duration_sec=9.5,
    seconds=0.1,
    error=None,
    notes=['cut'],
    model='0' * 64,
    events=[dict(start_sec=0.5, end_sec=1.5, label='bark', score=0.5)],
)


def _files() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The files of a bundle by their names, and media files by their suffix."""
    with tempfile.TemporaryDirectory() as name:
        folder = make_bundle().save(Path(name, 'bundle'))
        bundle = {path.name: path.read_bytes() for path in folder.iterdir()}
        (video,) = write_media(Path(name), dict(a=1.0))
        return bundle, {'.mp4': video.read_bytes(), '.wav': _wave()}


def _wave() -> bytes:
    samples = np.random.default_rng(0).integers(-9000, 9000, 4000).astype('<i2').tobytes()
    header = b'WAVEfmt ' + np.array([16, 0x10001, 8000, 16000, 0x100002], '<u4').tobytes()
    data = header + b'data' + np.uint32(len(samples)).tobytes() + samples
    return b'RIFF' + np.uint32(len(data)).tobytes() + data


BUNDLE, MEDIA = _files()
STREAMS = json.dumps(describe_streams(build_streams(EXTRACTORS))).encode()
VIDEOS = json.dumps(dict(a=dict(path='a.mp4', duration_sec=9.5), b=dict(path='b.mp4', duration_sec=3))).encode()


def read_bundle(rng: np.random.Generator, folder: Path) -> str:
    """Opens a bundle of which one file is changed: weights that its own checksum does not tell of are none."""
    target = pick(rng, [*BUNDLE, DESCRIPTION_FILE])
    for name, content in BUNDLE.items():
        (folder / name).write_bytes(_changed(rng, content) if name == target else content)
    return _tried(lambda: Bundle.load(folder), folder)


def read_sidecars(rng: np.random.Generator, folder: Path) -> str:
    """Reads what stands beside features: the streams' grids are grids, durations are finite."""
    content = {STREAMS_FILE: STREAMS, VIDEOS_FILE: VIDEOS}
    target = pick(rng, [*content])
    for name, text in content.items():
        (folder / name).write_bytes(_changed(rng, text) if name == target else text)

    def read() -> None:
        for stream in read_streams(folder).values():
            FeatureGrid(*(stream[key] for key in ('stride', 'window', 'fps')))
            assert stream['channels'] > 0
        read_stored_videos(folder)
        assert all(0 < duration < np.inf for duration in stored_durations(folder).values())

    return _tried(read, folder)


def read_journal(rng: np.random.Generator, folder: Path) -> str:
    """Reads what was written down of detections."""
    path = folder / FOLDER / 'a.json'
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_changed(rng, json.dumps(RECORD).encode()))
    journal = Journal(folder, dict(model=RECORD['model']))

    def read() -> None:
        for detection in journal.read():
            events = detection.events
            assert all(np.isfinite(x).all() for x in (events.start_sec, events.end_sec, events.scores))
        journal.finished(Input('a', 'a.mp4'))

    return _tried(read, path)


def read_media(rng: np.random.Generator, folder: Path) -> str:
    """Reads a changed media file: pictures and sound of the size that is asked for, one clock."""
    suffix = pick(rng, [*MEDIA])
    path = folder / f'a{suffix}'
    path.write_bytes(change(rng, MEDIA[suffix]))
    rates = dict(visual=PictureRate(fps=RATES_HZ['visual'], height=12, width=16), audio=SoundRate(hz=RATES_HZ['audio']))

    def read() -> None:
        probe(path)
        seconds: dict[str, float] = {}
        for block in MediaReader(path, rates, num_threads=1):
            for name, frames in block.items():
                assert frames.shape[1:] == ((12, 16, 3) if name == 'visual' else ()), frames.shape
                seconds[name] = seconds.get(name, 0.0) + len(frames) / RATES_HZ[name]
            if max(seconds.values()) > MAX_MEDIA_SEC:
                return
        if seconds:  # there is none where all sound is shorter than a sample
            assert max(seconds.values()) - min(seconds.values()) <= 1 / 8, seconds

    return _tried(read, path)


def _changed(rng: np.random.Generator, content: bytes) -> bytes:
    return mutate_json(rng, content) if content.startswith(b'{') and rng.random() < 0.7 else mutate(rng, content)


def _tried(read: Callable[[], object], path: Path) -> str:
    try:
        read()
    except UserInputError as error:
        text = str(error)
        assert str(path) in text and len(text) < 3000, text
        return 'refused'
    return 'done'


MEDIA_FILES: dict[str, Callable] = {
    'bundles': read_bundle,
    'files beside features': read_sidecars,
    'journal of detections': read_journal,
    'media': read_media,
}
