"""The subcommands of ``mmdel``, a module for each; ``mmdel_cli.py`` has their table."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from mmdel.utils.run_command import run_command


def main(argv: Sequence[str]) -> None:
    """Run a subcommand: its name and the words behind. No other is imported."""
    sys.stdout.reconfigure(errors='backslashreplace')  # type: ignore[union-attr]  # ids may be any text
    name, *words = argv
    module = importlib.import_module(f'{__name__}.{name}')
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(f'mmdel {name}', description=module.__doc__, formatter_class=shape)
    module.add_arguments(parser)
    run_command(lambda: module.main(parser.parse_args(words)))
