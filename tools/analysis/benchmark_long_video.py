"""Time and peak memory of long videos of random features: windows against one piece, or hours that stream by.

Each peak is that of a process of its own, since it never falls; the times of one length are measured in one process, in
turns.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch
from benchmarking import random_batch
from mmengine.config import Config
from mmengine.registry import MODELS
from terminaltables import AsciiTable

import mmdel  # noqa: F401  the repairs of mmdel.compat come before anything is loaded
from mmdel.structures import EventDataSample, FeatureGrid
from mmdel.utils.number_format import NumberFormat, add_amp_option, autocast, choose, convert_weights
from mmdel.utils.read_config import read_config
from mmdel.utils.run_command import run_command

CPU = torch.device('cpu')
BLOCK_STEPS = 250  # that come at once in a stream, ten seconds of them


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', nargs='?', default='configs/del_thumos14.py', help='config file (default: THUMOS14)')
    parser.add_argument('--lengths', type=int, nargs='+', default=[2304, 5000, 10000, 20000], help='feature steps T')
    parser.add_argument('--window', type=int, default=2304, help='steps of a window (default: 2304)')
    parser.add_argument('--overlap', type=float, help='of the windows (default: what the model sees)')
    parser.add_argument('--repeats', type=int, default=3, help='of which the median time counts (default: 3)')
    parser.add_argument('--hours', type=float, nargs='+', help='stream so many hours instead, nothing in one piece')
    add_amp_option(parser, default='off')
    parser.add_argument('--hz', type=float, default=25.0, help='feature steps a second of --hours (default: 25)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    read_config(args.config)
    test_cfg = dict(window=args.window, overlap=args.overlap)
    number_format = choose(CPU, args.amp or 'off')
    rows: list[list[Any]] = []
    if args.hours:
        head = ['hours', 'steps', 'peak memory of the process', 'time', 'of it suppression', 'a step', 'events']
        for hours in args.hours:
            num_steps = round(hours * 3600 * args.hz)
            peak, seconds, suppression, events = apart(stream, args.config, num_steps, test_cfg, number_format)
            a_step = f'{1e3 * seconds / num_steps:.2f} ms'
            times = f'{seconds:.1f} s', f'{suppression:.1f} s', a_step
            rows.append([f'{hours:g}', num_steps, f'{peak:.2f} GB', *times, events])
            print(rows[-1], flush=True)
    else:
        head = ['steps', 'in one piece (reference)', f'in windows of {args.window}', 'ratio of memory, of time']
        for length in args.lengths:
            peaks = [apart(peak_of_one, args.config, length, option, number_format) for option in (None, test_cfg)]
            seconds = apart(seconds_in_turns, args.config, length, test_cfg, number_format, args.repeats)
            cells = [f'{memory:.2f} GB, {second:.1f} s' for memory, second in zip(peaks, seconds, strict=True)]
            rows.append([length, *cells, f'{peaks[1] / max(peaks[0], 0.001):.2f}, {seconds[1] / seconds[0]:.2f}'])
            print(rows[-1], flush=True)
    print(AsciiTable([head, *rows]).table)


def apart(measure: Callable[..., Any], *args: Any) -> Any:
    """What a function gives in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:
        return pool.submit(measure, *args).result()


def build(config: str, test_cfg: dict | None, number_format: NumberFormat) -> tuple[Config, Any]:
    """A config and its model with random weights."""
    torch.manual_seed(0)
    cfg = Config.fromfile(config)
    with MODELS.switch_scope_and_registry(cfg.get('default_scope')):
        model = MODELS.build(dict(**cfg.model, test_cfg=test_cfg)).eval()
    model.data_preprocessor.pad_size_divisor = 1  # as many steps as asked for
    convert_weights(model, number_format)
    return cfg, model


def peak_of_one(config: str, length: int, test_cfg: dict | None, number_format: NumberFormat) -> float:
    """Peak memory in GB above that of the loaded model and features of one prediction."""
    cfg, model = build(config, test_cfg, number_format)
    batch = model.data_preprocessor(random_batch(cfg, 1, length))
    before = peak_gb()
    with torch.no_grad(), autocast(CPU, number_format):
        model(**batch, mode='predict')
    return peak_gb() - before


def seconds_in_turns(
    config: str, length: int, test_cfg: dict, number_format: NumberFormat, repeats: int
) -> list[float]:
    """Median seconds of one prediction, in one piece and in windows, in turns."""
    cfg, model = build(config, test_cfg, number_format)
    batch = model.data_preprocessor(random_batch(cfg, 1, length))
    times: list[list[float]] = [[], []]
    for _ in range(repeats):
        for sliding, taken in zip((None, model.sliding_window), times, strict=True):
            windows, model.sliding_window = model.sliding_window, sliding
            begun = time.perf_counter()
            with torch.no_grad(), autocast(CPU, number_format):
                model(**batch, mode='predict')
            taken.append(time.perf_counter() - begun)
            model.sliding_window = windows
    return [statistics.median(taken) for taken in times]


def stream(config: str, num_steps: int, test_cfg: dict, number_format: NumberFormat) -> tuple[float, float, float, int]:
    """Of a video that comes in blocks: peak memory of the process in GB, seconds, those of suppression, and events."""
    cfg, model = build(config, test_cfg, number_format)
    block = model.data_preprocessor(random_batch(cfg, 1, 10 * BLOCK_STEPS))['inputs'].streams
    metainfo = dict(video_id='x', duration_sec=math.inf, num_steps=num_steps, grid=FeatureGrid(1, 1, 25))
    sample = EventDataSample(metainfo=metainfo)
    taken: list[float] = []
    suppress = model.head.finish

    def finish(*args: Any) -> Any:
        begun = time.perf_counter()
        found = suppress(*args)
        taken.append(time.perf_counter() - begun)
        return found

    model.head.finish = finish
    begun = time.perf_counter()
    with torch.inference_mode(), autocast(CPU, number_format):
        video = model.open_stream()
        for first in range(0, num_steps, BLOCK_STEPS):
            place, size = first % (10 * BLOCK_STEPS), min(BLOCK_STEPS, num_steps - first)
            video.push({name: x[0, place : place + size].clone() for name, x in block.items()})
        events = video.finish(sample)
    return peak_gb(), time.perf_counter() - begun, taken[0], len(events.scores)


def peak_gb() -> float:
    """The most memory that this process ever had; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == '__main__':
    run_command(main)
