"""ONNX files that read other files are refused, wherever in the graph the tensor stands; all others are let in."""

import numpy as np
import pytest

from mmdel.features.onnx_rules import require_one_file
from mmdel.features.onnx_session import open_session
from mmdel.utils.errors import UserInputError

onnx = pytest.importorskip('onnx')
helper = onnx.helper


def make_tensor(external: bool):
    tensor = onnx.numpy_helper.from_array(np.ones(2, np.float32), 'w')
    if external:
        tensor.ClearField('raw_data')
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key='location', value='/etc/passwd')
    return tensor


def make_model(place: str, external: bool) -> bytes:
    tensor = make_tensor(external)
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in 'xy')
    nodes, initializers, functions = [helper.make_node('Identity', ['x'], ['y'])], [], []
    if place == 'initializer':
        initializers = [tensor]
    elif place == 'constant':
        nodes.append(helper.make_node('Constant', [], ['c'], value=tensor))
    elif place == 'sparse constant':
        indices = onnx.numpy_helper.from_array(np.arange(2), 'i')
        sparse = helper.make_sparse_tensor(tensor, indices, [2])
        nodes.append(helper.make_node('Constant', [], ['c'], sparse_value=sparse))
    elif place == 'branch of a branch':
        inner = helper.make_graph([helper.make_node('Identity', ['w'], ['z'])], 'g', [], [y], [tensor])
        for depth in range(3):
            node = helper.make_node('If', ['x'], [f'z{depth}'], then_branch=inner, else_branch=inner)
            inner = helper.make_graph([node], f'g{depth}', [], [y])
        nodes += inner.node
    elif place == 'function':
        node = helper.make_node('Constant', [], ['c'], value=tensor)
        functions = [helper.make_function('own', 'F', [], ['c'], [node], [helper.make_opsetid('', 17)])]
    graph = helper.make_graph(nodes, 'tiny', [x], [y], initializers)
    opsets = [helper.make_opsetid('', 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=functions).SerializeToString()


PLACES = 'initializer', 'constant', 'sparse constant', 'branch of a branch', 'function'


@pytest.mark.parametrize('place', PLACES)
def test_a_tensor_of_another_file_is_refused_and_one_of_its_own_is_not(place):
    require_one_file(make_model(place, external=False), 'x.onnx')
    with pytest.raises(UserInputError, match=r'x\.onnx keeps tensors in other files, which are not read'):
        require_one_file(make_model(place, external=True), 'x.onnx')


@pytest.mark.parametrize('form', ['location alone', 'key alone'])
def test_half_a_reference_is_one(form):
    model = onnx.load_from_string(make_model('initializer', external=True))
    model.graph.initializer[0].ClearField('external_data' if form == 'location alone' else 'data_location')
    with pytest.raises(UserInputError, match='keeps tensors in other files'):
        require_one_file(model.SerializeToString(), 'x.onnx')


def test_a_session_is_not_even_opened(tmp_path):
    pytest.importorskip('onnxruntime')
    (tmp_path / 'x.onnx').write_bytes(make_model('initializer', external=True))
    with pytest.raises(UserInputError, match=r'x\.onnx keeps tensors in other files'):
        open_session(tmp_path / 'x.onnx')


def test_what_is_cut_off_is_no_model():
    model = make_model('constant', external=False)
    for size in range(1, len(model)):
        try:
            require_one_file(model[:size], 'x.onnx')
        except UserInputError as error:
            assert 'damaged, or of another kind' in str(error)
    with pytest.raises(UserInputError, match='damaged'):
        require_one_file(b'\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01', 'x.onnx')
    deep = b''
    for _ in range(200):  # graphs of nodes of attributes of graphs
        for field in (b'\x32', b'\x2a', b'\x0a'):
            size, rest = len(deep), b''
            while size > 127:
                rest, size = rest + bytes([size & 127 | 128]), size >> 7
            deep = field + rest + bytes([size]) + deep
    with pytest.raises(UserInputError, match='damaged'):
        require_one_file(b'\x3a' + bytes([len(deep) & 127 | 128, len(deep) >> 7]) + deep, 'x.onnx')
