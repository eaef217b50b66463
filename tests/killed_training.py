"""Small trainings in forked processes, that end in the middle of whatever they do; and what they leave."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import tiny_training
import torch
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.registry import METRICS

from mmdel.registry import RUNNERS  # noqa: F401  mmdel's parts are registered
from mmdel.utils.run_command import run_command
from mmdel.utils.work_dir import claim_work_dir

NUM_ITERS = 4  # of an epoch
DEAD = 9
OF_TIME = 'time', 'memory'  # what a log says of the machine
LOADER = dict(dataset=dict(type='TinyDataset'), batch_size=4, sampler=dict(type='DefaultSampler', shuffle=False))


@METRICS.register_module(force=True)
class Rising(BaseMetric):
    """A score of the model's own that grows while it is trained: each validation finds a new best."""

    default_prefix = 'tiny'

    def process(self, data_batch, data_samples):
        self.results += [0] * len(data_samples)

    def compute_metrics(self, results):
        return dict(score=float(Watch.runner.iter))


class Watch(Hook):
    """Calls ``each`` before and after an iteration of training or validation, with what it is: 'val 3'."""

    priority = 'VERY_LOW'
    runner: Any = None

    def __init__(self, each: Callable[[str], None]) -> None:
        self.each = each

    def before_train(self, runner):
        Watch.runner = runner

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.each(f'train {runner.iter}')

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.each(f'val {runner.epoch}')


def config(work_dir: Path, *, resume: bool = False, num_workers: int = 0, val_interval: int = 1, **options):
    """A training of two epochs of four iterations, with everything that has a state."""
    names = dict(checkpoint_check='CheckpointCheckHook', finite='FiniteCheckHook', epoch_seed='EpochSeedHook')
    cfg = tiny_training.config(
        work_dir,
        [tiny_training.contrastive_hook(start_epoch=1), dict(type='EMAHook', momentum=0.1)],
        max_epochs=2,
        batch_size=2,
        val_dataloader=LOADER,
        val_cfg=dict(),
        val_evaluator=dict(type='Rising'),
        resume=resume,
        **options,
    )
    checkpoint = dict(
        type='mmdel.RunCheckpointHook', interval=1, max_keep_ckpts=1, save_best='tiny/score', rule='greater'
    )
    cfg.default_hooks.update(
        checkpoint=checkpoint, **{name: dict(type=f'mmdel.{kind}') for name, kind in names.items()}
    )
    cfg.train_cfg = dict(type='mmdel.ResumableTrainLoop', max_epochs=2, val_interval=val_interval)
    cfg.train_dataloader.update(num_workers=num_workers, worker_init_fn=dict(type='mmdel.begin_worker'))
    return cfg


def train(cfg, each: Callable[[str], None] = lambda now: None) -> None:
    if is_main_process():
        claim_work_dir(cfg.work_dir)
    runner = tiny_training.Runner.from_cfg(cfg)
    runner.register_hook(Watch(each))
    runner.train()


def start(function: Callable[[], None]) -> tuple[int, IO[bytes]]:
    """Begins to run a command in a forked process: its id, and the file of what it prints."""
    printed = tempfile.TemporaryFile()  # noqa: SIM115
    process = os.fork()
    if process == 0:
        status = 1
        try:
            sys.stdout = sys.stderr = open(os.dup(printed.fileno()), 'w', buffering=1)  # noqa: SIM115
            run_command(function)
            status = 0
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return process, printed


def finish(process: int, printed: IO[bytes]) -> tuple[int, str]:
    """Waits for its end: the exit status, or minus the signal, and what it printed."""
    _, status = os.waitpid(process, 0)
    printed.seek(0)
    with printed:
        return os.waitstatus_to_exitcode(status), printed.read().decode(errors='replace')


def forked(function: Callable[[], None]) -> tuple[int, str]:
    """Runs a command in a forked process."""
    return finish(*start(function))


def die_before(operation: int) -> None:
    """Has this process die before it renames or removes its n-th file from now on, counted from 0.

    Between these, nothing changes in a work directory but half files that nobody names.
    """
    left = [operation]

    def counted(function):
        def call(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                os._exit(DEAD)
            return function(*args, **kwargs)

        return call

    os.replace, os.remove = map(counted, (os.replace, os.remove))


def assert_same(one: Any, other: Any, place: str = '') -> None:
    """Two checkpoints are alike, bit for bit, but for what they say of time and machine."""
    assert type(one) is type(other), place
    if isinstance(one, dict):
        keys = [{key for key in each if not str(key).endswith(OF_TIME)} for each in (one, other)]
        assert keys[0] == keys[1], (place, keys[0] ^ keys[1])
        # mmengine's version has the commit of the folder, which may change meanwhile
        told = {'cfg', 'experiment_name', 'last_ckpt', 'best_ckpt', 'resumed_keys', 'mmengine_version'}
        for key in keys[0] - told:
            assert_same(one[key], other[key], f'{place}/{key}')
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), place
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f'{place}/{index}')
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), place
    elif hasattr(one, 'data'):  # a history
        assert_same([column.tolist() for column in one.data], [column.tolist() for column in other.data], place)
    else:
        assert one == other, place


def content(work_dir: Path) -> set[str]:
    """The files of a work directory that are or were to be checkpoints."""
    return {path.name for path in work_dir.iterdir() if '.pth' in path.name or 'last_checkpoint' in path.name}
