"""What the command-line tools share that take configs: options, launchers, runners."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger, print_log
from mmengine.registry import HOOKS, RUNNERS
from mmengine.runner import Runner

from mmdel.utils.check_config import check_config
from mmdel.utils.checkpoints import checkpoint_folder, latest_checkpoint, require_checkpoint
from mmdel.utils.config_build import told_by_place
from mmdel.utils.config_options import add_config_options, merge_options
from mmdel.utils.config_relations import require_groups
from mmdel.utils.errors import UserInputError
from mmdel.utils.prepare_config import prepare_config
from mmdel.utils.read_config import in_config, read_config
from mmdel.utils.screen import ScreenRunner
from mmdel.utils.work_dir import claim_work_dir

RANK_VARIABLES = dict(pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK')  # by launcher


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """The options that training and testing share, named as in MMAction2."""
    parser.add_argument('--work-dir', help='folder for logs and checkpoints (default: work_dirs/<name of the config>)')
    add_config_options(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def load_config(args: argparse.Namespace) -> Config:
    """The config file of a command line, with its launcher, work_dir and cfg_options put in.

    Raises:
        UserInputError: If there is no such file or it cannot be read, an option does not fit the config or would have
            no effect, or the config has a mistake, see :func:`~mmdel.utils.check_config.check_config`.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = read_config(args.config)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs', Path(args.config).stem))
    if args.cfg_options:
        merge_options(cfg, args.cfg_options)
    with in_config(args.config):
        check_config(cfg)
    return cfg


def require_writable(option: str, path: str) -> None:
    """Before any time is spent: a file can be written at ``path``; its folder is made.

    Raises:
        UserInputError: If it cannot.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=Path(path).parent, prefix=f'.{Path(path).name}.'):
            pass
        if Path(path).exists():
            with open(path, 'ab'):
                pass
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or error
        if isinstance(error, FileExistsError):
            reason = f'{error.filename} is a file'
        raise UserInputError(f'{option} {path} cannot be written: {reason}') from error


def has_accelerator() -> bool:
    """Whether mmengine would put the model on a device that it can drive from several processes and with AMP."""
    return get_device() not in ('cpu', 'mps')


def build_runner(cfg: Config, build_datasets: Callable[[], Mapping[str, Any]]) -> Runner:
    """The runner of a config, with the data sets in its loaders.

    They are built first, so that what is wrong with them is said before a work directory is made; what they say is in
    the run's log, too. Distributed processes talk through gloo on a machine without an accelerator: mmengine's own
    start of ``launcher='pytorch'`` selects a CUDA device, and it hands device ids to DDP.

    A training is resumed from the checkpoint that lies in the work directory, wherever that was when it was written,
    and every checkpoint is compared with model and data before it is used (``CheckpointCheckHook``).

    Args:
        cfg: The config.
        build_datasets: Gives the data set of each loader: ``train_dataloader`` → data set.

    Raises:
        UserInputError: What a data set says about files that are missing or wrong; if there is no such checkpoint, or
            nothing can be written to the work directory.
    """
    watch_launcher(cfg.launcher)
    with in_config(cfg.filename):
        require_groups(cfg)
    if cfg.get('load_from'):
        require_checkpoint(cfg.load_from)
    logger, said = MMLogger.get_current_instance(), MemoryHandler(capacity=10_000, flushLevel=logging.CRITICAL)
    logger.addHandler(said)
    try:
        datasets = build_datasets()
        prepare_config(cfg, training='train_dataloader' in datasets)
    finally:
        logger.removeHandler(said)
    require_writable('the log in --work-dir', str(Path(cfg.work_dir, 'log')))
    if 'train_dataloader' in datasets:
        _enter_work_dir(cfg)
    if cfg.launcher == 'pytorch' and not has_accelerator():
        torch.distributed.init_process_group('gloo')
        cfg.setdefault('model_wrapper_cfg', dict(type='mmengine.MMDistributedDataParallel', device_ids=None))
        cfg.model_wrapper_cfg.setdefault('find_unused_parameters', cfg.get('find_unused_parameters', False))
    with in_config(cfg.filename), told_by_place(cfg):
        runner = RUNNERS.build(cfg) if 'runner_type' in cfg else ScreenRunner.from_cfg(cfg)
    if not any(isinstance(hook, HOOKS.get('mmdel.CheckpointCheckHook')) for hook in runner.hooks):
        runner.register_hook(dict(type='mmdel.CheckpointCheckHook'))  # configs that are not of this project
    for name, dataset in datasets.items():
        getattr(runner, f'_{name}')['dataset'] = dataset  # the loaders' own options, not runner.cfg
    for handler in runner.logger.handlers:
        if isinstance(handler, logging.FileHandler):
            for record in said.buffer:
                handler.handle(record)
    return runner


def _enter_work_dir(cfg: Config) -> None:
    """The work directory is this training's, and what it is to be resumed from is found.

    Raises:
        UserInputError: If another training runs there, or checkpoints cannot be written or resumed.
    """
    out_dir = ((cfg.get('default_hooks') or {}).get('checkpoint') or {}).get('out_dir')
    folder = checkpoint_folder(cfg.work_dir, out_dir)
    require_writable('a checkpoint in the work directory', str(folder / 'epoch.pth'))
    if int(os.environ.get(RANK_VARIABLES.get(cfg.launcher, ''), 0)) == 0:
        claim_work_dir(folder)
    if cfg.get('resume') and not cfg.get('load_from'):
        cfg.load_from = latest_checkpoint(cfg.work_dir, out_dir)
        if cfg.load_from is None:
            print_log(f'nothing to resume in {cfg.work_dir}: the training starts anew', level=logging.WARNING)
    elif not cfg.get('resume') and (present := sorted(folder.glob('*_[0-9]*.pth'))):
        print_log(
            f'{folder} holds {present[-1].name} of an earlier training, which this one will write over, since there is '
            'no --resume',
            level=logging.WARNING,
        )


def watch_launcher(launcher: str) -> None:
    """A rank whose launcher is killed stops as if it had been told to, and is gone half a minute later at the latest.

    This holds on every system that adopts orphans, other than Linux's ``PR_SET_PDEATHSIG``.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
        os._exit(128 + signal.SIGTERM)

    if launcher == 'pytorch':
        parent = os.getppid()
        threading.Thread(target=watch, daemon=True).start()
