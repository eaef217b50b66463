"""The number format of a model's arithmetic: float32, or half of it where that is safe (torch's autocast).

bfloat16 has float32's range and 8 bits of its precision, float16 has 11 bits and a small range, so that its gradients
need a loss scale. The weights stay float32, and so does what sums, compares or divides: see docs/training.md.
"""

from __future__ import annotations

import argparse
from typing import Literal, get_args

import torch
from mmengine.config import Config
from mmengine.device import get_device

from mmdel.utils.errors import UserInputError

NumberFormat = Literal['float32', 'bfloat16', 'float16']
AUTO = 'auto'
NAMES: dict[str, NumberFormat] = dict(bf16='bfloat16', fp16='float16', off='float32')
OPTIM_WRAPPERS = ('OptimWrapper', 'AmpOptimWrapper')


def add_amp_option(parser: argparse.ArgumentParser, default: str) -> None:
    """``--amp``; without it there is what ``default`` says."""
    parser.add_argument(
        '--amp',
        nargs='?',
        const=AUTO,
        choices=[AUTO, *NAMES],
        help='compute in half precision where that is safe: in bf16 where the device has units for it, else fp16; off: '
        f'in float32 (default: {default})',
    )


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device has units for bfloat16, so that it is faster than float32 and not slower."""
    if device.type == 'cpu':
        units: dict[str, bool] = getattr(torch.cpu, 'get_capabilities', _old_capabilities)()
        return any(units.get(name) for name in ('amx_bf16', 'avx512_bf16', 'bf16'))  # the last is ARM's
    if device.type == 'cuda':
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(getattr(getattr(torch, device.type, None), 'is_bf16_supported', bool)())


def _old_capabilities() -> dict[str, bool]:
    """What torch before 2.10 tells of an x86 CPU; every one with AMX has both."""
    return dict(avx512_bf16=getattr(torch.cpu, '_is_avx512_bf16_supported', bool)())


def require(device: torch.device, number_format: str) -> NumberFormat:
    """The format itself, if a device computes in it.

    Raises:
        UserInputError: If it is none of the three, or the device has no units for it.
    """
    if number_format not in get_args(NumberFormat):
        raise UserInputError(f'a number format is one of {", ".join(get_args(NumberFormat))}, got {number_format!r}')
    if number_format == 'bfloat16' and not has_bfloat16(device):
        raise UserInputError(f'the {_kind(device)} has no units for bfloat16: --amp off computes in float32')
    if number_format == 'float16' and device.type in ('cpu', 'mps'):
        instead = '--amp bf16 in bfloat16' if has_bfloat16(device) else '--amp off computes in float32'
        raise UserInputError(f'float16 needs a GPU, and this is a {_kind(device)}: {instead}')
    return number_format  # type: ignore[return-value]


def choose(device: torch.device, wanted: str | None) -> NumberFormat:
    """The format in which a device is to compute.

    Args:
        device: Where the model runs.
        wanted: 'bf16', 'fp16' or 'off'; 'auto': bfloat16 where the device has units for it, else float16; None: likewise
            bfloat16, else float32.

    Raises:
        UserInputError: If ``wanted`` is none of these, or the device does not compute in it.
    """
    if wanted in (None, AUTO) and has_bfloat16(device):
        return 'bfloat16'
    if wanted is None:
        return 'float32'
    if wanted == AUTO:
        return require(device, 'bfloat16' if device.type in ('cpu', 'mps') else 'float16')
    if wanted not in NAMES:
        raise UserInputError(f'amp must be one of {", ".join([AUTO, *NAMES])} or None, got {wanted!r}')
    return require(device, NAMES[wanted])


def autocast(device: torch.device, number_format: NumberFormat) -> torch.autocast:
    """A context in which a model on ``device`` computes in a format."""
    if number_format == 'float32':
        return torch.autocast(device.type, enabled=False)
    return torch.autocast(device.type, getattr(torch, number_format))


def set_number_format(cfg: Config, wanted: str, training: bool) -> None:
    """Puts what ``--amp`` says into a config: for a training with its validation, or for a test.

    Raises:
        UserInputError: If the device does not compute in it, or the optimizer wrapper is another than mmengine's.
    """
    device = torch.device(get_device())
    number_format = choose(device, wanted)
    is_half = number_format != 'float32'
    if is_half and device.type != 'cpu':  # what mmengine's loops with fp16=True compute in
        torch.set_autocast_dtype(device.type, getattr(torch, number_format))
    loop = cfg.get('val_cfg' if training else 'test_cfg')
    if loop is not None and loop.get('fp16', False) != is_half:
        loop.fp16 = is_half
    if not training:
        return
    kind = str(cfg.optim_wrapper.get('type', 'OptimWrapper')).rpartition('.')[2]
    if kind not in OPTIM_WRAPPERS:
        raise UserInputError(f'--amp does not know how to change the optimizer wrapper {kind} of the config')
    if is_half:
        cfg.optim_wrapper.update(type='mmdel.AmpOptimWrapper', dtype=number_format)
    elif kind == 'AmpOptimWrapper':
        cfg.optim_wrapper.type = 'mmengine.OptimWrapper'
        for option in ('dtype', 'loss_scale', 'use_fsdp'):
            cfg.optim_wrapper.pop(option, None)


def _kind(device: torch.device) -> str:
    return 'CPU' if device.type == 'cpu' else f'device {str(device)!r}'
