"""Make of a training the one folder that mmdel detect needs: a bundle.

A bundle holds the weights that a test uses, the description of the model, its classes, the extractors of its features,
and where all that comes from. It is data: nothing of it is run when it is opened, so it can be handed on.

The extractors come from the features that the model was trained on, where mmdel extract has written them, or from
another such folder (--streams). Without them the bundle takes ready features, and no media files.

--embeddings gives a model with a mmdel.TextClassifier other classes: all of a file of embeddings of their names, in its
order. In the place of a training it takes a bundle.

--onnx adds the model as a graph, so that mmdel detect, and mmdel.runtime in Python, run the bundle without PyTorch. In
the place of a training it takes a bundle, which gets the graph. --int8 makes it about a quarter as large and, where the
model is wide, two to three times as fast.

Examples:
    mmdel export work_dirs/mine --out mine_model
    mmdel export del_demo.py work_dirs/del_demo/epoch_25.pth --out demo_model --streams features --licence CC-BY-4.0
    mmdel export mine_model --onnx
    mmdel export mine_model --embeddings names.npz --out other_model
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.config import Config

from mmdel.inference.bundle import Bundle
from mmdel.inference.export import (
    DEFAULT_SCORE,
    MAX_HALF_DIFFERENCE,
    find_run,
    half_difference,
    make_bundle,
    with_classes,
)
from mmdel.inference.onnx_bundle import add_onnx
from mmdel.inference.threshold import validation_score
from mmdel.runtime.bundle_rules import DESCRIPTION_FILE, ONNX_FILE
from mmdel.utils.errors import UserInputError
from mmdel.utils.read_config import read_config

if TYPE_CHECKING:
    from mmdel.inference.onnx_export import WeightFormat


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``mmdel export``."""
    parser.add_argument('config', metavar='RUN', help='work directory of a training, or its config, which is run')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint (default: the best of the work directory, or last)')
    parser.add_argument('--out', help='folder to write; a bundle that gets a graph may stay where it is')
    parser.add_argument('--streams', metavar='DIR', help='folder that mmdel extract has written, for its extractors')
    parser.add_argument(
        '--embeddings', metavar='FILE', help='.npz file of names and embeddings: classes to find instead'
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        help='leave events of a lower score out by default (default: that of the best F1 on the validation videos; '
        f'{DEFAULT_SCORE} if they are not there)',
    )
    parser.add_argument('--licence', default='', metavar='TEXT', help='licence of the weights')
    parser.add_argument('--half', action='store_true', help='weights of half the size, if that changes no result')
    parser.add_argument('--onnx', action='store_true', help='add the model as a graph, which runs without PyTorch')
    parser.add_argument(
        '--int8', action='store_true', help='with --onnx: weights of the graph in 8 bits, a quarter of its size'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace a bundle that is there')


def main(args: argparse.Namespace) -> None:
    """Run it."""
    source = Path(args.config)
    if args.int8 and not args.onnx:
        raise UserInputError('--int8 is about the graph that --onnx adds')
    graph_weights: WeightFormat = 'int8' if args.int8 else 'float16' if args.half else 'float32'
    is_bundle = (args.onnx or args.embeddings is not None) and (source / DESCRIPTION_FILE).is_file()
    if is_bundle:
        refuse_options_of_runs(args)
    if is_bundle and args.embeddings is None:
        report_graph(add_onnx(source, Path(args.out or source), graph_weights, args.overwrite))
        return
    if args.out is None:
        raise UserInputError('--out names the folder to write')
    if is_bundle:
        bundle, why = with_threshold(Bundle.load(source), Config(), args.score_thr)
        checkpoint = args.config
    else:
        bundle, checkpoint, why = bundle_of_run(args)
    if args.embeddings is not None:
        bundle = with_classes(bundle, args.embeddings)
    if args.half and not (difference := half_difference(bundle)) <= MAX_HALF_DIFFERENCE:  # NaN if it overflows
        raise UserInputError(f'--half would move scores or times by {difference:.2g}: write the bundle without it')
    folder = bundle.save(args.out, args.overwrite, args.half)
    print_summary(bundle, folder, checkpoint, why)
    if args.onnx:
        report_graph(add_onnx(folder, folder, graph_weights))


def refuse_options_of_runs(args: argparse.Namespace) -> None:
    """Stops at what a bundle, in the place of a training, has already or has no use for."""
    given = dict(checkpoint=args.checkpoint, streams=args.streams, licence=args.licence)
    if args.embeddings is None:
        given['score-thr'] = args.score_thr
    if unused := [name for name, value in given.items() if value not in (None, '')]:
        raise UserInputError(f'{args.config} is a bundle, of which these options say nothing: {", ".join(unused)}')


def bundle_of_run(args: argparse.Namespace) -> tuple[Bundle, str, str]:
    """The bundle of a training, its checkpoint, and why its threshold is what it is."""
    config, checkpoint = args.config, args.checkpoint
    if Path(config).is_dir():
        config, best = map(str, find_run(config))
        checkpoint = checkpoint or best
    if checkpoint is None:
        raise UserInputError(f'name a checkpoint behind {config}, or a work directory instead')
    cfg = read_config(config)
    bundle, why = with_threshold(make_bundle(cfg, checkpoint, args.streams, args.licence), cfg, args.score_thr)
    return bundle, checkpoint, why


def with_threshold(bundle: Bundle, cfg: Config, score_thr: float | None) -> tuple[Bundle, str]:
    """The bundle with the given score threshold, or the best one on the validation videos, and why it is that."""
    if score_thr is not None:
        if not 0 <= score_thr <= 1:
            raise UserInputError(f'--score-thr must be in [0, 1], got {score_thr}')
        return replace(bundle, thresholds=dict(score=score_thr)), 'given'
    if (found := validation_score(bundle, cfg)) is None:
        return bundle, 'no validation videos to choose by'
    score, f1 = found
    return replace(bundle, thresholds=dict(score=round(score, 3))), f'F1 {100 * f1:.1f} % on the validation videos'


def report_graph(folder: Path) -> None:
    """What a bundle has got."""
    num_bytes = (folder / ONNX_FILE).stat().st_size
    print(f'graph:    {folder / ONNX_FILE}, {num_bytes / 1e6:.1f} MB: the bundle runs without PyTorch')


def print_summary(bundle: Bundle, folder: Path, checkpoint: str, why: str) -> None:
    """What the bundle holds."""
    num_bytes = sum(file.stat().st_size for file in folder.iterdir())
    score = bundle.thresholds['score']
    print(f'model:    {checkpoint}, {len(bundle.classes)} classes')
    print(f'events:   with a score of {score:g} or more ({why})')
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
