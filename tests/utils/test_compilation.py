import copy

import pytest
import tiny_bundle
import torch
from ragged import ragged_batch, ragged_mask
from torch import nn
from torch._guards import CompileContext

from mmdel.models import layers
from mmdel.models.backbones import event_aligned
from mmdel.registry import MODELS
from mmdel.structures import StreamBatch
from mmdel.utils.compilation import BLOCKS, compile_model
from mmdel.utils.errors import UserInputError
from mmdel.utils.number_format import autocast, convert_weights


def make_model():
    options = tiny_bundle.make_bundle().model
    options['backbone']['num_levels'] = 2
    options['head']['point_generator']['regress_ranges'] = [[0, 4], [4, 1000]]
    torch.manual_seed(0)
    return MODELS.build(options).eval()


@torch.no_grad()
def test_a_graph_is_for_every_length_and_gives_what_the_model_gives():
    model, graphs = make_model(), []
    expected, tapped = copy.deepcopy(model), []

    def count(graph, inputs):
        graphs.append(CompileContext.current_compile_id().frame_id)
        return graph.forward

    compile_model(model, count)
    model.backbone.align.register_forward_hook(lambda module, args, output: tapped.append(output.streams['visual']))
    for lengths in ([301, 200, 4], [64, 9, 1], [1030, 3, 1, 2]):
        batch = ragged_batch(model.backbone.in_channels, lengths, noise=1.0, dtype=torch.float32)
        for found, right in zip(model(batch), expected(batch), strict=True):
            torch.testing.assert_close(found, right, atol=1e-5, rtol=1e-5)
        assert tapped.pop().shape[1] == max(lengths)
    assert len(set(graphs)) == 4  # alignment, block of the stem, neck and head
    assert max(map(graphs.count, graphs)) <= 3
    num = len(graphs)
    copied = copy.deepcopy(model)
    for parameter in copied.parameters():
        parameter.zero_()
    assert not copied(batch)[0].any() and model(batch)[0].any()
    assert len(graphs) == num


@torch.no_grad()
def test_converted_weights_are_compiled_as_others_are():
    model, graphs = make_model().cpu(), []
    convert_weights(model, 'bfloat16')
    batch = ragged_batch(model.backbone.in_channels, [301, 4], noise=1.0, dtype=torch.float32)
    batch = StreamBatch({name: x.cpu() for name, x in batch.streams.items()}, batch.mask.cpu())

    def count(graph, inputs):
        graphs.append(graph)
        return graph.forward

    with autocast(torch.device('cpu'), 'bfloat16'):
        expected = model(batch)
        compile_model(model, count)
        for found, right in zip(model(batch), expected, strict=True):
            torch.testing.assert_close(found, right, atol=0.02, rtol=0.02)
    assert len(graphs) >= 4
    assert not any('mkldnn' in str(node.target) for graph in graphs for node in graph.graph.nodes)


@pytest.mark.parametrize('window', [None, 5])
def test_causal_heads_are_one_graph_for_every_length(window):
    torch.manual_seed(0)
    block, graphs = layers.TransformerBlock(8, 2, window, causal_heads=True).eval(), []

    def count(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(block.forward, dynamic=True, fullgraph=True, backend=count)
    with torch.no_grad():
        for lengths in ([301, 4], [64, 9, 1]):
            x, mask = torch.randn(len(lengths), max(lengths), 8), ragged_mask(lengths)
            torch.testing.assert_close(compiled(x, mask)[mask], block(x, mask)[mask], atol=1e-5, rtol=1e-5)
    assert len(graphs) == 1


def test_what_cannot_be_compiled_is_said_in_one_line(monkeypatch):
    with pytest.raises(UserInputError, match='--compile works for an EventDetector, and the model is a Linear'):
        compile_model(nn.Linear(1, 1))
    monkeypatch.setenv('CXX', 'no-such-compiler')
    with pytest.raises(UserInputError, match=r'needs a C\+\+ compiler, and there is no no-such-compiler'):
        compile_model(make_model())
    assert {*dir(layers), *dir(event_aligned)}.issuperset(BLOCKS)
