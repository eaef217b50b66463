"""Clips of the demo's scenes: what is true of the scene is true of the file, and so are its features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmdel.datasets.synthetic import CLASS_NAMES, EXTRACTORS_OF
from mmdel.datasets.synthetic_media import render_clip, render_scene
from mmdel.datasets.synthetic_render import SAMPLE_RATE
from mmdel.events import Events
from mmdel.features import build_extractor, build_streams, extract_all, extract_frames
from mmdel.media import probe

pytest.importorskip('av')
SEED = 3


@pytest.fixture(scope='module')
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Events]:
    path = tmp_path_factory.mktemp('clip') / 'clip_3.mp4'
    return path, render_clip(path, SEED)


def test_the_truth_is_that_of_the_scene(clip: tuple[Path, Events]) -> None:
    path, truth = clip
    scene, *_ = render_scene(SEED)
    (video,) = truth.videos
    assert video.video_id == 'clip_3' and video.duration_sec == pytest.approx(scene.duration_sec, abs=2e-3)
    told = sorted((event.start_sec, event.end_sec, event.label) for event in truth)
    planned = sorted((track.start_sec, track.end_sec, CLASS_NAMES[label]) for label, track in scene.events)
    assert [label for *_, label in told] == [label for *_, label in planned] and len(told) > 2
    np.testing.assert_allclose([row[:2] for row in told], [row[:2] for row in planned], atol=1e-3)
    info = probe(path)
    assert info.picture is not None and info.sound is not None and info.sound.hz == SAMPLE_RATE
    assert info.duration_sec == pytest.approx(scene.duration_sec, abs=0.2)


def test_through_the_codecs_features_stay_those_of_the_scene(clip: tuple[Path, Events]) -> None:
    """Within a fifth of a channel's spread, of which most is the noise of the pictures that H.264 smooths away."""
    _, frames, waveform = render_scene(SEED)
    through = extract_all(clip[0], build_streams(EXTRACTORS_OF)).features
    for name, media in (('video', frames), ('audio', waveform)):
        direct = extract_frames(build_extractor(EXTRACTORS_OF[name], 'a test'), media)
        assert abs(len(direct) - len(through[name])) <= 1
        steps = min(len(direct), len(through[name]))
        difference = through[name][:steps] - direct[:steps]
        assert np.sqrt((difference**2).mean()) < 0.2 * direct.std()
        assert np.corrcoef(through[name][:steps].ravel(), direct[:steps].ravel())[0, 1] > 0.99
