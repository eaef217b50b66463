"""What a config needs before a runner can be built of it: settings that contradict one another give way."""

from __future__ import annotations

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger, print_log

from mmdel.utils.errors import UserInputError
from mmdel.utils.number_format import AUTO, autocast_format, choose

WORKER_OPTIONS = ('persistent_workers', 'prefetch_factor', 'timeout', 'multiprocessing_context')
AMP_WRAPPERS = ('AmpOptimWrapper', 'mmengine.AmpOptimWrapper', 'mmdel.AmpOptimWrapper')
PLAIN_WRAPPERS = ('OptimWrapper', 'mmengine.OptimWrapper')


def set_number_format(cfg: Config, wanted: str, training: bool) -> None:
    """Puts what ``--amp`` says into a config: for a training and its validation, or for a test.

    Raises:
        UserInputError: If the device does not compute in it, or the optimizer wrapper is another than mmengine's.
    """
    device = torch.device(get_device())
    number_format = choose(device, wanted)
    is_half = number_format != 'float32'
    if wanted == AUTO and not is_half:
        print_log('--amp: the CPU has no units for half precision; computing in float32', logger='current')
    if is_half:  # what mmengine's loops with fp16=True compute in
        torch.set_autocast_dtype(device.type, getattr(torch, number_format))
    loop = cfg.get('val_cfg' if training else 'test_cfg')
    if loop is not None and loop.get('fp16', False) != is_half:
        loop.fp16 = is_half
    if not training:
        return
    kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if kind not in AMP_WRAPPERS + PLAIN_WRAPPERS:
        raise UserInputError(f'--amp does not know how to change the optimizer wrapper {kind} of the config')
    if is_half:
        cfg.optim_wrapper.update(type='AmpOptimWrapper', dtype=number_format)
    elif kind in AMP_WRAPPERS:
        cfg.optim_wrapper.type = 'mmengine.OptimWrapper'
        for option in ('dtype', 'loss_scale', 'use_fsdp'):
            cfg.optim_wrapper.pop(option, None)


def prepare_config(cfg: Config, training: bool) -> None:
    """Changes ``cfg`` where PyTorch or mmengine would stop at two settings that exclude each other.

    - Loaders without workers lose the options of workers. Where there is a GPU, their batches wait in memory from which
      it can fetch them while it computes, unless the config says otherwise.
    - mmengine's AmpOptimWrapper, which refuses a CPU, becomes this project's. The log says what half precision is for.
    - For a training: a warm-up that takes all of it gets half of the epochs, rounded down; what follows it begins
      there, and what would begin after the end is left out. The log says so.
    """
    for split in ('train', 'val', 'test'):
        loader = cfg.get(f'{split}_dataloader')
        if loader and not loader.get('num_workers'):
            for option in WORKER_OPTIONS:
                loader.pop(option, None)
        if loader and torch.cuda.is_available():
            loader.setdefault('pin_memory', True)
    _settle_number_formats(cfg, training)
    num_epochs, schedulers = (cfg.get('train_cfg') or {}).get('max_epochs'), cfg.get('param_scheduler')
    if training and num_epochs and isinstance(schedulers, list):
        cfg.param_scheduler = _fit_schedule(schedulers, num_epochs)


def _settle_number_formats(cfg: Config, training: bool) -> None:
    """The wrapper that works on every device, and a line in the log on what is not computed in float32."""
    default = autocast_format(torch.device(get_device()))
    wrapper, formats = cfg.get('optim_wrapper') or {}, {}
    if training and wrapper.get('type') in AMP_WRAPPERS:
        wrapper['type'] = 'mmdel.AmpOptimWrapper'
        formats['training'] = wrapper.get('dtype') or default
    loop, key = ('validation', 'val_cfg') if training else ('test', 'test_cfg')
    if (cfg.get(key) or {}).get('fp16'):
        formats[loop] = default
    if formats:
        said = ', '.join(f'{what} in {number_format}' for what, number_format in formats.items())
        MMLogger.get_current_instance().info(f'Half precision: {said}')


def _fit_schedule(schedulers: list[dict], num_epochs: int) -> list[dict]:
    """The schedulers that begin within ``num_epochs``, after the warm-up has given way."""
    by_epoch = [scheduler for scheduler in schedulers if scheduler.get('by_epoch', True)]
    late = min((begin for scheduler in by_epoch if (begin := scheduler.get('begin', 0)) >= num_epochs), default=None)
    warm_ups = [scheduler for scheduler in by_epoch if scheduler.get('begin', 0) == 0 and scheduler.get('end') == late]
    if late is not None and warm_ups:
        half = num_epochs // 2
        for scheduler in by_epoch:
            if scheduler.get('begin') == late:
                scheduler['begin'] = half
        for scheduler in warm_ups:
            scheduler['end'] = half
        MMLogger.get_current_instance().warning(
            f'The warm-up of {late:g} epochs gets {half}, since the training has {num_epochs}.'
        )
    ends = [min(num_epochs, scheduler.get('end', num_epochs)) for scheduler in by_epoch]
    idle = [scheduler for scheduler, end in zip(by_epoch, ends, strict=True) if scheduler.get('begin', 0) >= end]
    return [scheduler for scheduler in schedulers if scheduler not in idle]
