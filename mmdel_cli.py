"""The command ``mmdel``: its subcommands and their help, before anything that takes long is imported.

It lies beside the package, since most of ``mmdel`` imports torch. The module of a subcommand is imported when that is
called: ``mmdel.commands.NAME``, which has its help as docstring, ``add_arguments(parser)`` and ``main(args)``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

GROUPS = {
    'Try it': {'demo': 'render a clip with sound, find its events with a model that is in the package, show them'},
    'Your videos': {
        'extract': 'compute features of picture and sound of videos',
        'detect': 'find the events of videos, sound files or features with a trained model',
        'report': 'write a page to look at events, with player and timeline',
        'overlay': 'write a video with its events drawn in',
    },
    'Data': {
        'init': 'write a config for annotations and features of your own',
        'check': 'examine the data of a config, or files of events',
        'convert': 'read files of events of any format, and write another',
        'mix': 'make more training videos, with sounds of one mixed into others',
    },
    'Train and test': {
        'train': 'train the model of a config',
        'test': 'test a checkpoint',
        'evaluate': 'score and diagnose a file of predicted events',
        'export': 'make of a training the one folder that detect needs',
    },
}
EXAMPLES = """\
examples:
  see that it works, in a minute:
    mmdel demo

  your own videos and events.csv (video, start, end, label), from nothing to a page of what is found:
    mmdel extract videos/ --out features
    mmdel init events.csv --features features --out mine.py
    mmdel check mine.py
    mmdel train mine.py
    mmdel export work_dirs/mine --out mine_model
    mmdel detect new_videos/ --model mine_model --out found --report

  a config that comes with mmdel, on a published data set:
    mmdel train del_unav100
    mmdel test del_unav100 work_dirs/del_unav100/epoch_45.pth --out events.json

  files of events:
    mmdel check events.csv
    mmdel convert annotations/*.TextGrid mine.json --split 0.8/0.1/0.1

mmdel COMMAND --help tells all about one."""


def main(argv: Sequence[str] | None = None) -> None:
    """The console script; ``argv`` instead of the words of the command line."""
    argv = sys.argv[1:] if argv is None else argv
    make_parser().parse_args(argv[:1])
    from mmdel.commands import main as run

    run(argv)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the first word."""
    parser = argparse.ArgumentParser(
        'mmdel',
        usage='mmdel COMMAND …',
        description='mmdel finds every event in untrimmed videos, from picture and sound.\n\n' + table(),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [name for group in GROUPS.values() for name in group]
    parser.add_argument('command', choices=names, metavar='COMMAND', help=argparse.SUPPRESS)
    parser.add_argument('--version', action='version', version=version('mmdel'))
    return parser


def table() -> str:
    """The subcommands and what they are for, by groups."""
    groups = []
    for title, commands in GROUPS.items():
        rows = (f'  {name:<9} {summary}' for name, summary in commands.items())
        groups.append('\n'.join([f'{title.lower()}:', *rows]))
    return '\n'.join(groups)
