"""What the command-line tools share: configs, launchers, and errors shown as one message."""

from __future__ import annotations

import argparse
import logging
import os
import pickle
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmdel.utils.config_options import ConfigOptions, merge_options
from mmdel.utils.errors import UserInputError
from mmdel.utils.prepare_config import prepare_config
from mmdel.utils.screen import ScreenRunner

EXIT_STATUS_USER_INPUT = 2  # argparse's own status for a wrong command line


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """The options that training and testing share, named as in MMAction2."""
    parser.add_argument('--work-dir', help='folder for logs and checkpoints (default: work_dirs/<name of the config>)')
    add_config_options(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """What :func:`load_config` needs besides a config."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        help='settings to override in the config, as key=value; lists as key="[a,b]" or key=a,b, without spaces',
    )
    parser.set_defaults(launcher='none', work_dir=None, local_rank=0)


def load_config(args: argparse.Namespace) -> Config:
    """The config file of a command line, with its launcher, work_dir and cfg_options put in.

    Raises:
        UserInputError: If there is no such file or it cannot be read, or an option does not fit the config or would
            have no effect.
    """
    require_config(args.config)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    try:
        cfg = Config.fromfile(args.config)
    except Exception as error:  # a config is a program, in which anything can go wrong
        raise UserInputError(f'the config {args.config} cannot be read: {type(error).__name__}: {error}') from error
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs', Path(args.config).stem))
    if args.cfg_options:
        merge_options(cfg, args.cfg_options)
    return cfg


def require_config(path: str) -> str:
    """``path`` itself, if it is an existing file.

    Raises:
        UserInputError: If it is not.
    """
    if not Path(path).is_file():
        raise UserInputError(f'there is no config file {path}')
    return path


def require_checkpoint(path: str) -> str:
    """``path`` itself, if it is a remote address or an existing file.

    Raises:
        UserInputError: If it is neither.
    """
    if ':' not in path and not Path(path).is_file():
        raise UserInputError(f'there is no checkpoint {path}')
    return path


def has_accelerator() -> bool:
    """Whether mmengine would put the model on a device that it can drive from several processes and with AMP."""
    return get_device() not in ('cpu', 'mps')


def build_runner(cfg: Config, build_datasets: Callable[[], Mapping[str, Any]]) -> Runner:
    """The runner of a config, with the data sets in its loaders.

    They are built first, so that what is wrong with them is said before a work directory is made; what they say is in
    the run's log, too. Distributed processes talk through gloo on a machine without an accelerator: mmengine's own
    start of ``launcher='pytorch'`` selects a CUDA device, and it hands device ids to DDP.

    Args:
        cfg: The config.
        build_datasets: Gives the data set of each loader: ``train_dataloader`` → data set.

    Raises:
        UserInputError: What a data set says about files that are missing or wrong.
    """
    logger, said = MMLogger.get_current_instance(), MemoryHandler(capacity=10_000, flushLevel=logging.CRITICAL)
    logger.addHandler(said)
    try:
        datasets = build_datasets()
        prepare_config(cfg, training='train_dataloader' in datasets)
    finally:
        logger.removeHandler(said)
    if cfg.launcher == 'pytorch' and not has_accelerator():
        torch.distributed.init_process_group('gloo')
        cfg.setdefault('model_wrapper_cfg', dict(type='mmengine.MMDistributedDataParallel', device_ids=None))
        cfg.model_wrapper_cfg.setdefault('find_unused_parameters', cfg.get('find_unused_parameters', False))
    runner = RUNNERS.build(cfg) if 'runner_type' in cfg else ScreenRunner.from_cfg(cfg)
    for name, dataset in datasets.items():
        getattr(runner, f'_{name}')['dataset'] = dataset  # the loaders' own options, not runner.cfg
    for handler in runner.logger.handlers:
        if isinstance(handler, logging.FileHandler):
            for record in said.buffer:
                handler.handle(record)
    return runner


def run_command(main: Callable[[], None]) -> None:
    """Run ``main``; what a user can mend ends in one message on stderr and exit status 2."""
    warnings.filterwarnings(
        'ignore', 'Fail to import ``MultiScaleDeformableAttention``'
    )  # mmcv-lite's; no model has it
    try:
        main()
    except Exception as error:
        message = _user_message(error)
        if message is None:
            raise
        print(f'error: {message}', file=sys.stderr)
        sys.exit(EXIT_STATUS_USER_INPUT)


def _user_message(error: Exception) -> str | None:
    """What to tell the user about an error, or None if it is a fault of the program."""
    text = str(error)
    if isinstance(error, UserInputError):
        # From a data loader's worker process the message arrives behind a printed traceback.
        return text.rsplit(f'{type(error).__name__}: ', maxsplit=1)[-1].rstrip()
    if isinstance(error, pickle.UnpicklingError):
        reason = re.search(r'WeightsUnpickler error: (.+?)(?: Please |\n|$)', text)
        if reason is None:
            return 'the checkpoint cannot be read, it is damaged or no checkpoint at all'
        return (
            'the checkpoint was refused, because it holds more than weights, settings and logged numbers, and reading '
            f'such a file could run foreign code: {reason[1]}'
        )
    if isinstance(error, RuntimeError) and 'PytorchStreamReader' in text:
        return f'the checkpoint cannot be read, it is damaged or incomplete: {text.splitlines()[0]}'
    return None
