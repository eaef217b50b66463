"""Train the model of a config: a file, or the name of one that comes with mmdel.

Examples:
    mmdel train del_demo
    mmdel train mine.py --work-dir work_dirs/first --seed 1
    mmdel train mine.py --resume
    mmdel train mine.py --amp
    mmdel train del_unav100 --cfg-options train_cfg.max_epochs=20 train_dataloader.batch_size=8
"""

from __future__ import annotations

import argparse
from functools import partial

from mmengine.config import Config

from mmdel.datasets.from_config import build_datasets
from mmdel.utils.command_line import add_common_options, build_runner, load_config
from mmdel.utils.compilation import compile_model
from mmdel.utils.errors import UserInputError
from mmdel.utils.number_format import add_amp_option
from mmdel.utils.prepare_config import set_number_format


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel train``."""
    parser.add_argument('config', help='config file, or the name of one that comes with mmdel')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='resume from this checkpoint or, without a path, from the latest one in the work directory',
    )
    add_amp_option(parser, "the config's")
    parser.add_argument('--compile', action='store_true', help='compile the model first, by torch.compile')
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate during training')
    parser.add_argument(
        '--auto-scale-lr', action='store_true', help="scale the learning rate to the batch size, by the config's base"
    )
    parser.add_argument('--seed', type=int, help="random seed (default: the config's)")
    parser.add_argument('--diff-rank-seed', action='store_true', help='a different seed on each rank')
    parser.add_argument('--deterministic', action='store_true', help='deterministic algorithms only')
    add_common_options(parser)


def main(args: argparse.Namespace) -> None:
    """Run it."""
    cfg = load_config(args)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp is not None:
        set_number_format(cfg, args.amp, training=True)
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise UserInputError('--auto-scale-lr needs auto_scale_lr=dict(base_batch_size=...) in the config')
        cfg.auto_scale_lr.enable = True
        # mmengine compares it with the videos of an iteration, of which a step may have several
        cfg.auto_scale_lr.base_batch_size /= (cfg.get('optim_wrapper') or {}).get('accumulative_counts', 1)
    set_randomness(cfg, args)
    runner = build_runner(cfg, partial(build_datasets, cfg, 'train', 'val'))
    if args.compile:
        compile_model(runner.model)
    runner.train()


def set_randomness(cfg: Config, args: argparse.Namespace) -> None:
    """What the command line says about randomness goes before what the config says; the rest stays."""
    randomness = dict(cfg.get('randomness') or dict(seed=None))
    if args.seed is not None:
        randomness['seed'] = args.seed
    if args.diff_rank_seed:
        randomness['diff_rank_seed'] = True
    if args.deterministic:
        randomness['deterministic'] = True
    cfg.randomness = randomness
