"""A detector as an ONNX graph, from the features to what its head puts out.

Shapes: B videos, T steps, C_s channels of stream s, P points of all levels, C classes, R regressions of a point.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmdel.features.onnx_session import open_session
from mmdel.models.detectors import EventDetector
from mmdel.structures import StreamBatch
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import written_whole
from mmdel.utils.optional import require

OPSET = 17  # the first with layer normalisation
OUTPUTS = ('cls_logits', 'offsets')
CHECKED_LENGTHS = (1, 7, 64, 150)
TOLERANCE, HALF_TOLERANCE = 1e-4, 1e-2
MIN_HALVED = 64  # numbers of a tensor: smaller ones are shapes, biases and scales, not worth a rounding


class DetectorGraph(nn.Module):
    """A detector's forward pass over tensors: the streams it reads, in order, then the mask."""

    def __init__(self, model: EventDetector) -> None:
        super().__init__()
        self.model = model
        self.streams = tuple(model.backbone.in_channels)

    def forward(self, *inputs: Tensor) -> Any:
        """Streams (B, T, C_s) and mask (B, T) → ``cls_logits`` (B, P, C), ``offsets`` (B, P, R, 2)."""
        *streams, mask = inputs
        return self.model(StreamBatch(dict(zip(self.streams, streams, strict=True)), mask))


def export_onnx(model: EventDetector, path: Path, half: bool = False) -> None:
    """Writes a detector as an ONNX graph for any number of videos and steps, windows of attention included.

    The inputs are the streams that the model reads, by their names, float32 (B, T, C_s), and ``mask``, bool (B, T). The
    outputs are ``cls_logits`` and ``offsets``, float32, exactly those of the head, the points of the levels one after
    the other. The file appears once ONNX Runtime gave what the model gives, over several lengths.

    It is made by PyTorch's tracing exporter: the one on ``torch.export`` takes minutes to reason about the lengths of
    six levels, each half of the one before.

    Args:
        model: The detector, on the CPU. It is left in evaluation mode.
        path: The file, ``model.onnx``.
        half: Whether weights are stored in half precision. ONNX Runtime has next to no arithmetic in it on a CPU, so it
            widens them once, when it opens the file, and computes in float32.

    Raises:
        UserInputError: If onnx or onnxruntime is not installed, or the weights do not bear half precision.
        RuntimeError: If the graph gives something else than the model.
    """
    graph = DetectorGraph(model.eval()).eval()
    names = [*graph.streams, 'mask']
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of what a trace may miss, which is what the check is for
        torch.onnx.export(
            graph,
            example(model, 2, 40),
            buffer,  # type: ignore[arg-type]  # a file-like object, as ever
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=list(OUTPUTS),
            dynamic_axes={
                **{name: {0: 'batch', 1: 'time'} for name in names},
                **{name: {0: 'batch', 1: 'point'} for name in OUTPUTS},
            },
        )
    content = halve_weights(buffer.getvalue()) if half else buffer.getvalue()
    difference = largest_difference(open_session(content), graph)
    if not difference <= (HALF_TOLERANCE if half else TOLERANCE):  # NaN, too
        if half:
            raise UserInputError(f'half precision moves what the model puts out by {difference:.2g}: do without')
        raise RuntimeError(f'the ONNX graph of the model is off by {difference:.2g}')
    with written_whole(path, 'wb') as file:
        file.write(content)


def example(model: EventDetector, num_videos: int, num_steps: int) -> tuple[Tensor, ...]:
    """Random inputs of a :class:`DetectorGraph`; all videos but the first are padded, to the half of the steps."""
    generator = torch.Generator().manual_seed(num_steps)
    widths = model.backbone.in_channels.values()
    lengths = torch.full((num_videos, 1), (num_steps + 1) // 2).index_fill_(0, torch.tensor([0]), num_steps)
    streams = (torch.randn(num_videos, num_steps, width, generator=generator) for width in widths)
    return (*streams, torch.arange(num_steps) < lengths)


def largest_difference(session: Any, graph: DetectorGraph) -> float:
    """How far the graph in a session is from the model: absolute below 1, relative above; NaN if one is not finite."""
    worst = 0.0
    for num_steps in CHECKED_LENGTHS:
        inputs = example(graph.model, 2, num_steps)
        with torch.no_grad():
            expected = graph(*inputs)
        feeds = {node.name for node in session.get_inputs()}  # without a stream that changes nothing
        arrays = {name: x.numpy() for name, x in zip((*graph.streams, 'mask'), inputs, strict=True) if name in feeds}
        for found, right in zip(session.run(list(OUTPUTS), arrays), expected, strict=True):
            difference = np.abs(found - right.numpy()) / np.maximum(np.abs(right.numpy()), 1.0)
            worst = float(np.maximum(worst, difference.max()))  # keeps NaN
    return worst


def halve_weights(content: bytes) -> bytes:
    """A model whose large float32 tensors are stored in float16, each with a cast that brings it back."""
    onnx = require('onnx', 'onnx')
    model, casts = onnx.load_from_string(content), []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < MIN_HALVED:
            continue
        with np.errstate(over='ignore'):
            halved = onnx.numpy_helper.from_array(values.astype(np.float16), f'{tensor.name}.half')
        casts.append(onnx.helper.make_node('Cast', [halved.name], [tensor.name], to=onnx.TensorProto.FLOAT))
        tensor.CopyFrom(halved)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model.SerializeToString()
