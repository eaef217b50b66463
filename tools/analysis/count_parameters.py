"""Print how many parameters the models of configs have, part by part."""

from __future__ import annotations

import argparse

from mmengine.config import Config
from mmengine.registry import MODELS
from terminaltables import AsciiTable
from torch import nn

import mmdel  # noqa: F401  the repairs of mmdel.compat come before anything is loaded
from mmdel.utils.command_line import require_config, run_command


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('configs', nargs='+', help='config files')
    return parser.parse_args()


def main() -> None:
    for path in parse_args().configs:
        cfg = Config.fromfile(require_config(path))
        with MODELS.switch_scope_and_registry(cfg.get('default_scope')):
            model = MODELS.build(cfg.model)
        counts = part_counts(model)
        rows = [[name, f'{count:,}'] for name, count in {**counts, 'all': sum(counts.values())}.items()]
        table = AsciiTable([['part', 'parameters'], *rows])
        table.justify_columns[1] = 'right'
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


if __name__ == '__main__':
    run_command(main)
