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


def make_model(window=5):
    options = tiny_bundle.make_bundle().model
    align = dict(options['backbone']['align'], window_intra=window, window_cross=1)
    options['backbone'].update(attn_window=window, align=align, causal_heads=True)  # the neck's see both sides
    options['neck']['attn_window'] = window
    torch.manual_seed(0)
    model = MODELS.build(options).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1 if parameter.dim() > 1 else 1.0)
    return model


@pytest.mark.parametrize('window', [None, 5])
def test_one_graph_gives_what_the_model_gives_for_every_length_and_padding(window, tmp_path):
    model = make_model(window)
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


def test_half_precision_halves_the_weights_and_stays_within_a_hundredth(tmp_path):
    model = make_model()
    export_onnx(model, tmp_path / 'half.onnx', half=True)
    content = (tmp_path / 'half.onnx').read_bytes()
    graph = onnx_export.DetectorGraph(model)
    assert 1e-5 < onnx_export.largest_difference(onnxruntime.InferenceSession(content), graph) < 1e-2
    with torch.no_grad():
        model.backbone.align.project['visual'].weight[0, 0] = 1e5  # more than float16 holds
    with pytest.raises(UserInputError, match='half precision moves what the model puts out by'):
        export_onnx(model, tmp_path / 'other.onnx', half=True)
    assert [path.name for path in tmp_path.iterdir()] == ['half.onnx']
