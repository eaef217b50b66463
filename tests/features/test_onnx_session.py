"""Sessions of onnxruntime: what cannot be run is told."""

import pytest
import torch

from mmdel.features.onnx_session import open_session
from mmdel.utils.errors import UserInputError

pytest.importorskip('onnxruntime')


@pytest.fixture(scope='module')
def model():
    onnx = pytest.importorskip('onnx')
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ['n']) for name in 'xy']
    graph = onnx.helper.make_graph([onnx.helper.make_node('Neg', ['x'], ['y'])], 'tiny', values[:1], values[1:])
    opsets = [onnx.helper.make_opsetid('', 17)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def test_a_model_runs_from_memory_and_from_its_file_on_as_many_threads_as_torch(model, tmp_path):
    (tmp_path / 'x.onnx').write_bytes(model)
    for source in (model, tmp_path / 'x.onnx'):
        session = open_session(source)
        assert session.run(None, {'x': torch.ones(2).numpy()})[0].tolist() == [-1, -1]
        assert session.get_session_options().intra_op_num_threads == torch.get_num_threads()


def test_a_device_that_is_not_there_is_told(model):
    with pytest.raises(UserInputError, match=r"does not run on 'mars', but on .*CPU"):
        open_session(model, 'mars')


def test_what_is_no_model_is_told(tmp_path):
    with pytest.raises(UserInputError, match='what was given cannot be read as an ONNX model'):
        open_session(b'nothing of the kind')
    with pytest.raises(UserInputError, match=r'Cannot read the ONNX model \S+x\.onnx'):
        open_session(tmp_path / 'x.onnx')
