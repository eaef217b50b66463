"""The subcommands of ``mmdel``, a module for each; ``mmdel_cli.py`` has their table."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from mmdel.utils.errors import UserInputError
from mmdel.utils.run_command import run_command


def main(argv: Sequence[str]) -> None:
    """Run a subcommand: its name and the words behind. No other is imported."""
    sys.stdout.reconfigure(errors='backslashreplace')  # type: ignore[union-attr]  # ids may be any text
    run_command(lambda: _run(*argv))


def _run(name: str, *words: str) -> None:
    try:
        module = importlib.import_module(f'{__name__}.{name}')
    except ModuleNotFoundError as error:
        package = (error.name or '').partition('.')[0]
        if package == 'mmdel':
            raise
        raise UserInputError(f'mmdel {name} needs the package {package}, which is not installed') from error
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(f'mmdel {name}', description=module.__doc__, formatter_class=shape)
    module.add_arguments(parser)
    module.main(parser.parse_args(words))
