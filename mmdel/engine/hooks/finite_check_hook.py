"""Numbers that are not finite end a run, before they end in a checkpoint that finds nothing."""

from __future__ import annotations

import math
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mmdel.registry import HOOKS
from mmdel.utils.errors import UserInputError

NUM_NAMED = 3


@HOOKS.register_module()
class FiniteCheckHook(Hook):
    """Stops a run at the first loss, weight or output of the head that is NaN or infinite.

    - The terms of the loss, at every step of a training. They are read as the numbers that mmengine's RuntimeInfoHook,
      which comes first, has made of them for the log: that waits for the device once a step, this hook never.
    - The weights, before a checkpoint is written and before a validation or test.
    - What the head puts out for the valid points, at every batch of a validation or test. Scores that are NaN are above
      no threshold: without this, they would be zero events.

    Raises:
        UserInputError: Naming the epoch, the iteration, the terms and the videos of the batch, or the weights.
    """

    def __init__(self) -> None:
        self._batch: Any = None
        self._handle: RemovableHandle | None = None

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Tensor] | None = None
    ) -> None:
        """Looks at the terms of the step."""
        terms = {key: runner.message_hub.get_scalar(f'train/{key}').current() for key in outputs or () if 'loss' in key}
        broken = {key: value for key, value in terms.items() if not math.isfinite(value)}
        if broken:
            broken = {key: value for key, value in broken.items() if key != 'loss'} or broken
            rate = max(max(rates) for rates in runner.optim_wrapper.get_lr().values())
            raise UserInputError(
                f'epoch {runner.epoch + 1}, iteration {batch_idx + 1} of {len(runner.train_dataloader)}: '
                f'{", ".join(f"{key} is {value}" for key, value in broken.items())}, at a learning rate of {rate:.3g}, '
                f'for {_videos(data_batch)}; lower the learning rate or look at the features of these videos'
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Looks at the weights: the last step of an epoch may have broken them, with no step after it to show it."""
        _check_weights(runner, f'after epoch {runner.epoch + 1}')

    def before_val(self, runner: Runner) -> None:
        """Looks at the weights."""
        _check_weights(runner, f'after epoch {runner.epoch}')

    def before_test(self, runner: Runner) -> None:
        """Looks at the weights."""
        _check_weights(runner, 'of the checkpoint')

    def before_val_epoch(self, runner: Runner) -> None:
        """Begins to look at what the head puts out."""
        head = getattr(_bare(runner.model), 'head', None)
        if head is not None and hasattr(head, 'candidates'):
            self._handle = head.register_forward_hook(self._check_outputs)

    def before_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Keeps the batch, to name its videos."""
        self._batch = data_batch

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Ends it."""
        self._batch = None
        if self._handle is not None:
            self._handle.remove()

    before_test_epoch = before_val_epoch
    before_test_iter = before_val_iter
    after_test_epoch = after_val_epoch

    def _check_outputs(self, head: nn.Module, inputs: tuple, outputs: tuple[Tensor, Tensor]) -> None:
        """``inputs`` are levels and their masks (B, T_l), ``outputs`` logits (B, P, C) and offsets (B, P, R, 2)."""
        mask = torch.cat(inputs[1], dim=1)
        finite = torch.stack([output.flatten(2).isfinite().all(2) for output in outputs]).all(0)
        if not bool((finite | ~mask).all()):
            raise UserInputError(
                f"the model's scores are NaN or infinite for {_videos(self._batch)}, though its weights are not: "
                'look at the features of these videos, or train anew at a lower learning rate'
            )


def _check_weights(runner: Runner, when: str) -> None:
    weights = list(_bare(runner.model).named_parameters())
    finite = [weight.detach().isfinite().all() for _, weight in weights]
    finite = torch.stack(finite).tolist() if finite else []  # waits once
    broken = [name for (name, _), fine in zip(weights, finite, strict=True) if not fine]
    if broken:
        some = ', '.join(broken[:NUM_NAMED]) + (', …' if len(broken) > NUM_NAMED else '')
        raise UserInputError(
            f'{len(broken)} of the {len(weights)} weights {when} are NaN or infinite ({some}), so that every score is '
            'NaN and no event is found; train anew at a lower learning rate, or go on from an earlier checkpoint'
        )


def _bare(model: nn.Module) -> nn.Module:
    return model.get_submodule('module') if is_model_wrapper(model) else model


def _videos(data_batch: Any) -> str:
    """The videos of a batch, as this package and MMAction2's localizers name them."""
    samples = data_batch.get('data_samples', ()) if isinstance(data_batch, dict) else ()
    names = [sample.get('video_id', sample.get('video_name')) for sample in samples]
    return ', '.join(map(str, names)) or 'this batch'
