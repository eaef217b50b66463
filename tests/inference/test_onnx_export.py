import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import tiny_bundle
import torch
from ragged import ragged_batch

from mmdel.inference import onnx_export
from mmdel.inference.onnx_export import export_onnx
from mmdel.registry import MODELS
from mmdel.utils.errors import UserInputError

LENGTHS = (1, 2, 7, 16, 17, 33, 100, 224, 500, 1030)


TRIDENT = dict(type='mmdel.TridentRegressor', num_bins=3)


def make_model(window=5, **head):
    options = tiny_bundle.make_bundle().model
    options['head'].update(head)
    align = dict(options['backbone']['align'], window_intra=window, window_cross=1)
    options['backbone'].update(attn_window=window, align=align, causal_heads=True)  # the neck's see both sides
    options['neck']['attn_window'] = window
    torch.manual_seed(0)
    model = MODELS.build(options).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1 if parameter.dim() > 1 else 1.0)
    return model


@pytest.mark.parametrize(('window', 'head'), [(None, {}), (5, {}), (5, dict(regressor=TRIDENT))])
def test_one_graph_gives_what_the_model_gives_for_every_length_and_padding(window, head, tmp_path):
    model = make_model(window, **head)
    export_onnx(model, tmp_path / 'model.onnx')
    session = onnxruntime.InferenceSession(str(tmp_path / 'model.onnx'))
    assert {(node.name, node.type) for node in session.get_inputs()} == {
        ('visual', 'tensor(float)'),
        ('audio', 'tensor(float)'),
        ('mask', 'tensor(bool)'),
    }
    for index, num_steps in enumerate(LENGTHS):
        lengths = [num_steps, max(num_steps // 3, 1), 0][: 1 + index % 3]
        batch = ragged_batch(model.backbone.in_channels, lengths, num_steps, noise=1.0, dtype=torch.float32)
        with torch.no_grad():
            expected = model(batch)
        inputs = {**{name: x.numpy() for name, x in batch.streams.items()}, 'mask': batch.mask.numpy()}
        for found, right in zip(session.run(['cls_logits', 'offsets'], inputs), expected, strict=True):
            torch.testing.assert_close(torch.from_numpy(found), right, atol=1e-4, rtol=1e-4)


@pytest.fixture(scope='module')
def graph():
    return onnx_export.DetectorGraph(make_model()).eval()


@pytest.fixture(scope='module')
def traced(graph):
    return onnx_export.trace(graph)


def test_half_precision_halves_the_weights_and_stays_within_a_hundredth(graph, traced, tmp_path):
    content = onnx_export.store_weights(traced, graph, 'float16')
    assert 1e-5 < onnx_export.largest_difference(onnxruntime.InferenceSession(content), graph) < 1e-2
    model = make_model()
    with torch.no_grad():
        model.backbone.align.project['visual'].weight[0, 0] = 1e5  # more than float16 holds
    with pytest.raises(UserInputError, match='half precision moves what the model puts out by'):
        export_onnx(model, tmp_path / 'other.onnx', 'float16')
    assert not list(tmp_path.iterdir())


def test_weights_of_8_bits_are_computed_with_and_stay_within_a_twentieth(graph, traced, monkeypatch, caplog):
    content = onnx_export.store_weights(traced, graph, 'int8')
    assert not caplog.records  # onnxruntime asks for what has been done
    assert 1e-4 < onnx_export.relative_error(onnxruntime.InferenceSession(content), graph) < 0.05
    loaded = onnx.load_from_string(content)
    kinds = Counter(node.op_type for node in loaded.graph.node)
    assert kinds['MatMulInteger'] > 20 and not {node.domain for node in loaded.graph.node} - {'', 'ai.onnx'}
    large = [item for item in loaded.graph.initializer if math.prod(item.dims) > 1000]
    assert {item.data_type for item in large if len(item.dims) == 2} == {onnx.TensorProto.INT8}
    monkeypatch.setattr(onnx_export, 'INT8_TOLERANCE', 1e-4)
    with pytest.raises(UserInputError, match=r'8 bits move what the model puts out by .*% of its spread: do without'):
        onnx_export.store_weights(traced, graph, 'int8')


@pytest.mark.parametrize('value', [0.5, math.nan])
def test_the_relative_error_is_in_units_of_the_spread(value, graph):
    """An output that is off by half of its standard deviation everywhere, the other right."""
    with torch.no_grad():
        outputs = [
            [x.numpy() for x in graph(*onnx_export.example(graph.model, 2, n))] for n in onnx_export.CHECKED_LENGTHS
        ]
    shift = value * np.concatenate([logits.ravel() for logits, _ in outputs]).std()
    runs = iter([logits + shift, offsets] for logits, offsets in outputs)
    session = SimpleNamespace(get_inputs=lambda: [], run=lambda names, arrays: next(runs))
    assert onnx_export.relative_error(session, graph) == pytest.approx(value, rel=1e-4, nan_ok=True)
