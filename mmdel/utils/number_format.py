"""The number format of a model's arithmetic: float32, or half of it where that is safe (torch's autocast).

bfloat16 has float32's range and 8 bits of its precision; float16 has 11 bits and a small range, so that its gradients
need a loss scale. Weights, losses, the decoding of events and their suppression stay float32.
"""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal, get_args

from mmdel.utils.errors import UserInputError

if TYPE_CHECKING:  # the command line of detect has --amp where torch is not installed, too
    import torch
    from torch import nn

NumberFormat = Literal['float32', 'bfloat16', 'float16']
AUTO = 'auto'
NAMES: dict[str, NumberFormat] = dict(bf16='bfloat16', fp16='float16', off='float32')
WITHOUT_FLOAT16 = 'cpu', 'mps'


def add_amp_option(parser: argparse.ArgumentParser, default: str) -> None:
    """``--amp``; without it there is what ``default`` says."""
    parser.add_argument(
        '--amp',
        nargs='?',
        const=AUTO,
        choices=[AUTO, *NAMES],
        help='compute in half precision where that is safe; auto, or nothing: bf16 where the device has units for it, '
        f'else fp16 on a GPU and float32 on a CPU; off: in float32 (default: {default})',
    )


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device has units for bfloat16: without, it is slower than float32."""
    import torch

    if device.type == 'cpu':
        units = getattr(torch.cpu, 'get_capabilities', _old_capabilities)()
        return any(units.get(name) for name in ('amx_bf16', 'avx512_bf16', 'bf16'))  # the last is ARM's
    if device.type == 'cuda':
        return torch.version.hip is not None or torch.cuda.get_device_capability(device)[0] >= 8  # NVIDIA's Ampere
    return bool(getattr(getattr(torch, device.type, None), 'is_bf16_supported', bool)())


def _old_capabilities() -> dict[str, bool]:
    """What a torch without ``get_capabilities`` tells of an x86 CPU; those with AMX have this, too."""
    import torch

    return dict(avx512_bf16=getattr(torch.cpu, '_is_avx512_bf16_supported', bool)())


def require(device: torch.device, number_format: str) -> NumberFormat:
    """The format itself, if a device computes in it.

    Raises:
        UserInputError: If it is none of the three, or the device has no units for it.
    """
    if number_format not in get_args(NumberFormat):
        raise UserInputError(f'a number format is one of {", ".join(get_args(NumberFormat))}; got {number_format!r}')
    name = 'CPU' if device.type == 'cpu' else f'device {str(device)!r}'
    instead = 'bfloat16 (--amp bf16)' if has_bfloat16(device) else 'float32 (--amp off)'
    if number_format == 'bfloat16' and not has_bfloat16(device):
        raise UserInputError(f'the {name} has no units for bfloat16: take {instead}')
    if number_format == 'float16' and device.type in WITHOUT_FLOAT16:
        raise UserInputError(f'float16 needs a GPU, and the model runs on the {name}: take {instead}')
    return number_format  # type: ignore[return-value]


def choose(device: torch.device, wanted: str | None) -> NumberFormat:
    """The format in which a device is to compute.

    Args:
        device: Where the model runs.
        wanted: 'bf16', 'fp16' or 'off'; 'auto': bfloat16 where the device has units for it, else float16 on a GPU and
            float32 on a CPU; None: the same bfloat16, else float32.

    Raises:
        UserInputError: If ``wanted`` is none of these, or the device does not compute in it.
    """
    if wanted in (None, AUTO) and has_bfloat16(device):
        return 'bfloat16'
    if wanted is None or (wanted == AUTO and device.type in WITHOUT_FLOAT16):
        return 'float32'
    if wanted == AUTO:
        return 'float16'
    if wanted not in NAMES:
        raise UserInputError(f'amp is one of {", ".join([AUTO, *NAMES])} or None; got {wanted!r}')
    return require(device, NAMES[wanted])


def autocast(device: torch.device, number_format: NumberFormat) -> AbstractContextManager:
    """A context in which a model on ``device`` computes in a format; float32 also within another such context."""
    import torch

    if number_format != 'float32':
        return torch.autocast(device.type, getattr(torch, number_format))
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def autocast_format(device: torch.device) -> NumberFormat:
    """The format of a context that names none, such as mmengine's loops with ``fp16=True`` compute in."""
    import torch

    return str(torch.get_autocast_dtype(device.type)).removeprefix('torch.')  # type: ignore[return-value]


def convert_weights(model: nn.Module, number_format: NumberFormat) -> None:
    """Converts once the weights that :func:`autocast` else converts at every call, and no others.

    Modules that can arrange their weights for inference do so (``arrange_weights``), and in bfloat16 on a CPU those of
    products are packed, which may change the last digit of a result. Not for a training, whose steps are smaller than
    the last digit of a weight.
    """
    import torch
    from torch import nn

    from mmdel.utils.packed_weights import pack_linears

    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv1d) and not getattr(module, 'is_product', False):
            module.to(getattr(torch, number_format))
        getattr(module, 'arrange_weights', bool)()
    pack_linears(model)
