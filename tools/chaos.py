"""End short trainings at random moments, resume them until they are done, and compare them with one that was not ended.

Every training is the demo's DEL in small, in a process that is forked of this one, which has loaded all modules.
"""

from __future__ import annotations

import argparse
import gc
import mmap
import os
import random
import runpy
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner, ValLoop

import mmdel  # noqa: F401  the repairs of mmdel.compat come before anything is loaded
from mmdel.datasets import ensure_demo_data
from mmdel.engine.hooks import RunCheckpointHook
from mmdel.engine.loops import ResumableTrainLoop
from mmdel.utils.files import written_whole

ROOT = Path(__file__).resolve().parents[1]
CONFIG = """
_base_ = [{base!r}]
in_small = dict(batch_size=2)
train_dataloader = dict(dataset=dict(type='mmdel.EventDataset', {data}), **in_small)
val_dataloader = dict(dataset=dict(type='mmdel.EventDataset', {data}), **in_small)
test_dataloader = dict(dataset=dict(subset='train'))  # so that the best of a validation is kept
model = dict(
    backbone=dict(embed_dims=16, num_levels=3, align=dict(num_layers=1)),
    head=dict(feat_channels=16, point_generator=dict(regress_ranges=[(0, 4), (4, 8), (8, 10000)])),
)
train_cfg = dict(max_epochs=3, val_interval=1)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1), contrast=dict(start_epoch=1))
param_scheduler = [dict(type='mmengine.LinearLR', start_factor=0.1, by_epoch=False, end=6)]
"""
PHASES: dict[str, tuple[tuple[type, str], ...]] = {
    'starting, ending': (),
    'reading a checkpoint': ((Runner, 'load_or_resume'),),
    'training': ((ResumableTrainLoop, 'run_epoch'),),
    'validating': ((ValLoop, 'run'),),
    'writing a checkpoint': ((RunCheckpointHook, '_write'),),
    'writing the best': ((RunCheckpointHook, '_write_best'),),
    'removing the outdated': ((RunCheckpointHook, '_remove_outdated'),),
}
SIGNALS = {signal.SIGKILL: 0.8, signal.SIGTERM: 0.1, signal.SIGINT: 0.1}
COMPARED = 'state_dict', 'ema_state_dict', 'score_contrastive', 'optimizer', 'param_schedulers'
STATUS_OF_ENDED = {0, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM, 128 + signal.SIGINT}


class Training:
    """A training that is begun, ended and resumed until it is done."""

    def __init__(self, config: Path, work_dir: Path, generator: random.Random) -> None:
        self.config, self.work_dir, self.generator = config, work_dir, generator
        self.phase = mmap.mmap(-1, 1)
        self.ends: list[tuple[str, signal.Signals]] = []  # phase and signal of each
        self.process = 0
        self.end_time = float('inf')
        self.delay_sec: float | None = None  # from when it has started

    def start(self, durations_sec: tuple[float, float] | None) -> None:
        """Begins or resumes it.

        Args:
            durations_sec: How long it starts, and how long it then takes. It is to be ended at a random moment: of the
                former in one of six cases, else of the latter; None: it is left alone.
        """
        self.end_time, self.delay_sec, self.phase[0] = float('inf'), None, 0
        if durations_sec is not None and self.generator.random() < 1 / 6:
            self.end_time = time.monotonic() + self.generator.uniform(0, durations_sec[0])
        elif durations_sec is not None:
            self.delay_sec = self.generator.uniform(0, durations_sec[1])
        self.process = os.fork()
        if self.process == 0:
            self._run()

    def end_if_due(self) -> None:
        """Sends a signal once its time has come."""
        if self.delay_sec is not None and self.phase[0]:
            self.end_time, self.delay_sec = time.monotonic() + self.delay_sec, None
        if time.monotonic() >= self.end_time:
            (signum,) = self.generator.choices(list(SIGNALS), list(SIGNALS.values()))
            self.ends.append(([*PHASES][self.phase[0]], signum))
            self.end_time = float('inf')
            os.kill(self.process, signum)

    def status(self) -> int | None:
        """The exit status of its process, or minus the signal; None as long as it runs."""
        process, status = os.waitpid(self.process, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if process else None

    def result(self) -> dict[str, Any]:
        """What is compared: the last checkpoint's state, and the best's name and weights."""
        (best,) = self.work_dir.glob('best_*.pth')
        (last,) = self.work_dir.glob('epoch_*.pth')
        content = torch.load(last)
        return dict(
            best=(best.name, torch.load(best)['state_dict']), last=(last.name, [content[key] for key in COMPARED])
        )

    def _run(self) -> None:
        status = 1
        try:
            self.work_dir.mkdir(exist_ok=True)
            output = os.open(self.work_dir / 'output.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(output, 1)
            os.dup2(output, 2)
            for number, places in enumerate(PHASES.values()):
                for cls, name in places:
                    setattr(cls, name, self._noted(getattr(cls, name), number))
            Config.pretty_text = property(repr)  # most of a short training would be yapf's work
            sys.argv = ['train.py', str(self.config), '--resume', '--work-dir', str(self.work_dir)]
            runpy.run_path(str(ROOT / 'tools/train.py'), run_name='__main__')
            status = 0
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        except KeyboardInterrupt:  # before the tool has begun
            status = 128 + signal.SIGINT
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)

    def _noted(self, function: Callable, number: int) -> Callable:
        """Lets the parent process see that the function runs."""

        def call(*args: Any, **kwargs: Any) -> Any:
            before, self.phase[0] = self.phase[0], number
            try:
                return function(*args, **kwargs)
            finally:
                self.phase[0] = before

        return call


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=200, help='how often a training is ended (default: 200)')
    parser.add_argument('--processes', type=int, default=1, help='trainings at once (default: 1)')
    parser.add_argument('--seed', type=int, default=0, help='of the moments and signals (default: 0)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if torch.cuda.is_available():  # a process that uses a GPU cannot be forked
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, 'CUDA_VISIBLE_DEVICES': ''})
    torch.set_num_threads(1)  # nor can one with threads
    with tempfile.TemporaryDirectory() as folder:
        generator, config = random.Random(args.seed), write_config(Path(folder))
        whole = Training(config, Path(folder, 'whole'), generator)
        load_modules(config, Path(folder, 'first'))
        trainings = end_and_resume(args, generator, config, durations_of(whole))
        lost = print_table(trainings, whole.result())
    sys.exit(bool(lost))


def write_config(folder: Path) -> Path:
    """Writes a few demo videos, and a config that trains on them in a second."""
    data = ensure_demo_data(folder / 'demo', dict(train=4, test=2))
    options = f"ann_file='{data}/annotations.json'"
    os.environ['MMDEL_DEMO_ROOT'] = str(data)
    with written_whole(folder / 'small.py') as file:
        file.write(CONFIG.format(base=str(ROOT / 'configs/del_demo.py'), data=options))
    return folder / 'small.py'


def load_modules(config: Path, work_dir: Path) -> None:
    """Trains once in this process: most modules are loaded when they are needed."""
    sys.argv = ['train.py', str(config), '--work-dir', str(work_dir)]
    output = os.dup(1)
    with open(os.devnull, 'w') as nothing:
        os.dup2(nothing.fileno(), 1)
    runpy.run_path(str(ROOT / 'tools/train.py'), run_name='__main__')
    os.dup2(output, 1)
    gc.freeze()  # or mmengine, which collects garbage for each data set, looks through all of it


def durations_of(training: Training) -> tuple[float, float]:
    """How many seconds it starts and how many it then takes, left alone."""
    begin, started = time.monotonic(), 0.0
    training.start(None)
    while training.status() is None:
        if training.phase[0] and not started:
            started = time.monotonic()
        time.sleep(0.002)
    return started - begin, time.monotonic() - started


def end_and_resume(
    args: argparse.Namespace, generator: random.Random, config: Path, durations_sec: tuple[float, float]
) -> list[tuple[Training, str]]:
    """Trains until so many have been ended; each training, and what was wrong with it."""
    running: list[Training] = []
    done: list[tuple[Training, str]] = []
    num_ended = 0
    while running or num_ended < args.kills:
        while len(running) < args.processes and num_ended < args.kills:
            running.append(Training(config, config.parent / str(len(done) + len(running)), generator))
            running[-1].start(durations_sec)
        for training in list(running):
            training.end_if_due()
            status = training.status()
            if status is None:
                continue
            num_ended += status != 0
            if status and status in STATUS_OF_ENDED:
                training.start(durations_sec if num_ended < args.kills else None)
            else:
                running.remove(training)
                done.append((training, f'it ended with status {status}' if status else ''))
        time.sleep(0.002)
    return done


def print_table(trainings: list[tuple[Training, str]], whole: dict[str, Any]) -> int:
    """Prints how often trainings were ended in which phase and what came of them. How many are lost."""
    counts: Counter[tuple[str, str]] = Counter()
    num_of: Counter[str] = Counter()
    for training, fault in trainings:
        if not fault:
            fault = difference(training.result(), whole)
        outcome = 'lost' if fault else 'identical'
        num_of[outcome] += 1
        for phase, signum in training.ends:
            counts.update([(phase, 'ended'), (phase, signum.name), (phase, outcome)])
        if fault:
            print(
                f'{training.ends}: {fault}\n{(training.work_dir / "output.txt").read_text()[-3000:]}', file=sys.stderr
            )
    columns = ['ended', *(signum.name for signum in SIGNALS), 'identical', 'lost']
    print('| while | ' + ' | '.join(columns) + ' |\n|' + '---|' * (len(columns) + 1))
    for phase in PHASES:
        print(f'| {phase} | ' + ' | '.join(str(counts[phase, column]) for column in columns) + ' |')
    totals = [sum(counts[phase, column] for phase in PHASES) for column in columns]
    print('| all | ' + ' | '.join(map(str, totals)) + ' |')
    print(f'\n{len(trainings)} trainings: {num_of["identical"]} identical, {num_of["lost"]} lost')
    return num_of['lost']


def difference(one: Any, other: Any, place: str = '') -> str:
    """The first place where two states differ in any bit; empty if there is none."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return next((text for key in one if (text := difference(one[key], other[key], f'{place}/{key}'))), '')
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return next((text for index, pair in pairs if (text := difference(*pair, f'{place}/{index}'))), '')
    same = (
        torch.equal(one, other) if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor) else one == other
    )
    return '' if same else f'it differs in {place}'


if __name__ == '__main__':
    main()
