"""A detector as an ONNX graph, from the features to what its head puts out.

Shapes: B videos, T steps, C_s channels of stream s, P points of all levels, C classes, R regressions of a point.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from mmdel.features.onnx_session import open_session
from mmdel.models.detectors import EventDetector
from mmdel.structures import StreamBatch
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import written_whole
from mmdel.utils.optional import require

WeightFormat: TypeAlias = Literal['float32', 'float16', 'int8']
OPSET = 17  # the first with layer normalisation
OUTPUTS = ('cls_logits', 'offsets')
CHECKED_LENGTHS = (1, 7, 64, 150)
TOLERANCE, HALF_TOLERANCE, INT8_TOLERANCE = 1e-4, 1e-2, 5e-2
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


def export_onnx(model: EventDetector, path: Path, weights: WeightFormat = 'float32') -> None:
    """Writes a detector as an ONNX graph for any number of videos and steps, windows of attention included.

    The inputs are the streams that the model reads, by their names, float32 (B, T, C_s), and ``mask``, bool (B, T). The
    outputs are ``cls_logits`` and ``offsets``, float32, exactly those of the head, the points of the levels one after
    the other. The file appears once ONNX Runtime gave what the model gives, over several lengths.

    Args:
        model: The detector, on the CPU. It is left in evaluation mode.
        path: The file, ``model.onnx``.
        weights: How they are stored, see :func:`store_weights`.

    Raises:
        UserInputError: If onnx or onnxruntime is not installed, or the weights do not bear the format.
        RuntimeError: If the graph gives something else than the model.
    """
    graph = DetectorGraph(model.eval()).eval()
    content = store_weights(trace(graph), graph, weights)
    with written_whole(path, 'wb') as file:
        file.write(content)


def trace(graph: DetectorGraph) -> bytes:
    """The graph in ONNX, as the content of its file, whose outputs are the model's.

    It is made by PyTorch's tracing exporter: the one on ``torch.export`` takes minutes to reason about the lengths of
    six levels, each half of the one before.
    """
    names = [*graph.streams, 'mask']
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of what a trace may miss, which is what the check is for
        torch.onnx.export(
            graph,
            example(graph.model, 2, 40),
            buffer,  # type: ignore[arg-type]  # the tracing exporter takes one
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=list(OUTPUTS),
            dynamic_axes={
                **{name: {0: 'batch', 1: 'time'} for name in names},
                **{name: {0: 'batch', 1: 'point'} for name in OUTPUTS},
            },
        )
    content = buffer.getvalue()
    if not (difference := largest_difference(open_session(content), graph)) <= TOLERANCE:  # NaN, too
        raise RuntimeError(f'the ONNX graph of the model is off by {difference:.2g}')
    return content


def store_weights(content: bytes, graph: DetectorGraph, weights: WeightFormat) -> bytes:
    """A traced graph with its weights in another format, as the content of its file.

    Of 'float16', ONNX Runtime widens them once, when it opens the file, and computes in float32: it has next to no
    arithmetic in it on a CPU. Of 'int8' it computes products with weights in 8 bits, see :func:`quantize_weights`.

    Raises:
        UserInputError: If that moves what the model puts out too far.
    """
    if weights == 'float16':
        content = halve_weights(content)
        if not (difference := largest_difference(open_session(content), graph)) <= HALF_TOLERANCE:
            raise UserInputError(f'half precision moves what the model puts out by {difference:.2g}: do without')
    if weights == 'int8':
        content = quantize_weights(content)
        if not (error := relative_error(open_session(content), graph)) <= INT8_TOLERANCE:
            raise UserInputError(f'8 bits move what the model puts out by {error:.0%} of its spread: do without')
    return content


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
    for found, right in _outputs(session, graph):
        difference = np.abs(found - right) / np.maximum(np.abs(right), 1.0)
        worst = float(np.maximum(worst, difference.max()))  # keeps NaN
    return worst


def relative_error(session: Any, graph: DetectorGraph) -> float:
    """Root mean square of the graph's distance from the model, over the standard deviation of what that puts out.

    The worse of the two outputs; NaN if one is not finite.
    """
    pairs = [[array.ravel() for array in pair] for pair in _outputs(session, graph)]
    errors = []
    for output in range(len(OUTPUTS)):
        found, right = (np.concatenate(arrays) for arrays in zip(*pairs[output :: len(OUTPUTS)], strict=True))
        errors.append(math.sqrt(np.square(found - right).mean()) / right.std())
    return float(np.max(errors))  # keeps NaN


def _outputs(session: Any, graph: DetectorGraph) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What the graph in a session and the model put out for the same inputs, of each checked length and output."""
    for num_steps in CHECKED_LENGTHS:
        inputs = example(graph.model, 2, num_steps)
        with torch.no_grad():
            expected = graph(*inputs)
        feeds = {node.name for node in session.get_inputs()}  # without a stream that changes nothing
        arrays = {name: x.numpy() for name, x in zip((*graph.streams, 'mask'), inputs, strict=True) if name in feeds}
        for found, right in zip(session.run(list(OUTPUTS), arrays), expected, strict=True):
            yield found, right.numpy()


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


def quantize_weights(content: bytes) -> bytes:
    """A model whose products with weights are of 8-bit integers.

    Each output of a product has a scale of its own for its weights; what is multiplied with them is brought to 8 bits
    by the range that it has at that moment, over all videos of the batch. What is no product with weights stays
    float32. Weights have 7 bits, since processors without instructions for it would overflow.
    """
    runtime, onnx = require('onnxruntime', 'onnx'), require('onnx', 'onnx')
    from onnxruntime import quantization

    with TemporaryDirectory() as folder:
        folded, quantized = Path(folder) / 'folded.onnx', Path(folder) / 'quantized.onnx'
        options = runtime.SessionOptions()
        # Weights that reach their products by way of a transposition are computed once: only constants are quantized.
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(folded)
        options.log_severity_level = 3  # errors
        runtime.InferenceSession(content, options, providers=['CPUExecutionProvider'])
        model = onnx.load(folded)
        quantization.quant_utils.add_pre_process_metadata(model)  # else it is asked for
        quantization.quantize_dynamic(
            model,
            quantized,
            op_types_to_quantize=['MatMul', 'Gemm'],
            per_channel=True,
            reduce_range=True,
            weight_type=quantization.QuantType.QInt8,
        )
        return quantized.read_bytes()
