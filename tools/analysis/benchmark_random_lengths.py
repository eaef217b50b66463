"""What a training step takes on a CPU if each batch has another length, as random crops have, setting by setting.

Each row is a process of its own, with one setting more than the row before: as torch does it, with lengths rounded as
``pad_size_divisor`` does, and with what ``mmdel`` sets for a process. All draw the same lengths. The second half of the
batches counts: milliseconds of processor time of one thread.

Example:
    python tools/analysis/benchmark_random_lengths.py configs/del_grid.py --steps 600 1150 --divisor 64 --num-events 70
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import resource
import subprocess
import sys
import time
from statistics import mean

import torch
from benchmarking import random_batch
from model_runs import NUMBER_FORMATS, OwnRun, Trainer
from terminaltables import AsciiTable

from mmdel.utils.command_line import load_config
from mmdel.utils.config_options import add_config_options
from mmdel.utils.cpu_settings import NUM_KERNELS
from mmdel.utils.run_command import run_command

# What keeps the command from setting a process as the last rows have it: torch's own number, and a default of glibc's.
AS_TORCH = {NUM_KERNELS: '1024', 'GLIBC_TUNABLES': 'glibc.malloc.tcache_count=7'}
ROWS = {
    'as torch does it': [*AS_TORCH],
    'and round lengths': [*AS_TORCH],
    'and kernels kept': ['GLIBC_TUNABLES'],
    'and freed memory kept': [],
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('--steps', type=int, nargs=2, default=[600, 1150], metavar='T', help='(default: 600 1150)')
    parser.add_argument('--divisor', type=int, default=32, help='lengths are rounded up to its multiples (default: 32)')
    parser.add_argument('--batch-size', type=int, default=2, help='videos (default: 2)')
    parser.add_argument('--num-events', type=int, default=6, help='events of a video (default: 6)')
    parser.add_argument('--num-batches', type=int, default=60, help='(default: 60)')
    parser.add_argument('--format', choices=list(NUMBER_FORMATS), default='bf16', help='(default: bf16)')
    parser.add_argument('--row', type=int, choices=range(len(ROWS)), help=argparse.SUPPRESS)
    add_config_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.row is not None:
        print(json.dumps(measure(args)))
        return
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(('MALLOC_', *AS_TORCH))}
    table = [['', 'ms a step', 'of the first', 'peak memory, MB']]
    first_ms = None
    for row, (name, left) in enumerate(ROWS.items()):
        done = subprocess.run(
            [sys.executable, *sys.argv, '--row', str(row)],
            env=inherited | {setting: AS_TORCH[setting] for setting in left} | dict(OMP_NUM_THREADS='1'),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        ms, peak_mb = json.loads(done.stdout.splitlines()[-1])
        first_ms = first_ms or ms
        table.append([name, f'{ms:.0f}', f'{ms / first_ms:.2f}', f'{peak_mb:.0f}'])
    print(AsciiTable(table).table)


def measure(args: argparse.Namespace) -> tuple[float, float]:
    """A row: the mean milliseconds of a step, and the most MB that the process held."""
    logging.disable(logging.INFO)
    cfg = load_config(args)
    trainer = Trainer(cfg, 'contrast' in cfg.default_hooks, torch.device('cpu'))
    trainer.model.data_preprocessor.pad_size_divisor = args.divisor if args.row else 1
    lengths = random.Random(0)
    run, times = None, []
    for _ in range(args.num_batches):
        batch = random_batch(cfg, args.batch_size, lengths.randint(*args.steps), args.num_events)
        batch = trainer.model.data_preprocessor(batch, True)
        run = run or OwnRun(args.format, batch, trainer)
        run.batch = batch
        begun = time.process_time()
        run.step()
        times.append(1000 * (time.process_time() - begun))
    return mean(times[len(times) // 2 :]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == '__main__':
    run_command(main)
