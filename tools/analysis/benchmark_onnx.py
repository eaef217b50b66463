"""What the graph of ONNX Runtime takes on a CPU, by the format of its weights, beside PyTorch.

    python tools/analysis/benchmark_onnx.py configs/del_unav100.py
    python tools/analysis/benchmark_onnx.py configs/del_demo.py work_dirs/del_demo/epoch_25.pth

prints for each the size of the file, the time from the features of one video to the outputs of the head, its share of
PyTorch's in float32, each the median of rounds in turns in this process, and how far the outputs are from those of
PyTorch in float32, in units of their spread. With a checkpoint it also prints the mAP on the test data. Weights are
random without one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import torch
from mmengine.config import Config
from mmengine.runner import Runner, load_checkpoint
from terminaltables import AsciiTable
from torch import Tensor

from mmdel.features.onnx_session import open_session
from mmdel.inference.onnx_export import (
    OUTPUTS,
    DetectorGraph,
    WeightFormat,
    example,
    relative_error,
    store_weights,
    trace,
)
from mmdel.registry import MODELS
from mmdel.structures import StreamBatch
from mmdel.utils.read_config import read_config
from mmdel.utils.run_command import run_command

Forward = Callable[..., tuple[Tensor, ...]]


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file, or the name of one')
    parser.add_argument('checkpoint', nargs='?', help='weights, for the mAP on the test data of the config')
    parser.add_argument('--steps', type=int, default=224, help='steps of the video (default: %(default)s)')
    parser.add_argument('--repeats', type=int, default=15, help='rounds (default: %(default)s)')
    return parser.parse_args()


class Graph:
    """What a :class:`DetectorGraph` computes, by ONNX Runtime."""

    def __init__(self, content: bytes, graph: DetectorGraph) -> None:
        self.session = open_session(content)
        self.names = (*graph.streams, 'mask')

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Streams (B, T, C_s) and mask (B, T) → ``cls_logits``, ``offsets``."""
        feeds = {name: x.numpy() for name, x in zip(self.names, inputs, strict=True)}
        return tuple(map(torch.from_numpy, self.session.run(list(OUTPUTS), feeds)))


def main() -> None:
    """Run it."""
    args = parse_args()
    cfg = read_config(args.config)
    model = MODELS.build(cfg.model).eval()
    if args.checkpoint:
        load_checkpoint(model, args.checkpoint, map_location='cpu')
    graph = DetectorGraph(model).eval()

    def in_bfloat16(*inputs: Tensor) -> tuple[Tensor, ...]:
        with torch.autocast('cpu', torch.bfloat16):
            return graph(*inputs)

    traced = trace(graph)
    forwards: dict[str, Forward] = {'PyTorch, float32': graph, 'PyTorch, bfloat16': in_bfloat16}
    notes = {'PyTorch, float32': ('', '0'), 'PyTorch, bfloat16': ('', '')}
    for weights in get_args(WeightFormat):
        content = store_weights(traced, graph, weights)
        name, by_graph = f'ONNX Runtime, {weights}', Graph(content, graph)
        forwards[name] = by_graph
        notes[name] = f'{len(content) / 1e6:.1f}', f'{relative_error(by_graph.session, graph):.2g}'
    times = time_in_turns(forwards, example(model, 1, args.steps), args.repeats)
    rows = [['', 'file, MB', 'ms', 'share', 'error']]
    for name in forwards:
        shares = [own / reference for own, reference in zip(times[name], times['PyTorch, float32'], strict=True)]
        milliseconds, share = 1e3 * statistics.median(times[name]), statistics.median(shares)
        rows.append([name, notes[name][0], f'{milliseconds:.1f}', f'{share:.2f}', notes[name][1]])
    if args.checkpoint:
        rows[0].append('mAP')
        for row, forward in zip(rows[1:], forwards.values(), strict=True):
            row.append(f'{test(cfg, forward):.2f}')
    table = AsciiTable(rows)
    table.justify_columns = dict.fromkeys(range(1, len(rows[0])), 'right')
    print(f'T = {args.steps}, one video, {torch.get_num_threads()} threads\n{table.table}')


@torch.inference_mode()
def time_in_turns(forwards: dict[str, Forward], inputs: tuple[Tensor, ...], repeats: int) -> dict[str, list[float]]:
    """Seconds of each in each round, behind one that does not count."""
    times: dict[str, list[float]] = {name: [] for name in forwards}
    for _ in range(1 + repeats):
        for name, forward in forwards.items():
            start = time.perf_counter()
            forward(*inputs)
            times[name].append(time.perf_counter() - start)
    return {name: seconds[1:] for name, seconds in times.items()}


def test(cfg: Config, forward: Forward) -> float:
    """mAP on the test data in percent, with what ``forward`` gives in the place of the model's own."""
    with tempfile.TemporaryDirectory() as folder:
        cfg = cfg.copy()
        cfg.work_dir, cfg.log_level = folder, 'ERROR'
        cfg.experiment_name = Path(folder).name  # mmengine knows runners by it
        runner = Runner.from_cfg(cfg)
        runner.model.cpu()  # where the graphs compute
        head, backbone = runner.model.head, runner.model.backbone

        def pyramid(inputs: StreamBatch) -> tuple[StreamBatch, tuple[Tensor, ...]]:
            return inputs, backbone(inputs)[1]

        def predict(inputs: StreamBatch, masks: tuple[Tensor, ...], data_samples: list) -> list:
            outputs = forward(*(inputs.streams[name] for name in backbone.in_channels), inputs.mask)
            return head.predict_by_feat(*outputs, masks, data_samples)

        runner.model._pyramid, head.predict = pyramid, predict
        return runner.test()['event/mAP']


if __name__ == '__main__':
    run_command(main)
