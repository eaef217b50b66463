"""Features straight from media: as of the frames themselves, whatever the blocks and whatever the file lacks."""

import wave

import numpy as np
import pytest

from mmdel.datasets.synthetic import plan_scene
from mmdel.datasets.synthetic_render import FPS, HEIGHT, SAMPLE_RATE, WIDTH, render_frames, render_sound
from mmdel.features import PRESETS, build_extractor, build_streams, extract, extract_all, extract_frames
from mmdel.media import VideoWriter
from mmdel.utils.errors import UserInputError

pytest.importorskip('av')

CONFIGS = {'visual': PRESETS['demo_frames'], 'audio': PRESETS['demo_log_mel']}


@pytest.fixture(scope='module')
def scene():
    rng = np.random.default_rng(5)
    planned = plan_scene(rng)
    frames = render_frames(planned.duration_sec, planned.pictures, rng)
    waveform = render_sound(planned.duration_sec, planned.sounds, rng)
    return frames[:96], waveform[: 12 * SAMPLE_RATE]


def write_wav(path, waveform):
    with wave.open(str(path), 'wb') as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, 'NONE', ''))
        file.writeframes(np.round(waveform * 32767).astype('<i2').tobytes())
    return path


@pytest.fixture(scope='module')
def clip(scene, tmp_path_factory):
    path = tmp_path_factory.mktemp('clips') / 'clip.mp4'
    with VideoWriter(
        path, FPS, 4 * HEIGHT, 4 * WIDTH, SAMPLE_RATE
    ) as writer:  # enlarged, since colour is kept coarsely
        writer.write(scene[0].repeat(4, axis=1).repeat(4, axis=2))
        writer.write_sound(scene[1])
    return path


def test_a_rendered_clip_has_the_features_of_what_was_rendered(clip, scene):
    extracted = extract_all(clip, build_streams(CONFIGS))
    for name, frames in zip(('visual', 'audio'), scene, strict=True):
        expected = extract_frames(build_extractor(CONFIGS[name], 'a test'), frames)
        got = extracted.features[name]
        assert got.dtype == np.float32 and abs(len(got) - len(expected)) <= 1
        num = min(len(got), len(expected))
        error = np.abs(got[:num] - expected[:num])
        assert np.median(error) < 0.06 and error.mean() < 0.15  # the spread of a feature is about 1
    assert extracted.info.duration_sec == pytest.approx(12, abs=0.1) and extracted.notes == []


@pytest.mark.parametrize('block_sec', [0.3, 5.0, 100.0])
def test_blocks_change_nothing(clip, block_sec):
    streams = build_streams({**CONFIGS, 'both': [PRESETS['demo_frames'], PRESETS['log_mel']]})
    whole = extract_all(clip, streams).features
    for _ in range(2):  # a file after another
        blocks = list(extract(clip, streams, block_sec))
        assert len(blocks) >= 12 / block_sec
        for name, features in whole.items():
            np.testing.assert_allclose(np.concatenate([block[name] for block in blocks]), features, atol=1e-4)


def test_a_file_without_sound_is_silent(scene, tmp_path):
    with VideoWriter(tmp_path / 'mute.mp4', FPS, HEIGHT, WIDTH) as writer:
        writer.write(scene[0])
    extracted = extract_all(tmp_path / 'mute.mp4', build_streams(CONFIGS))
    silence = extract_frames(build_extractor(CONFIGS['audio'], 'a test'), np.zeros(12 * SAMPLE_RATE, np.float32))
    np.testing.assert_allclose(extracted.features['audio'], silence, atol=1e-5)
    assert extracted.notes == ['no sound: features of silence']


def test_a_file_without_picture_is_black(scene, tmp_path):
    path = write_wav(tmp_path / 'sound.wav', scene[1])
    black = extract_frames(build_extractor(CONFIGS['visual'], 'a test'), np.zeros((96, HEIGHT, WIDTH, 3), np.uint8))
    for configs in (CONFIGS, {'visual': CONFIGS['visual']}):  # with and without another stream to set the pace
        for block_sec in (1.7, 8.0):
            extraction = extract(path, build_streams(configs), block_sec)
            features = np.concatenate([block['visual'] for block in extraction])
            np.testing.assert_allclose(features, black, atol=1e-5)
            assert extraction.notes == ['no picture: features of black pictures']
    heard = extract_all(path, build_streams(CONFIGS)).features['audio']
    quantised = np.round(scene[1] * 32767).astype(np.float32) / 32768
    np.testing.assert_allclose(heard, extract_frames(build_extractor(CONFIGS['audio'], 'a test'), quantised), atol=1e-3)


def test_a_file_shorter_than_a_step_has_one(scene, tmp_path):
    path = write_wav(tmp_path / 'short.wav', scene[1][:100])
    features = extract_all(path, build_streams(CONFIGS)).features
    assert {name: feature.shape for name, feature in features.items()} == {'visual': (1, 144), 'audio': (1, 64)}


def test_what_is_no_media_is_refused_by_name(tmp_path):
    path = tmp_path / 'text.mp4'
    path.write_text('no video')
    with pytest.raises(UserInputError, match=r'text\.mp4'):
        extract_all(path, build_streams(CONFIGS))
