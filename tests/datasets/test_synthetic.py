"""The demo data: deterministic, safe to make at once, and such that neither stream alone tells the events."""

import hashlib
import json
import os
import socket
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mmdel.datasets import synthetic
from mmdel.datasets.synthetic import CLASS_NAMES, CLASSES, DemoEventDataset, ensure_demo_data, plan_scene
from mmdel.datasets.synthetic_render import SAMPLE_RATE, SHAPES, SOUNDS, Track, render_frames, render_sound
from mmdel.features import build_extractor
from mmdel.features.sidecar import read_stored_streams
from mmdel.registry import DATASETS
from mmdel.utils.errors import UserInputError

REPO = Path(__file__).parents[2]
FEW = {'train': 3, 'test': 2}
GRIDS = {name: build_extractor(preset, 'a test').grid for name, preset in synthetic.EXTRACTORS_OF.items()}


def fingerprint(root):
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    return ensure_demo_data(tmp_path_factory.mktemp('demo') / 'data', FEW)


@pytest.fixture(scope='module')
def scenes():
    return [plan_scene(np.random.default_rng(seed)) for seed in range(60)]


def test_layout_and_sizes(demo):
    database = json.loads((demo / 'annotations.json').read_text())['database']
    assert {name: sum(v['subset'] == name for v in database.values()) for name in FEW} == FEW
    for video_id, video in database.items():
        assert 30 <= video['duration'] <= 60
        for name, extract_grid, channels in (
            ('video', GRIDS['video'], 144),
            ('audio', GRIDS['audio'], 64),
        ):
            feature = np.load(demo / 'av_features' / f'{video_id}_{name}.npy')
            assert feature.dtype == np.float16 and feature.shape[1] == channels
            last_sec = (extract_grid.to_sec(len(feature) - 1.0)) + extract_grid.window / extract_grid.fps / 2
            assert 0 <= video['duration'] - last_sec < 2 * extract_grid.step_sec
            assert abs(feature.mean(dtype=np.float64)) < 1 and 0.5 < feature.std(dtype=np.float64) < 2
        for event in video['annotations']:
            start, end = event['segment']
            assert 0 < start < end < video['duration'] and end - start > 0.999
            assert end - start <= video['duration'] / 2 + 1e-3
            assert CLASS_NAMES[event['label_id']] == event['label']
    num_bytes = sum(path.stat().st_size for path in demo.rglob('*') if path.is_file())
    assert num_bytes / sum(FEW.values()) * sum(synthetic.NUM_VIDEOS.values()) < 30e6


def test_the_same_bytes_every_time(demo, tmp_path):
    assert fingerprint(ensure_demo_data(tmp_path / 'again', FEW)) == fingerprint(demo)


def test_every_shape_and_every_sound_has_two_classes():
    assert len(set(CLASSES)) == len(set(CLASS_NAMES)) == 10
    assert [shape for shape, _ in CLASSES] == [shape for shape in range(len(SHAPES)) for _ in range(2)]
    assert sorted(sound for _, sound in CLASSES) == [sound for sound in range(len(SOUNDS)) for _ in range(2)]


def test_events_overlap_and_come_in_every_class(scenes):
    overlapping = [
        (a, b) for scene in scenes for (_, a), (_, b) in combinations(scene.events, 2) if a.overlaps(b, margin_sec=0)
    ]
    assert len(overlapping) > len(scenes)
    assert {label for scene in scenes for label, _ in scene.events} == set(range(len(CLASSES)))


def test_a_shape_meets_a_sound_of_its_classes_in_events_alone(scenes):
    """What is annotated is what agrees, by every pair of tracks; the rest are distractors, in one stream each."""
    num_silent = num_unseen = 0
    shifts_sec = []
    for scene in scenes:
        met = [
            (CLASSES.index((picture.kind, sound.kind)), picture, sound)
            for picture in scene.pictures
            for sound in scene.sounds
            if (picture.kind, sound.kind) in CLASSES and picture.overlaps(sound, margin_sec=0)
        ]
        by_start = sorted((label, picture.start_sec) for label, picture, _ in met)
        assert by_start == sorted((label, track.start_sec) for label, track in scene.events)
        shifts_sec += [sound.start_sec - picture.start_sec for _, picture, sound in met]
        num_silent += len(scene.pictures) - len(scene.events)
        num_unseen += len(scene.sounds) - len(scene.events)
    assert num_silent > 2 * len(scenes) and num_unseen > 2 * len(scenes)
    assert 0.25 < np.max(np.abs(shifts_sec)) <= 0.3 + 1e-9


def test_rendered_sound_and_picture_are_where_the_track_is():
    track = Track(kind=2, start_sec=3.0, end_sec=6.0)
    quiet, loud = (render_sound(10.0, tracks, np.random.default_rng(0)) for tracks in ([], [track]))
    added = np.flatnonzero(np.abs(loud - quiet) > 1e-6) / SAMPLE_RATE
    assert 3.0 <= added.min() < 3.3 and 5.7 < added.max() <= 6.0
    still, moving = (render_frames(10.0, tracks, np.random.default_rng(0)) for tracks in ([], [track]))
    assert still.shape == (80, 36, 48, 3) and still.dtype == np.uint8

    def colour_spread(frames):  # of a pixel over three seconds; noise and light alone keep it small
        return frames[24:48].astype(float).std(axis=0).max()

    assert colour_spread(still) < 25 < 40 < colour_spread(moving)


def test_existing_data_are_used_and_outdated_ones_replaced(tmp_path, monkeypatch):
    root = ensure_demo_data(tmp_path / 'data', {'train': 1})
    before = (root / 'annotations.json').stat().st_mtime_ns
    monkeypatch.setattr(synthetic, '_build', None)  # would fail if called
    assert ensure_demo_data(root, {'train': 1}) == root
    assert (root / 'annotations.json').stat().st_mtime_ns == before
    monkeypatch.undo()
    ensure_demo_data(root, {'train': 2})
    assert len(list((root / 'av_features').glob('*.npy'))) == 4
    assert [path.name for path in tmp_path.iterdir()] == ['data']  # no scratch left


def test_what_dead_processes_were_building_is_cleared(tmp_path):
    process = os.fork()
    if process == 0:
        os._exit(0)
    os.waitpid(process, 0)
    host = socket.gethostname()
    names = [f'.data-{host}-{process}-abc', f'.data-{host}-{os.getpid()}-abc', f'.data-other-{process}-abc', '.data-x']
    for name in names:
        (tmp_path / name / 'built').mkdir(parents=True)
    ensure_demo_data(tmp_path / 'data', {'train': 1})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(['data', *names[1:]])


def test_a_foreign_folder_is_left_alone_and_an_empty_one_filled(tmp_path):
    (tmp_path / 'thesis.tex').write_text('years of work')
    with pytest.raises(UserInputError, match=str(tmp_path)):
        ensure_demo_data(tmp_path, FEW)
    assert (tmp_path / 'thesis.tex').read_text() == 'years of work'
    (tmp_path / 'empty').mkdir()
    assert (ensure_demo_data(tmp_path / 'empty', {'test': 1}) / 'annotations.json').is_file()


def test_one_that_comes_late_keeps_the_work_of_the_first(demo, tmp_path, monkeypatch):
    root = tmp_path / 'data'
    build = synthetic._build

    def build_and_be_late(*args):
        build(*args)
        monkeypatch.setattr(synthetic, '_build', build)
        ensure_demo_data(root, FEW)

    monkeypatch.setattr(synthetic, '_build', build_and_be_late)
    ensure_demo_data(root, FEW)
    assert fingerprint(root) == fingerprint(demo)
    assert [path.name for path in tmp_path.iterdir()] == ['data']


def test_a_video_is_told_by_its_subset_and_number_alone(demo, tmp_path):
    streams = dict(x=dict(root=str(tmp_path / 'more/av_features'), files=['{id}_video.npy'], stride=2, window=4, fps=8))
    options = dict(ann_file=str(tmp_path / 'more/annotations.json'), streams=streams, num_videos={'test': 1, 'new': 2})
    new = DemoEventDataset(subset='new', **options)
    assert [new.get_data_info(place)['video_id'] for place in range(len(new))] == ['new_000', 'new_001']
    mine, theirs = (fingerprint(root / 'av_features') for root in (tmp_path / 'more', demo))
    assert {name for name in mine if mine[name] == theirs.get(name)} == {
        'streams.json',
        'test_000_audio.npy',
        'test_000_video.npy',
    }


def test_the_demo_config_reads_them(demo, monkeypatch):
    monkeypatch.setenv('MMDEL_DEMO_ROOT', str(demo))
    config = Config.fromfile(str(REPO / 'configs/del_demo.py'))
    dataset = DATASETS.build(dict(config.train_dataloader.dataset, num_videos=FEW))
    assert isinstance(dataset, DemoEventDataset) and dataset.metainfo['classes'] == CLASS_NAMES
    item = dataset[0]
    assert {name: x.shape[1] for name, x in item['inputs'].items()} == {'visual': 144, 'audio': 64}
    streams = dataset.get_data_info(0)['streams']
    assert streams['visual']['grid'] == GRIDS['video']
    assert streams['audio']['grid'] == GRIDS['audio']
    assert config.model.head.num_classes == len(CLASSES)
    stored = read_stored_streams(demo / 'av_features')
    assert {name: stream.channels for name, stream in stored.items()} == {'visual': 144, 'audio': 64}
    assert all((demo / 'av_features' / x.files[0].format(id='test_000')).is_file() for x in stored.values())
