"""The weights of a bundle: a safetensors file, compared with the model before any memory is taken."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from mmdel.registry import MODELS
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import digest, require_regular_file

Shapes = dict[str, tuple[int, ...]]
DTYPES = frozenset(('F16', 'BF16', 'F32', 'F64', 'I64', 'I32', 'BOOL', 'U8'))
MODULES_PER_TENSOR = 20  # a model has far fewer modules than that for each of its tensors


def read_shapes(path: str | os.PathLike) -> Shapes:
    """The shapes of the tensors of a safetensors file, from its header alone.

    safetensors itself compares the header with the file's size.

    Raises:
        UserInputError: If it is no whole safetensors file.
    """
    from safetensors import safe_open

    require_regular_file(path, 'weights')
    with _told(path), safe_open(path, framework='pt') as file:
        shapes = {}
        for name in file.keys():  # noqa: SIM118  it is no mapping
            part = file.get_slice(name)
            if part.get_dtype() not in DTYPES:
                raise UserInputError(f'The weights {path}: {name} is of the type {part.get_dtype()}')
            shapes[name] = tuple(part.get_shape())
    return shapes


def read_weights(path: str | os.PathLike, sha256: str | None = None) -> dict[str, Tensor]:
    """All tensors, real numbers as float32, all of them finite.

    Args:
        path: The safetensors file.
        sha256: What the file must have; None does not look.

    Raises:
        UserInputError: If it is no whole safetensors file or another one, or a number is NaN or infinite.
    """
    from safetensors.torch import load_file

    require_regular_file(path, 'weights')
    if sha256 is not None and digest(path) != sha256:
        raise UserInputError(f'The weights {path} are not those of this bundle: their SHA-256 is another')
    with _told(path):
        weights = load_file(path)
    weights = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    require_finite(weights, str(path))
    return weights


def require_finite(weights: Mapping[str, Tensor], path: str) -> None:
    """Stops at weights that are NaN or infinite.

    Raises:
        UserInputError: Naming some of them.
    """
    broken = [name for name, value in weights.items() if not torch.isfinite(value).all()]
    if broken:
        raise UserInputError(f'The weights {path} are NaN or infinite: {", ".join(broken[:3])}')


def require_fit(options: Mapping[str, Any], shapes: Shapes, where: str) -> None:
    """Stops at a model that these weights are not those of, without memory for either.

    The model is built on the meta device, and no further than the weights go: a parameter of a shape that none of
    them has, and far more modules than tensors, end it.

    Args:
        options: The config of the model.
        shapes: Those of the weights.
        where: What the model is of, for messages.

    Raises:
        UserInputError: If it cannot be built, or has other parameters: naming those that are missing, unknown, or of
            other shapes.
    """
    try:
        with torch.device('meta'), _no_more_than(shapes):
            model = build(options)
    except UserInputError as error:
        raise UserInputError(f'{where}: {error}') from error
    except Exception as error:  # whatever a constructor says of arguments that do not suit it
        raise UserInputError(f'{where}: no model can be built of its description: {_line(error)}') from error
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    kinds = (
        ('missing', [name for name in own if name not in shapes]),
        ('not of the model', [name for name in shapes if name not in own]),
        (
            'of other shapes',
            [f'{n} {shapes[n]}, not {own[n]}' for n in own if n in shapes and shapes[n] != own[n]],
        ),
    )
    misfits = [f'{len(names)} {kind}: {", ".join(sorted(names)[:3])}' for kind, names in kinds if names]
    if misfits:
        raise UserInputError(f'{where}: the weights do not fit the model: {"; ".join(misfits)}')


def build(options: Mapping[str, Any]) -> nn.Module:
    """The model of a config of mmdel's parts, with random weights."""
    return MODELS.build(deepcopy(dict(options)))


@contextmanager
def _no_more_than(shapes: Shapes) -> Iterator[None]:
    """Ends the building of a model that outgrows its weights."""
    known, num_modules = set(shapes.values()), 0
    most = MODULES_PER_TENSOR * (len(shapes) + 10)

    def check_parameter(module: nn.Module, name: str, value: Tensor) -> None:
        if value is not None and tuple(value.shape) not in known:
            kind = type(module).__name__
            raise UserInputError(
                f'the weights do not fit the model: {name} of a {kind} would have the shape {tuple(value.shape)}, '
                'which none of them has'
            )

    def count_module(module: nn.Module, name: str, child: nn.Module) -> None:
        nonlocal num_modules
        num_modules += 1
        if num_modules > most:
            raise UserInputError(f'the weights do not fit the model: it would have over {most} parts')

    handles = (
        register_module_parameter_registration_hook(check_parameter),
        register_module_module_registration_hook(count_module),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _told(path: str | os.PathLike) -> Iterator[None]:
    """What safetensors says of a broken file is told with its path."""
    try:
        yield
    except UserInputError:
        raise
    except Exception as error:  # its own errors, and those of torch for types that it does not know
        raise UserInputError(f'The weights {path} are no whole safetensors file: {_line(error)}') from error


def _line(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'.split('\n')[0][:300]
