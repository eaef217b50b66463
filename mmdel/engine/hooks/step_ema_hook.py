"""A moving average of the weights over the steps of the optimizer."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import EMAHook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from mmdel.registry import HOOKS


@HOOKS.register_module()
class StepEMAHook(EMAHook):
    """mmengine's EMAHook, that moves the average when the weights have moved.

    mmengine's moves it in every iteration. If gradients are summed over several (``accumulative_counts``), it would
    look back over fewer steps than with a batch as large as theirs together.
    """

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Moves the average after a step."""
        wrapper = runner.optim_wrapper
        if not isinstance(wrapper, OptimWrapper) or wrapper.should_update():
            super().after_train_iter(runner, batch_idx, data_batch, outputs)
