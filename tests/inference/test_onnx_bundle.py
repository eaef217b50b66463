"""A bundle with the graph of its model: written whole, opened both ways, and the same events both ways."""

import shutil

import numpy as np
import pytest
from tiny_bundle import make_bundle, random_features

from mmdel.commands import main
from mmdel.inference import Bundle, EventInferencer
from mmdel.inference.onnx_bundle import OWN_STEPS_PER_MARGIN, windows_of
from mmdel.runtime import OnnxDetector
from mmdel.runtime.bundle import find_bundle
from mmdel.utils.errors import UserInputError

pytest.importorskip('onnxruntime')
pytest.importorskip('onnx')


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    """The demo's bundle with a graph, by the command line."""
    folder = tmp_path_factory.mktemp('demo') / 'demo'
    shutil.copytree(find_bundle('demo'), folder)
    main(['export', str(folder), '--onnx'])
    return folder


def test_the_demo_gives_the_same_events_by_its_graph(demo):
    """Of one step, and of lengths around the pyramid's and the window's: to 1e-4 in seconds and scores."""
    bundle = Bundle.load(demo)
    before = Bundle.load(find_bundle('demo'))
    assert bundle.model == before.model and bundle.files == {} and bundle.weights_sha256 == before.weights_sha256
    detector, inferencer = (
        OnnxDetector(demo, score_thr=0.02),
        EventInferencer(bundle, score_thr=0.02, device='cpu', amp='off'),
    )
    rng = np.random.default_rng(0)
    for num_steps in (1, 37, 224, 700):
        features = {
            name: rng.normal(size=(round(num_steps * hop), bundle.streams[name]['channels'])).astype(np.float32)
            for name, hop in (('visual', 1), ('audio', 1.25))
        }
        (expected,) = inferencer(features)
        found = detector.detect(features)
        assert len(found) == len(expected.events) and expected.error is None
        assert [event.label for event in found] == [event.label for event in expected.events]
        for name in ('start_sec', 'end_sec', 'scores'):
            np.testing.assert_allclose(getattr(found, name), getattr(expected.events, name), atol=1e-4)
    assert len(found) > 10


def test_a_copy_gets_the_graph_and_what_is_there_is_left_alone(tmp_path, capsys):
    folder = make_bundle().save(tmp_path / 'model')
    main(['export', str(folder), '--onnx', '--out', str(tmp_path / 'copy')])
    assert 'runs without PyTorch' in capsys.readouterr().out
    assert not (folder / 'model.onnx').exists()
    assert (folder / 'weights.safetensors').read_bytes() == (tmp_path / 'copy/weights.safetensors').read_bytes()
    assert len(OnnxDetector(tmp_path / 'copy').detect(random_features(20))) > 2
    with pytest.raises(SystemExit, match='2'):
        main(['export', str(folder), '--onnx', '--out', str(tmp_path / 'copy')])
    assert 'exists and is left alone' in capsys.readouterr().err
    with pytest.raises(SystemExit, match='2'):
        main(['export', str(tmp_path / 'none'), '--onnx'])
    assert '--out names the folder' in capsys.readouterr().err


def test_the_file_of_an_extractor_is_not_written_over(tmp_path):
    from mmdel.inference.onnx_bundle import add_onnx

    (tmp_path / 'model.onnx').write_bytes(b'of an extractor')
    folder = make_bundle(files={'model.onnx': tmp_path / 'model.onnx'}).save(tmp_path / 'model')
    with pytest.raises(UserInputError, match=r'model\.onnx is the file of an extractor already'):
        add_onnx(folder, folder)


def test_windows_of_one_graph_overlap_as_far_as_both_stages_see():
    stated = windows_of(make_bundle().build_model())
    assert (stated.longest, stated.length, stated.stride, stated.margin) == (64, 64, 32, 16)
    bundle = make_bundle()
    bundle.model['test_cfg'] = dict(window=64)
    model = bundle.build_model()
    windows, (first, second) = windows_of(model), model.sliding_window.stages(model.backbone, model.neck, model.head)
    assert windows.margin == first.margin + second.margin > 0 and windows.longest == 64
    assert windows.length == windows.stride + 2 * windows.margin
    assert windows.stride == max(64 - 2 * windows.margin, OWN_STEPS_PER_MARGIN * windows.margin)
    assert windows.margin % 4 == windows.stride % 4 == 0  # steps of the coarsest level
