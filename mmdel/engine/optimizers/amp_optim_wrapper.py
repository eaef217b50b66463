"""Training in half precision, on CPUs too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper as AcceleratorOptimWrapper
from mmengine.optim import OptimWrapper
from torch import nn

from mmdel.registry import OPTIM_WRAPPERS
from mmdel.utils.number_format import autocast, require


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(AcceleratorOptimWrapper):
    """mmengine's AmpOptimWrapper, which computes on a CPU as well, and scales the loss in float16 alone.

    bfloat16 has float32's range: scaling its loss would change nothing, and wait for the device at every step.

    Args:
        loss_scale: Of float16, as in mmengine: 'dynamic', a number that stays, or arguments of torch's GradScaler.
        dtype: 'bfloat16', 'float16' or 'float32'; None is torch's own default: bfloat16 on a CPU, else float16.
        kwargs: Of mmengine's OptimWrapper.

    Raises:
        UserInputError: If the device of the parameters does not compute in that format.
    """

    def __init__(
        self, loss_scale: float | str | dict = 'dynamic', dtype: str | torch.dtype | None = None, **kwargs: Any
    ) -> None:
        OptimWrapper.__init__(self, **kwargs)  # mmengine's own refuses a CPU
        self.device = self.optimizer.param_groups[0]['params'][0].device
        dtype = dtype or torch.get_autocast_dtype(self.device.type)
        self.number_format = require(self.device, str(dtype).removeprefix('torch.'))
        options = loss_scale if isinstance(loss_scale, dict) else {}
        self._scale_update_param = None
        if not isinstance(loss_scale, str | dict):
            self._scale_update_param = float(loss_scale)
            options = dict(init_scale=float(loss_scale))
        enabled = self.number_format == 'float16'
        self.loss_scaler = torch.amp.GradScaler(self.device.type, **options, enabled=enabled)

    def state_dict(self) -> dict:
        """That of the optimizer and, in float16, of the loss scale."""
        state = super().state_dict()
        if not self.loss_scaler.is_enabled():
            del state['loss_scaler']  # empty, which float16 could not go on from
        return state

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """In which the losses of a step are computed."""
        with OptimWrapper.optim_context(self, model), autocast(self.device, self.number_format):
            yield
