"""VGGish's front end against a loop written from its published constants, and its layers against torch's modules."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from mmdel.features import VGGishMelExtractor, extract_frames
from mmdel.features.vggish_mel import TYPICAL, log_mel
from mmdel.utils.errors import UserInputError


def naive_log_mel(samples):
    """A loop over the definitions, in float64: no FFT, no matrix of weights."""

    def mel(hz):
        return 1127.0 * math.log(1.0 + hz / 700.0)

    rows = []
    cosines = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(512)) / 512)
    for start in range(0, len(samples) - 400 + 1, 160):
        frame = np.zeros(512)
        for i in range(400):
            frame[i] = samples[start + i] * (0.5 - 0.5 * math.cos(2 * math.pi / 400 * i))
        magnitude = np.abs(cosines @ frame)
        bottom, width = mel(125.0), (mel(7500.0) - mel(125.0)) / 65
        row = []
        for band in range(64):
            low, centre, high = (bottom + (band + k) * width for k in range(3))
            total = 0.0
            for k in range(1, 257):
                at = mel(8000.0 * k / 256)
                if low < at < high:
                    total += magnitude[k] * ((at - low) / width if at <= centre else (high - at) / width)
            row.append(math.log(total + 0.01))
        rows.append(row)
    return np.array(rows)


@pytest.fixture(scope='module')
def sound():
    rng = np.random.default_rng(0)
    times = np.arange(20000) / 16000
    return (0.2 * np.sin(2 * np.pi * 440 * times) + rng.normal(scale=0.02, size=20000)).astype(np.float32)


@pytest.fixture(scope='module')
def expected(sound):
    return naive_log_mel(sound.astype(np.float64))


def test_the_front_end_equals_the_definition(sound, expected):
    assert expected.shape == (123, 64)
    np.testing.assert_allclose(log_mel(sound), expected, atol=1e-9)


@pytest.mark.parametrize('hop_sec', [0.96, 0.32, 0.05])
def test_an_example_is_96_frames_at_any_hop(sound, expected, hop_sec):
    extractor = VGGishMelExtractor(hop_sec, pool='stack')
    assert extractor.grid.step_sec == pytest.approx(hop_sec) and extractor.channels == 96 * 64
    examples = [expected[first : first + 96].ravel() for first in range(0, 28, round(hop_sec * 100))]
    value, spread = TYPICAL['frame']
    got = extract_frames(extractor, sound) * spread + value
    assert got.shape == (len(examples), 96 * 64)
    np.testing.assert_allclose(got, examples, atol=1e-5)


def test_moments_are_of_the_example(sound, expected):
    features = extract_frames(VGGishMelExtractor(0.1), sound)
    first = np.concatenate([expected[10:106].mean(axis=0), expected[10:106].std(axis=0)])
    (mean, mean_spread), (deviation, deviation_spread) = TYPICAL['mean'], TYPICAL['deviation']
    scaled = np.concatenate([(first[:64] - mean) / mean_spread, (first[64:] - deviation) / deviation_spread])
    assert features.shape == (3, 128)
    np.testing.assert_allclose(features[1], scaled, atol=1e-5)


def small_vggish():
    """torchvggish's modules, of few channels."""
    torch.manual_seed(0)
    layers, before = [], 1
    for width in (2, 'M', 3, 'M', 4, 4, 'M', 5, 5, 'M'):
        if width == 'M':
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
    linears = [nn.Linear(5 * 24, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU()]
    return nn.ModuleDict(dict(features=nn.Sequential(*layers), embeddings=nn.Sequential(*linears)))


def test_weights_of_torch_are_those_of_its_modules(sound, expected, tmp_path):
    net = small_vggish()
    torch.save(net.state_dict(), tmp_path / 'vggish.pth')
    extractor = VGGishMelExtractor(0.05, weights=str(tmp_path / 'vggish.pth'))
    examples = np.stack([expected[first : first + 96] for first in range(0, 28, 5)])[:, None]
    with torch.inference_mode():
        x = net.features(torch.from_numpy(examples).float())
        x = net.embeddings(x.transpose(1, 3).transpose(1, 2).contiguous().view(len(x), -1))
    assert extractor.channels == 4
    np.testing.assert_allclose(extract_frames(extractor, sound), x.numpy(), atol=1e-5)


def test_weights_may_be_an_onnx_model(sound, expected, tmp_path):
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT

    def save(shape):
        values = [helper.make_tensor_value_info(*item) for item in (('x', kind, shape), ('y', kind, ['n', 6144]))]
        graph = helper.make_graph([helper.make_node('Flatten', ['x'], ['y'])], 'tiny', values[:1], values[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
        onnx.save(model, tmp_path / 'vggish.onnx')

    save(['n', 1, 96, 64])
    features = extract_frames(VGGishMelExtractor(weights=str(tmp_path / 'vggish.onnx')), sound)
    np.testing.assert_allclose(features, [expected[:96].ravel()], atol=1e-5)
    save(['n', 96, 64])
    with pytest.raises(UserInputError, match=r"takes \['n', 96, 64\], and VGGish takes \[n, 1, 96, 64\]"):
        VGGishMelExtractor(weights=str(tmp_path / 'vggish.onnx'))


def test_other_weights_are_refused(tmp_path):
    state = small_vggish().state_dict()
    del state['features.8.bias']
    torch.save(state, tmp_path / 'other.pth')
    with pytest.raises(UserInputError, match=r'other\.pth holds no VGGish .*: it lacks features\.8\.bias'):
        VGGishMelExtractor(weights=str(tmp_path / 'other.pth'))
    with pytest.raises(UserInputError, match='there is no checkpoint'):
        VGGishMelExtractor(weights=str(tmp_path / 'nothing.pth'))


@pytest.mark.parametrize(
    ('arguments', 'message'), [(dict(hop_sec=0.005), 'multiple of 0.01'), (dict(pool='max'), 'max')]
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        VGGishMelExtractor(**arguments)
