"""Any ONNX model: it is given what it declares, and what it gives is averaged."""

import numpy as np
import pytest

from mmdel.features import OnnxExtractor, build_streams, extract_frames
from mmdel.utils.errors import UserInputError

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
FLOAT = onnx.TensorProto.FLOAT


def write_model(path, shape, nodes, output=('n', 2), kind=FLOAT):
    """A model of one input ``x`` and one output ``y``."""
    helper = onnx.helper
    inputs = [helper.make_tensor_value_info('x', kind, shape)]
    outputs = [helper.make_tensor_value_info('y', FLOAT, output)]
    graph = helper.make_graph([helper.make_node(*node[:3], **node[3]) for node in nodes], 'tiny', inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8), path)
    return str(path)


IDENTITY = [('Identity', ['x'], ['y'], {})]


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(256, size=(40, 4, 6, 3), dtype=np.uint8)


@pytest.mark.parametrize('number', ['n', 1, 3])
def test_pictures_are_scaled_laid_out_and_averaged(tmp_path, frames, number):
    path = write_model(tmp_path / 'x.onnx', [number, 3, 4, 6], IDENTITY, [number, 3, 4, 6])
    mean, std = [10.0, 20.0, 30.0], [2.0, 3.0, 4.0]
    extractor = OnnxExtractor(path, fps=5.0, stride=2, layout='NCHW', mean=mean, std=std)
    assert (extractor.rate.height, extractor.rate.width, extractor.channels) == (4, 6, 3)
    expected = ((frames[::2] - np.array(mean)) / np.array(std)).mean(axis=(1, 2))
    np.testing.assert_allclose(extract_frames(extractor, frames), expected, rtol=1e-5)


def test_other_layouts_hold_the_same(tmp_path, frames):
    rows = write_model(tmp_path / 'rows.onnx', ['n', 'h', 'w', 3], IDENTITY, ['n', 'h', 'w', 3])
    extractor = OnnxExtractor(rows, fps=5.0, height=4, width=6, layout='NHWC')
    np.testing.assert_allclose(extract_frames(extractor, frames), frames.mean(axis=(2, 3)), rtol=1e-5)
    clips = np.stack([frames[first : first + 2] for first in range(0, 39, 3)])  # (n, T, H, W, C)
    for layout, shape, axes in (('NCTHW', [1, 3, 2, 4, 6], (1, 2, 3)), ('NTCHW', [1, 2, 3, 4, 6], (2, 3, 4))):
        path = write_model(tmp_path / f'{layout}.onnx', shape, IDENTITY, shape)
        extractor = OnnxExtractor(path, fps=5.0, stride=3, window=2, layout=layout)
        np.testing.assert_allclose(extract_frames(extractor, frames), clips.mean(axis=axes), rtol=1e-5)


def test_sound_is_given_as_samples(tmp_path):
    path = write_model(tmp_path / 'x.onnx', ['n', 50], IDENTITY, ['n', 50])
    samples = np.random.default_rng(0).normal(size=400).astype(np.float32)
    extractor = OnnxExtractor(path, hz=100, stride=20, window=50, layout='NS', std=0.5)
    expected = [samples[first : first + 50] / 0.5 for first in range(0, 351, 20)]
    np.testing.assert_allclose(extract_frames(extractor, samples), expected, rtol=1e-5)


def test_an_output_is_chosen_by_its_name(tmp_path, frames):
    path = write_model(tmp_path / 'x.onnx', ['n', 3, 4, 6], [('Neg', ['x'], ['y'], {})], ['n', 3, 4, 6])
    model = onnx.load(path)
    model.graph.node.append(onnx.helper.make_node('Identity', ['x'], ['z']))
    model.graph.output.append(onnx.helper.make_tensor_value_info('z', FLOAT, ['n', 3, 4, 6]))
    onnx.save(model, path)
    first, second = (extract_frames(OnnxExtractor(path, fps=1.0, output=name), frames) for name in (None, 'z'))
    np.testing.assert_allclose(first, -second)
    with pytest.raises(UserInputError, match="no output 'q', but y, z"):
        OnnxExtractor(path, fps=1.0, output='q')


@pytest.mark.parametrize(
    ('shape', 'arguments', 'message'),
    [
        (['n', 3, 4, 6], dict(fps=5.0, height=8), r"takes \['n', 3, 4, 6\], and by .* given \['n', 3, 8, 6\]"),
        (['n', 4, 6, 3], dict(fps=5.0), r"given \['n', 3, 6, 3\]"),
        (['n', 3, 'h', 'w'], dict(fps=5.0), 'pictures of any size: give height and width'),
        (['n', 3, 2, 4, 6], dict(fps=5.0), 'one input, of the layout NCHW, and has x'),
        (['n', 50], dict(hz=100, window=40, layout='NS'), r"given \['n', 40\]"),
        (['n', 3, 4, 6], dict(fps=5.0, layout='CHW'), 'layout must be one of NCHW'),
        (['n', 3, 4, 6], dict(fps=5.0, hz=100), 'a model of sound has hz'),
        (['n', 3, 4, 6], dict(), 'a model of sound has hz'),
        (['n', 3, 4, 6], dict(fps=5.0, window=2), 'a step sees one picture, and window is 2'),
    ],
)
def test_what_does_not_fit_the_model_is_told_when_it_is_built(tmp_path, shape, arguments, message):
    path = write_model(tmp_path / 'x.onnx', shape, IDENTITY, shape)
    with pytest.raises(ValueError, match=message):
        OnnxExtractor(path, **arguments)


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / 'x.onnx').write_bytes(b'nothing of the kind')
    with pytest.raises(UserInputError, match=r'x\.onnx cannot be read as an ONNX model'):
        OnnxExtractor(str(tmp_path / 'x.onnx'), fps=1.0)
    with pytest.raises(UserInputError, match=r'Cannot read the ONNX model \S+y\.onnx: No such file'):
        OnnxExtractor(str(tmp_path / 'y.onnx'), fps=1.0)
    path = write_model(tmp_path / 'z.onnx', ['n', 3, 4, 6], [('ReduceSum', ['x'], ['y'], dict(keepdims=0))], [])
    with pytest.raises(UserInputError, match=r'gives y \[\], not \(n, channels, …\)'):
        OnnxExtractor(path, fps=1.0)


def test_a_file_lies_in_the_folder_of_a_bundle(tmp_path):
    (tmp_path / 'bundle').mkdir()
    write_model(tmp_path / 'bundle/x.onnx', ['n', 3, 4, 6], IDENTITY, ['n', 3, 4, 6])
    config = dict(type='mmdel.OnnxExtractor', weights='x.onnx', fps=2.0)
    stream = build_streams({'visual': config}, root=str(tmp_path / 'bundle'))['visual']
    assert stream.channels == 3 and stream.extractors[0].config['weights'] == 'x.onnx'
    assert 'root' not in stream.extractors[0].config
    for path in ('../bundle/../x.onnx', '/x.onnx'):
        with pytest.raises(UserInputError, match=f'{path} leads out of'):
            build_streams({'visual': {**config, 'weights': path}}, root=str(tmp_path / 'bundle'))
    with pytest.raises(UserInputError, match="'root'"):
        build_streams({'visual': {**config, 'root': 'elsewhere'}})
