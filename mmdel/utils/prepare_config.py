"""What a config needs before a runner can be built of it: settings that contradict one another give way."""

from __future__ import annotations

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

WORKER_OPTIONS = ('persistent_workers', 'prefetch_factor', 'timeout', 'multiprocessing_context')


def prepare_config(cfg: Config, training: bool) -> None:
    """Changes ``cfg`` where PyTorch or mmengine would stop at two settings that exclude each other.

    - Loaders without workers lose the options of workers. Where there is a GPU, their batches wait in memory from which
      it can fetch them while it computes, unless the config says otherwise.
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
    num_epochs, schedulers = (cfg.get('train_cfg') or {}).get('max_epochs'), cfg.get('param_scheduler')
    if training and num_epochs and isinstance(schedulers, list):
        cfg.param_scheduler = _fit_schedule(schedulers, num_epochs)


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
