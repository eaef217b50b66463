"""Train and test for long, and print the process's memory all the while: it should stay flat.

Checkpoints are written and old ones deleted as in any training; the videos of the test split are predicted again and
again, without a metric, which has to keep what it measures.

Example (minutes on one core):
    python tools/analysis/measure_memory.py configs/del_demo.py --cfg-options model.backbone.embed_dims=16 \\
        model.head.feat_channels=16 train_dataloader.batch_size=1 default_hooks.contrast.loss.proj_dims=8
"""

from __future__ import annotations

import argparse
import gc
import math
import tempfile
from functools import partial
from pathlib import Path

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdel.datasets.from_config import build_datasets
from mmdel.utils.command_line import build_runner, load_config
from mmdel.utils.config_options import add_config_options
from mmdel.utils.run_command import run_command

NUM_ROWS = 10


def memory_mb() -> float:
    """What the process holds now, in MB; on a GPU, what torch holds there."""
    gc.collect()
    if torch.cuda.is_available():
        return torch.cuda.memory_allocated() / 1e6
    return int(Path('/proc/self/statm').read_text().split()[1]) * 4096 / 1e6


class MemoryHook(Hook):
    """Prints the memory every so many iterations."""

    def __init__(self, interval: int) -> None:
        self.interval = interval

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict, outputs: dict) -> None:
        """Prints a row."""
        if (runner.iter + 1) % self.interval == 0:
            print(f'| {runner.iter + 1} iterations | {memory_mb():.1f} |', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('--iterations', type=int, default=10_000, help='of the training (default: 10000)')
    parser.add_argument('--videos', type=int, default=10_000, help='that are predicted (default: 10000)')
    add_config_options(parser)
    args = parser.parse_args()
    cfg = load_config(args)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = cfg.param_scheduler = None
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        cfg.default_hooks.logger = dict(type='mmengine.LoggerHook', interval=10**9, log_metric_by_epoch=False)
        runner = build_runner(cfg, partial(build_datasets, cfg, 'train', 'test'))
        num_epochs = math.ceil(args.iterations / len(runner.train_dataloader))
        loop = runner.train_loop
        loop._max_epochs, loop._max_iters = num_epochs, num_epochs * len(runner.train_dataloader)
        runner.register_hook(MemoryHook(max(args.iterations // NUM_ROWS, 1)))
        print('| | MB |\n|---|---|', flush=True)
        runner.train()
        predict(runner, args.videos)


def predict(runner: Runner, num_videos: int) -> None:
    """Predicts videos, the loader's again and again, and prints the memory all the while."""
    runner.model.eval()
    loader = runner.build_dataloader(runner._test_dataloader)
    done, interval = 0, max(num_videos // NUM_ROWS, 1)
    while done < num_videos:
        for batch in loader:
            with torch.no_grad():
                num = len(runner.model.test_step(batch))
            if (done + num) // interval > done // interval:
                print(f'| {done + num} videos | {memory_mb():.1f} |', flush=True)
            done += num


if __name__ == '__main__':
    run_command(main)
