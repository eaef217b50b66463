"""Time and peak memory of predicting one long video of random features, in one piece and in sliding windows."""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor

import torch
from benchmarking import random_batch
from mmengine.config import Config
from mmengine.registry import MODELS
from terminaltables import AsciiTable

import mmdel  # noqa: F401  the repairs of mmdel.compat come before anything is loaded
from mmdel.utils.read_config import read_config
from mmdel.utils.run_command import run_command


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', nargs='?', default='configs/del_thumos14.py', help='config file (default: THUMOS14)')
    parser.add_argument('--lengths', type=int, nargs='+', default=[2304, 5000, 10000, 20000], help='feature steps T')
    parser.add_argument('--window', type=int, default=2304, help='steps of a sliding window (default: 2304)')
    parser.add_argument('--overlap', type=float, default=0.5, help='of the windows (default: 0.5)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    read_config(args.config)
    window = dict(window=args.window, overlap=args.overlap, batch_size=1)
    rows = []
    for length in args.lengths:
        whole, slid = (measure_apart(args.config, length, test_cfg) for test_cfg in (None, window))
        ratio = f'{slid[0] / whole[0]:.2f}, {slid[1] / whole[1]:.2f}'
        rows.append([length, *(f'{memory:.2f} GB, {seconds:.1f} s' for memory, seconds in (whole, slid)), ratio])
        print(rows[-1], flush=True)
    head = ['steps', 'in one piece (reference)', f'in windows of {args.window}', 'ratio of memory, of time']
    print(AsciiTable([head, *rows]).table)


def measure_apart(config: str, length: int, test_cfg: dict | None) -> tuple[float, float]:
    """:func:`measure` in a process of its own, since a process's peak of memory never falls."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:
        return pool.submit(measure, config, length, test_cfg).result()


def measure(config: str, length: int, test_cfg: dict | None) -> tuple[float, float]:
    """Peak memory in GB above that of the loaded model and features, and seconds, of one prediction."""
    torch.manual_seed(0)
    cfg = Config.fromfile(config)
    with MODELS.switch_scope_and_registry(cfg.get('default_scope')):
        model = MODELS.build(dict(**cfg.model, test_cfg=test_cfg)).eval()
    batch = model.data_preprocessor(random_batch(cfg, 1, length))
    before, started = peak_gb(), time.perf_counter()
    with torch.no_grad():
        model(**batch, mode='predict')
    return peak_gb() - before, time.perf_counter() - started


def peak_gb() -> float:
    """The most memory that this process ever had; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == '__main__':
    run_command(main)
