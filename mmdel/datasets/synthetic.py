"""The embedded demo data: rendered videos with sound, made on first use, in the layout of UnAV-100.

An event is a moving shape together with its sound. Every shape belongs to two classes that differ in their sound only,
every sound to two that differ in their shape only, and every video holds shapes that move in silence and sounds without
a shape, which are no events: neither stream alone tells what happens.
"""

from __future__ import annotations

import glob
import hashlib
import inspect
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmdel.datasets import synthetic_render
from mmdel.datasets.event_dataset import EventDataset
from mmdel.datasets.synthetic_render import FPS, SHAPES, SOUNDS, Track, render_frames, render_sound
from mmdel.features import (
    PRESETS,
    build_extractor,
    build_streams,
    extract_frames,
    feature_stream,
    frame_grid,
    log_mel,
)
from mmdel.features.sidecar import STREAMS_FILE, describe_streams
from mmdel.registry import DATASETS
from mmdel.utils.cores import num_cores
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json, write_json
from mmdel.utils.forked_map import forked_map
from mmdel.utils.progress import show_progress

# Class c is shape c // 2 with one of two sounds; a ring, so that every shape and every sound has two classes.
CLASSES = tuple((shape, (shape + turn) % len(SOUNDS)) for shape in range(len(SHAPES)) for turn in (0, 1))
CLASS_NAMES = tuple(f'{SHAPES[shape]} with {SOUNDS[sound]}' for shape, sound in CLASSES)
NUM_VIDEOS = {'train': 160, 'test': 48}
MAX_SHIFT_SEC = 0.3
MARGIN_SEC = 0.5
STAMP_FILE = 'mmdel_demo.json'
VIDEOS_A_TASK = 4
EXTRACTORS_OF = {'video': PRESETS['demo_frames'], 'audio': PRESETS['demo_log_mel']}


@dataclass
class Scene:
    """What happens in a video: ``(label, picture's track)`` of the annotated events, all moving shapes, all sounds."""

    duration_sec: float
    events: list[tuple[int, Track]] = field(default_factory=list)
    pictures: list[Track] = field(default_factory=list)
    sounds: list[Track] = field(default_factory=list)

    def admits(self, picture: Track | None, sound: Track | None) -> bool:
        """True if no kind would appear twice at once and no shape would meet a sound of its classes by chance."""
        for mine, others in ((picture, self.pictures), (sound, self.sounds)):
            if mine and any(mine.kind == other.kind and mine.overlaps(other, MARGIN_SEC) for other in others):
                return False
        pairs = [(picture, other) for other in self.sounds] + [(other, sound) for other in self.pictures]
        met = [(a.kind, b.kind) for a, b in pairs if a and b and a.overlaps(b, MARGIN_SEC)]
        return not set(met) & set(CLASSES)


def plan_scene(rng: np.random.Generator) -> Scene:
    """A scene of 30 to 60 s: about six events of 1 s to half of the scene, and about three distractors a stream.

    Lengths are log-uniform; at both ends there is room for the shift of the sound.
    """
    scene = Scene(rng.uniform(30, 60))
    for role in rng.choice(('event', 'silent', 'unseen'), size=32, p=(0.6, 0.2, 0.2)):
        label = int(rng.integers(len(CLASSES)))
        shape_kind, sound_kind = CLASSES[label]
        length_sec = np.exp(rng.uniform(0, np.log(scene.duration_sec / 2)))
        start_sec = rng.uniform(MAX_SHIFT_SEC, scene.duration_sec - MAX_SHIFT_SEC - length_sec)
        seen = Track(shape_kind, start_sec, start_sec + length_sec)
        shift_sec = rng.uniform(-MAX_SHIFT_SEC, MAX_SHIFT_SEC)
        heard = Track(sound_kind, seen.start_sec + shift_sec, seen.end_sec + shift_sec)
        picture = None if role == 'unseen' else seen
        sound = None if role == 'silent' else heard
        if scene.admits(picture, sound):
            scene.pictures += [picture] if picture else []
            scene.sounds += [sound] if sound else []
            scene.events += [(label, seen)] if role == 'event' else []
    return scene


def ensure_demo_data(root: str | Path, num_videos: Mapping[str, int] = NUM_VIDEOS) -> Path:
    """Make the demo data in the folder ``root`` unless they are there already.

    They are built in a folder beside it, which then takes its name: another process sees all of them or none, and of
    two that build at once one keeps its work. Data of an older generator are replaced.

    Args:
        root: The folder to hold ``annotations.json`` and ``av_features/<id>_video.npy``, ``<id>_audio.npy``.
        num_videos: Videos of each subset.

    Returns:
        ``root``.

    Raises:
        UserInputError: If ``root`` holds something else, which is left alone.
    """
    root = Path(root)
    stamp = _stamp(num_videos)
    if _stamp_of(root) == stamp:
        return root
    if root.exists() and _stamp_of(root) is None and (not root.is_dir() or any(root.iterdir())):
        raise UserInputError(f'{root} exists and holds no demo data; name an empty or a new folder for them')
    root.parent.mkdir(parents=True, exist_ok=True)
    _clear_left_behind(root)
    with tempfile.TemporaryDirectory(prefix=f'{_scratch_prefix(root)}{os.getpid()}-', dir=root.parent) as scratch:
        built = Path(scratch) / 'built'
        _build(built, num_videos, stamp)
        if root.exists() and _stamp_of(root) != stamp:
            os.replace(root, Path(scratch) / 'outdated')
        try:
            os.rename(built, root)
        except OSError:
            if _stamp_of(root) != stamp:
                raise
    return root


def _scratch_prefix(root: Path) -> str:
    return f'.{root.name}-{socket.gethostname()}-'


def _clear_left_behind(root: Path) -> None:
    """Removes the folders in which processes of this machine were building when they were killed."""
    prefix = _scratch_prefix(root)
    for path in root.parent.glob(f'{glob.escape(prefix)}*'):
        number = path.name.removeprefix(prefix).partition('-')[0]
        if number.isdigit() and not _is_running(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        pass
    return True


def _build(root: Path, num_videos: Mapping[str, int], stamp: str) -> None:
    (root / 'av_features').mkdir(parents=True)
    videos = [(subset, index) for subset, count in num_videos.items() for index in range(count)]
    print(f'making the demo data: {len(videos)} videos', file=sys.stderr)
    records = forked_map(partial(_make_video, root), videos, num_cores(), VIDEOS_A_TASK, 'rendered demo data')
    database = dict(show_progress(records, len(videos), 'videos'))
    described = describe_streams(build_streams({'visual': EXTRACTORS_OF['video'], 'audio': EXTRACTORS_OF['audio']}))
    described['visual']['files'] = ['{id}_video.npy']
    write_json(root / 'av_features' / STREAMS_FILE, described, indent=1)
    write_json(root / 'annotations.json', {'version': 'mmdel-demo', 'database': database})
    write_json(root / STAMP_FILE, {'generator': stamp})


def _make_video(root: Path, video: tuple[str, int]) -> tuple[str, dict]:
    """Writes the features of a video of a subset; its name and what there is to say of it."""
    subset, index = video
    video_id = f'{subset}_{index:03d}'
    rng = np.random.default_rng([*subset.encode(), index])
    scene = plan_scene(rng)
    frames = render_frames(scene.duration_sec, scene.pictures, rng)
    waveform = render_sound(scene.duration_sec, scene.sounds, rng)
    for name, media in (('video', frames), ('audio', waveform)):
        features = extract_frames(build_extractor(EXTRACTORS_OF[name], name), media)
        np.save(root / 'av_features' / f'{video_id}_{name}.npy', features.astype(np.float16))
    return video_id, _record(subset, scene)


def _record(subset: str, scene: Scene) -> dict:
    """A scene as an entry of ActivityNet's annotation format."""
    annotations = []
    for label, track in sorted(scene.events, key=lambda event: event[1].start_sec):
        segment = [round(track.start_sec, 3), round(track.end_sec, 3)]
        annotations.append({'segment': segment, 'label': CLASS_NAMES[label], 'label_id': label})
    return {'subset': subset, 'duration': round(scene.duration_sec, 3), 'fps': FPS, 'annotations': annotations}


def _stamp(num_videos: Mapping[str, int]) -> str:
    """Changes whenever the code that makes the data, or the number of videos, changes."""
    modules = (sys.modules[__name__], synthetic_render, feature_stream, frame_grid, log_mel)
    sources = [inspect.getsource(module).encode() for module in modules]
    return hashlib.sha256(b''.join([*sources, json.dumps([dict(num_videos), EXTRACTORS_OF]).encode()])).hexdigest()


def _stamp_of(root: Path) -> str | None:
    """The stamp of the demo data in ``root``, None where there are none."""
    try:
        return read_json(root / STAMP_FILE, 'stamp of the demo data')['generator']
    except (UserInputError, KeyError, TypeError):
        return None


@DATASETS.register_module()
class DemoEventDataset(EventDataset):
    """An :class:`EventDataset` of the demo data, which it makes in the folder of ``ann_file`` if that is not done.

    Args:
        num_videos: Videos of each subset, whose name and number make a video what it is.
        kwargs: As of :class:`EventDataset`.
    """

    def __init__(self, num_videos: Mapping[str, int] = NUM_VIDEOS, **kwargs: Any) -> None:
        self.num_videos = dict(num_videos)
        super().__init__(**kwargs)

    def make(self) -> None:
        """Makes the data, see :func:`ensure_demo_data`."""
        ensure_demo_data(Path(self.ann_file).parent, self.num_videos)

    def load_data_list(self) -> list[dict]:
        """The records of the subset."""
        self.make()
        return super().load_data_list()
