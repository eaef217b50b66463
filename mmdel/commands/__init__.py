"""The command ``mmdel``: a module for each of its subcommands."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import version

from mmdel.utils.command_line import run_command

SUBCOMMANDS = {
    'extract': 'extract features of pictures and sound from media files',
    'convert': 'read files of events of any format, and write another',
    'export': 'make of a training the one folder that detect needs',
    'detect': 'find the events of videos, sound files or features with a trained model',
    'check': 'examine the data of a config, or files of events',
    'report': 'show events on timelines, in one HTML file',
}


def main(argv: Sequence[str] | None = None) -> None:
    """The console script; ``argv`` instead of the words of the command line."""
    sys.stdout.reconfigure(errors='backslashreplace')  # type: ignore[union-attr]  # ids may be any text
    run_command(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> None:
    parser = argparse.ArgumentParser('mmdel', description='Find every event in untrimmed videos, and handle events.')
    parser.add_argument('--version', action='version', version=version('mmdel'))
    subparsers = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    modules = {}
    for name, summary in SUBCOMMANDS.items():
        module = modules[name] = importlib.import_module(f'{__name__}.{name}')
        shape = argparse.RawDescriptionHelpFormatter
        subparser = subparsers.add_parser(name, help=summary, description=module.__doc__, formatter_class=shape)
        module.add_arguments(subparser)
    args = parser.parse_args(argv)
    modules[args.command].main(args)
