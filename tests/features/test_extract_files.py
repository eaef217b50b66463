"""A folder of features: what is written of one file, and which files are still to be done."""

import json
import os
import wave

import numpy as np
import pytest

from mmdel.features import Extractor, FeatureStream, LogMelExtractor, build_streams, extract_frames
from mmdel.features.extract_files import FeatureFolder, extract_file
from mmdel.media import SoundRate
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json

pytest.importorskip('av')

CONFIG = dict(type='mmdel.LogMelExtractor', hz=8000, num_bands=4, high_hz=4000.0, step_hops=10)


@pytest.fixture
def sound(tmp_path):
    """A file of 20 s."""
    samples = np.random.default_rng(0).normal(scale=0.1, size=160000).clip(-1, 1)
    with wave.open(str(tmp_path / 'a.wav'), 'wb') as file:
        file.setparams((1, 2, 8000, 0, 'NONE', ''))
        file.writeframes(np.round(samples * 32767).astype('<i2').tobytes())
    return tmp_path / 'a.wav'


def test_a_file_is_written_and_its_progress_reported(sound, tmp_path):
    reports = []
    entry = extract_file(str(sound), 'a', build_streams({'audio': CONFIG}), tmp_path / 'out', reports.append)
    with wave.open(str(sound)) as file:
        samples = np.frombuffer(file.readframes(160000), '<i2').astype(np.float32) / 32768
    expected = extract_frames(LogMelExtractor(8000, num_bands=4, high_hz=4000.0, step_hops=10), samples)
    np.testing.assert_array_equal(np.load(tmp_path / 'out/a_audio.npy'), expected.astype(np.float16))
    assert (entry['duration_sec'], entry['fps'], entry['notes']) == (20.0, None, [])
    assert entry['size'] == sound.stat().st_size and entry['path'] == str(sound)
    parts, seconds = zip(*reports, strict=True)
    assert len(reports) >= 3 and sorted(parts) == list(parts) and sorted(seconds) == list(seconds)
    assert parts[0] == pytest.approx(8 / 20, abs=0.02) and parts[-1] == pytest.approx(1, abs=0.02)


def test_features_that_are_no_numbers_are_not_written(sound, tmp_path):
    class Broken(Extractor):
        def __call__(self, frames):
            return np.full((len(self.windows(frames)), 1), 1e5, np.float32)  # too large for 16 bits

    stream = FeatureStream([Broken(SoundRate(8000), 80, 80, 1)])
    with pytest.raises(UserInputError, match="stream 'audio': its features are not finite numbers of 16 bits"):
        extract_file(str(sound), 'a', {'audio': stream}, tmp_path / 'out', lambda _: None)
    assert not (tmp_path / 'out').exists()


def test_a_file_is_to_be_done_until_it_is_as_it_was_written_down(sound, tmp_path):
    out = tmp_path / 'out'

    def folder(**options):
        return FeatureFolder(out, {'audio': [CONFIG]}, [sound], **options)

    assert folder().todo == [sound] and not out.exists()
    entry = extract_file(str(sound), 'a', build_streams({'audio': CONFIG}), out, lambda _: None)
    assert folder().todo == [sound]  # it is not written down
    write_json(out / 'videos.json', {'a': entry})
    assert folder().todo == [] and folder().num_done == 1
    assert folder(overwrite=True).todo == [sound]
    os.utime(sound, ns=(0, 0))
    assert folder().todo == [sound]
    write_json(out / 'videos.json', {'a': {**entry, 'mtime_ns': 0}})
    assert folder().todo == []
    (out / 'a_audio.npy').unlink()
    assert folder().todo == [sound]


def test_a_broken_list_of_videos_is_told(sound, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/videos.json').write_text(json.dumps({'a': 3}))
    with pytest.raises(UserInputError, match=r'videos\.json should be an object of videos by id'):
        FeatureFolder(tmp_path / 'out', {'audio': [CONFIG]}, [sound])
