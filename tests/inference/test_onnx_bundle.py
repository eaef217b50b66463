"""A bundle with the graph of its model: written whole, opened both ways, and the same events both ways."""

import shutil

import numpy as np
import pytest
from tiny_bundle import make_bundle

from mmdel.commands import main
from mmdel.inference import Bundle, EventInferencer, onnx_export
from mmdel.inference.onnx_bundle import OWN_STEPS_PER_MARGIN, add_onnx, windows_of
from mmdel.runtime import OnnxDetector
from mmdel.runtime.bundle import find_bundle
from mmdel.utils.errors import UserInputError

pytest.importorskip('onnxruntime')
pytest.importorskip('onnx')


SHIPPED = find_bundle('demo')


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    """A copy of the demo's bundle with a graph, by the command line."""
    folder = tmp_path_factory.mktemp('demo') / 'demo'
    main(['export', str(SHIPPED), '--onnx', '--out', str(folder)])
    return folder


def test_the_demo_gives_the_same_events_by_its_graph(demo):
    """Of one step, and of lengths around the pyramid's and the window's: to 1e-4 in seconds and scores."""
    bundle = Bundle.load(demo)
    before = Bundle.load(SHIPPED)
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


def test_a_bundle_gets_it_where_it_is_and_all_else_stays(demo, tmp_path, monkeypatch, capsys):
    """The graph is the one of above, to save the time of another."""
    formats = []

    def export(model, path, weights):
        formats.append(weights)
        shutil.copy(demo / 'model.onnx', path)

    monkeypatch.setattr(onnx_export, 'export_onnx', export)
    assert not (SHIPPED / 'model.onnx').exists()  # only the copy has it
    folder = shutil.copytree(SHIPPED, tmp_path / 'model')
    for words in ([], ['--half'], ['--int8'], ['--half', '--int8']):  # also in the place of another
        main(['export', str(folder), '--onnx', *words])
        assert 'runs without PyTorch' in capsys.readouterr().out
    assert formats == ['float32', 'float16', 'int8', 'int8']
    assert {path.name for path in folder.iterdir()} == {'bundle.json', 'model.onnx', 'weights.safetensors'}
    for name in ('weights.safetensors', 'bundle.json'):
        assert (folder / name).read_bytes() == (demo / name).read_bytes()
    for words, message in (
        ([folder, '--onnx', '--out', demo], 'exists and is left alone'),
        ([tmp_path / 'none', '--onnx'], '--out names the folder'),
        ([folder, '--int8', '--out', tmp_path / 'other'], '--int8 is about the graph that --onnx adds'),
    ):
        with pytest.raises(SystemExit, match='2'):
            main(['export', *map(str, words)])
        assert message in capsys.readouterr().err


def test_the_file_of_an_extractor_is_not_written_over(tmp_path):
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
