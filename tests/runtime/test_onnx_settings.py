"""What a bundle says of its graph comes back as it was written, or is refused with its place."""

import json

import pytest
from tiny_bundle import make_bundle

from mmdel.events.formats.structure import Node
from mmdel.inference.onnx_bundle import settings_of
from mmdel.runtime.onnx_settings import OnnxSettings
from mmdel.utils.errors import UserInputError


@pytest.fixture(scope='module')
def content():
    return json.loads(json.dumps(settings_of(make_bundle().build_model(), 'f' * 64).write()))


def test_written_and_read_it_is_the_same(content):
    read = OnnxSettings.read(Node('bundle.json', 'onnx', content))
    assert read.write() == content and read.num_levels == 3
    assert OnnxSettings.read(Node('bundle.json', 'onnx', dict(content, windows=None))).windows is None


def test_what_a_video_may_have_grows_with_its_length(content):
    read = OnnxSettings.read(Node('bundle.json', 'onnx', content))
    assert [read.share(num_steps) for num_steps in (1, 64, 96, 640)] == [1, 1, 1.5, 10]


WRONG = {
    'unknown key': (dict(run='true'), 'onnx is .* expected the keys'),
    'levels': (dict(num_levels=33), 'onnx.num_levels is 33; expected a whole number from 1 to 32'),
    'no number': (dict(num_levels=True), 'onnx.num_levels'),
    'huge': (dict(pre_nms_num=10**400), 'onnx.pre_nms_num'),
    'score': (dict(pre_nms_score='0'), 'onnx.pre_nms_score is .0.; expected a number'),
    'nan': (dict(min_length=float('nan')), 'onnx.min_length'),
    'streams': (dict(zero_streams=[['x']]), 'onnx.zero_streams'),
    'nms': (dict(nms=dict(method='fast')), 'onnx.nms is .*method must be one of'),
    'nms argument': (dict(nms=dict(command='true')), 'onnx.nms is .*command'),
    'nms that is a list': (dict(nms=[]), 'onnx.nms'),
    'windows': (dict(windows=[512]), 'onnx.windows'),
    'no step': (dict(windows=dict(longest=9, length=8, stride=0, margin=0)), 'onnx.windows.stride'),
    'a gap': (dict(windows=dict(longest=9, length=8, stride=9, margin=0)), 'onnx.windows.stride'),
    'steps that are not there': (
        dict(windows=dict(longest=9, length=8, stride=6, margin=3)),
        'onnx.windows.margin',
    ),
}


@pytest.mark.parametrize('name', WRONG)
def test_what_is_wrong_is_refused_with_its_place(name, content):
    change, message = WRONG[name]
    with pytest.raises(UserInputError, match=message):
        OnnxSettings.read(Node('bundle.json', 'onnx', {**content, **change}))
