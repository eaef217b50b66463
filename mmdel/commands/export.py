"""Make of a training the one folder that mmdel detect needs: a bundle.

A bundle holds the weights that a test uses, the description of the model, its classes, the extractors of its features,
and where all that comes from. It is data: nothing of it is run when it is opened, so it can be handed on.

The extractors come from the features that the model was trained on, where mmdel extract has written them, or from
another such folder (--streams). Without them the bundle takes ready features, and no media files.

Examples:
    mmdel export work_dirs/mine --out mine_model
    mmdel export del_demo.py work_dirs/del_demo/epoch_25.pth --out demo_model --streams features --licence CC-BY-4.0
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmdel.inference.bundle import Bundle
from mmdel.inference.export import DEFAULT_SCORE, MAX_HALF_DIFFERENCE, find_run, half_difference, make_bundle
from mmdel.utils.errors import UserInputError
from mmdel.utils.read_config import read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel export``."""
    parser.add_argument('config', metavar='RUN', help='work directory of a training, or its config, which is run')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint (default: the best of the work directory, or last)')
    parser.add_argument('--out', required=True, help='folder to write')
    parser.add_argument('--streams', metavar='DIR', help='folder that mmdel extract has written, for its extractors')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=DEFAULT_SCORE,
        help='leave events of a lower score out by default (default: %(default)s)',
    )
    parser.add_argument('--licence', default='', metavar='TEXT', help='licence of the weights')
    parser.add_argument('--half', action='store_true', help='weights of half the size, if that changes no result')
    parser.add_argument('--overwrite', action='store_true', help='replace a bundle that is there')


def main(args: argparse.Namespace) -> None:
    """Run it."""
    config, checkpoint = args.config, args.checkpoint
    if Path(config).is_dir():
        config, best = map(str, find_run(config))
        checkpoint = checkpoint or best
    if checkpoint is None:
        raise UserInputError(f'name a checkpoint behind {config}, or a work directory instead')
    if not 0 <= args.score_thr <= 1:
        raise UserInputError(f'--score-thr must be in [0, 1], got {args.score_thr}')
    bundle = make_bundle(read_config(config), checkpoint, args.streams, args.score_thr, args.licence)
    if args.half and (difference := half_difference(bundle)) > MAX_HALF_DIFFERENCE:
        raise UserInputError(f'--half would move scores or times by {difference:.2g}: write the bundle without it')
    folder = bundle.save(args.out, args.overwrite, args.half)
    print_summary(bundle, folder, checkpoint)


def print_summary(bundle: Bundle, folder: Path, checkpoint: str) -> None:
    """What the bundle holds."""
    num_bytes = sum(file.stat().st_size for file in folder.iterdir())
    print(
        f'model:    {checkpoint}, {len(bundle.classes)} classes, events with a score of {bundle.thresholds["score"]:g}'
    )
    for name, stream in bundle.streams.items():
        kinds = ' + '.join(str(item['type']).removeprefix('mmdel.') for item in stream['extractors'])
        step_sec = bundle.grids[name].step_sec
        made = kinds or 'ready features'
        print(f'stream:   {name}, {stream["channels"]} channels every {step_sec:.4g} s: {made}')
    if not bundle.extractors:
        print('note:     no extractors are known: the bundle takes ready features, and no media files (see --streams)')
    for name, value in bundle.provenance['metrics'].items():
        if name.endswith('mAP'):
            print(f'validation: {name} {value:.2f}')
    print(f'written:  {folder}, {num_bytes / 1e6:.1f} MB')
