"""Presets: each builds, and is plain data."""

import json

import pytest

from mmdel.features import PRESETS, build_streams


@pytest.mark.parametrize('name', PRESETS)
def test_a_preset_builds_and_is_plain_data(name):
    assert json.loads(json.dumps(PRESETS[name])) == PRESETS[name]
    stream = build_streams({'x': PRESETS[name]})['x']
    assert stream.channels > 0 and 0 < stream.grid.step_sec <= 1
