"""Packages that only some of the project needs."""

from __future__ import annotations

import importlib
from types import ModuleType

from mmdel.utils.errors import UserInputError


def require(module: str, extra: str) -> ModuleType:
    """Imports a module of a package that one of the project's extras installs.

    Args:
        module: Its name, ``av.filter``.
        extra: The extra, ``media``.

    Raises:
        UserInputError: If the package is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition('.')[0]
        reason = 'is not installed' if isinstance(error, ModuleNotFoundError) else f'cannot be imported ({error})'
        raise UserInputError(f"The package {package} {reason}: pip install 'mmdel[{extra}]'") from error
