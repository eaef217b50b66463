"""Test a checkpoint: print its metrics, write its predictions and draw them.

Examples:
    mmdel test mine.py work_dirs/mine/epoch_45.pth
    mmdel test del_unav100 epoch_45.pth --out events.json --show-dir timelines --score-thr 0.2
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from mmengine.config import Config

from mmdel.datasets.from_config import build_test_data
from mmdel.events import Events
from mmdel.events.writing import choose_format
from mmdel.utils.checkpoints import checkpoint_classes, read_checkpoint
from mmdel.utils.command_line import add_common_options, build_runner, load_config, require_writable
from mmdel.utils.compilation import compile_model
from mmdel.utils.errors import UserInputError
from mmdel.utils.number_format import add_amp_option
from mmdel.utils.prepare_config import set_number_format


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel test``."""
    parser.add_argument('config', help='config file, or the name of one that comes with mmdel')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', help="write the predicted events to this file: .json (ActivityNet's results), .csv …")
    parser.add_argument('--dump', help='write the data samples to this .pkl file, for evaluation offline')
    parser.add_argument('--show-dir', help='draw a timeline of each video into this folder')
    parser.add_argument('--interval', type=int, default=1, help='draw every n-th video only (default: all)')
    parser.add_argument(
        '--score-thr', type=float, help="draw no prediction below this score (default: the config's, or 0.1)"
    )
    parser.add_argument('--partial', action='store_true', help='test with the weights that fit; a warning names others')
    add_amp_option(parser, "the config's")
    parser.add_argument('--compile', action='store_true', help='compile the model first, by torch.compile')
    add_common_options(parser)


def main(args: argparse.Namespace) -> None:
    """Run it."""
    cfg = load_config(args)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.amp is not None:
        set_number_format(cfg, args.amp, training=False)
    if args.show_dir is not None:
        draw_timelines(cfg, args)
    if args.out is not None:
        require_one_file(args.out)
        add_metric(cfg, dict(type='mmdel.DumpEvents', out_file=args.out))
    if args.dump is not None:
        require_out_file('--dump', args.dump, '.pkl', '.pickle')
        add_metric(cfg, dict(type='mmengine.DumpResults', out_file_path=args.dump))
    if args.partial:
        cfg.setdefault('default_hooks', {}).update(
            checkpoint_check=dict(type='mmdel.CheckpointCheckHook', partial=True)
        )
    classes = checkpoint_classes(read_checkpoint(args.checkpoint))
    runner = build_runner(cfg, partial(build_test_data, cfg, classes))
    if args.compile:
        compile_model(runner.model)
    runner.register_hook(dict(type='mmdel.ConvertWeightsHook'))
    runner.test()


def draw_timelines(cfg: Config, args: argparse.Namespace) -> None:
    """Turn the config's visualization hook on, or add one."""
    if args.interval < 1:
        raise UserInputError(f'--interval must be 1 or more, got {args.interval}')
    require_writable('a picture in --show-dir', str(Path(args.show_dir, 'video.png')))
    hook = cfg.setdefault('default_hooks', {}).setdefault('visualization', dict(type='mmdel.EventVisualizationHook'))
    hook.update(enable=True, out_dir=args.show_dir, interval=args.interval)
    if args.score_thr is not None:
        hook.update(min_score=args.score_thr)


def require_one_file(path: str) -> None:
    """Before any time is spent: the suffix of --out means a format that holds all videos."""
    kind = choose_format(Events(scores=[]), path).FORMAT  # type: ignore[arg-type]
    if kind.per_video:
        raise UserInputError(f'--out writes all videos to one file, and {kind.name} holds one: convert it thereafter')
    require_writable('--out', path)


def require_out_file(option: str, path: str, *suffixes: str) -> None:
    """Before any time is spent: ``path`` can become a file of one of these kinds; its folder is made."""
    if Path(path).suffix not in suffixes:
        raise UserInputError(f'{option} writes a {" or ".join(suffixes)} file, got {path}')
    require_writable(option, path)


def add_metric(cfg: Config, metric: dict) -> None:
    """Append a metric to the test evaluator, which is one metric or a list of them."""
    present = cfg.test_evaluator
    cfg.test_evaluator = [*(present if isinstance(present, list | tuple) else [present]), metric]
