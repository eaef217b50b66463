"""What a runner has been started with: its model without wrappers, whether it trains, and the classes of its data."""

from __future__ import annotations

from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.utils.data import DataLoader


def bare_model(model: nn.Module) -> nn.Module:
    """A model without the wrapper of distributed training."""
    return model.get_submodule('module') if is_model_wrapper(model) else model


def is_training(runner: Runner) -> bool:
    """Whether a runner has been started to train."""
    return isinstance(runner.optim_wrapper, OptimWrapper | OptimWrapperDict)


def classes_in_use(runner: Runner) -> list[str]:
    """The classes of the data that a runner has been started with; none if these do not name them."""
    loop = runner._train_loop if is_training(runner) else runner._test_loop
    loop = loop if isinstance(loop, BaseLoop) else runner._val_loop
    return classes_of(getattr(loop, 'dataloader', None))


def classes_of(loader: DataLoader | None) -> list[str]:
    """The classes of the data in a loader; none if these do not name them, or there is no loader."""
    return list(getattr(getattr(loader, 'dataset', None), 'metainfo', {}).get('classes') or ())
