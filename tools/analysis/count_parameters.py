"""Print how many parameters the models of configs have, and how many operations they take, part by part.

Examples:
    python tools/analysis/count_parameters.py configs/*.py
    python tools/analysis/count_parameters.py configs/del_unav100.py --steps 224
"""

from __future__ import annotations

import argparse
import logging
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from terminaltables import AsciiTable
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import mmdel  # noqa: F401  the repairs of mmdel.compat come before anything is loaded
from mmdel.datasets.stream_config import complete_streams
from mmdel.structures import StreamBatch
from mmdel.utils.command_line import add_config_options, load_config
from mmdel.utils.errors import UserInputError
from mmdel.utils.run_command import run_command


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', help='config files')
    parser.add_argument(
        '--steps',
        type=int,
        metavar='T',
        help='also count the floating-point operations for one video of so many feature steps: those of products of '
        'matrices, convolutions and attention, a multiplication and an addition being two; events are not decoded',
    )
    add_config_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    logging.disable(logging.INFO)
    for path in args.configs:
        cfg = load_config(argparse.Namespace(**vars(args), config=path))
        with MODELS.switch_scope_and_registry(cfg.get('default_scope')):
            model = MODELS.build(cfg.model)
        head, counts = ['part', 'parameters'], part_counts(model)
        columns = [{**counts, 'all': sum(counts.values())}]
        if args.steps is not None:
            head.append(f'GFLOPs, T = {args.steps}')
            columns.append(part_flops(model, stream_channels(cfg), args.steps, list(counts)))
        names = [name for name in (columns[-1] | columns[0]) if name != 'all'] + ['all']
        rows = [[name, f'{columns[0].get(name, 0):,}'] for name in names]
        if args.steps is not None:
            rows = [[*row, f'{columns[1].get(row[0], 0) / 1e9:,.3f}'] for row in rows]
        table = AsciiTable([head, *rows])
        table.justify_columns |= {1: 'right', 2: 'right'}
        table.inner_footing_row_border = True
        print(path, table.table, sep='\n')


def part_counts(model: nn.Module) -> dict[str, int]:
    """The parameters of each part of a model; the towers of a head and of its regressor are parts of their own."""
    counts: dict[str, int] = {}
    for name, part in model.named_children():
        if name in ('head', 'regressor'):
            counts |= {f'{name}.{key}': count for key, count in part_counts(part).items()}
        else:
            counts[name] = sum(parameter.numel() for parameter in part.parameters())
    counts |= {name: parameter.numel() for name, parameter in model.named_parameters(recurse=False)}
    return {name: count for name, count in counts.items() if count}


def part_flops(model: nn.Module, channels: dict[str, int], num_steps: int, parts: list[str]) -> dict[str, int]:
    """The operations of each of the ``parts`` of a model for one video of ``num_steps`` steps, the rest, and all.

    Raises:
        UserInputError: If the model does not take a video of this length.
    """
    streams = {name: torch.zeros(1, num_steps, width) for name, width in channels.items()}
    counter = FlopCounterMode(display=False)
    try:
        with counter, torch.no_grad():
            model.eval()(StreamBatch(streams, torch.ones(1, num_steps, dtype=torch.bool)), mode='tensor')
    except ValueError as error:
        raise UserInputError(f'--steps {num_steps}: {error}') from error
    counts = {name: sum(ops.values()) for name, ops in counter.get_flop_counts().items()}
    flops = {name: counts.get(f'{type(model).__name__}.{name}', 0) for name in parts}
    total = counts['Global']
    rest = {'rest': total - sum(flops.values())} if total > sum(flops.values()) else {}
    return {**flops, **rest, 'all': total}


def stream_channels(cfg: Config) -> dict[str, int]:
    """The channels of each stream of a config's test data.

    Raises:
        UserInputError: If the config does not tell them.
    """
    dataset = (cfg.get('test_dataloader') or {}).get('dataset', {})
    streams: Any = dataset.get('streams') or {}
    if isinstance(streams, str):
        streams = complete_streams(streams, dataset.get('data_root'))
    channels = {name: stream.get('channels') for name, stream in streams.items()}
    if not channels or None in channels.values():
        raise UserInputError(f'{cfg.filename}: the streams of test_dataloader.dataset do not all tell their channels')
    return channels


if __name__ == '__main__':
    run_command(main)
