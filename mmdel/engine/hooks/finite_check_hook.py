"""Numbers that are not finite end a run, before they end in a checkpoint that finds nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mmdel.registry import HOOKS
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json
from mmdel.utils.runner_state import bare_model, is_training

NUM_NAMED = 3


@HOOKS.register_module()
class FiniteCheckHook(Hook):
    """Stops a run at the first loss, weight or output of the head that is NaN or infinite.

    - The terms of the loss, at every step of a training. They are read as the numbers that mmengine's RuntimeInfoHook,
      which comes first, has made of them for the log: that waits for the device once a step, this hook never. What is
      needed to make the step again is written to ``not_finite_rank<N>.json`` in the work directory.
    - The weights, before a checkpoint is written, when one is loaded to test or resume, and before a validation or
      test.
    - What the head puts out for the valid points, at every batch of a validation or test. Scores that are NaN are above
      no threshold: without this, they would be zero events.

    Args:
        max_skipped: So many steps of a training whose gradients are NaN or infinite are left out, with a warning each,
            before it stops. The weights stay as they are, on all ranks; the gradients are looked at each step, which
            waits for the device once more.

    Raises:
        UserInputError: Naming the epoch, the iteration, the terms and the videos of the batch, or the weights.
    """

    def __init__(self, max_skipped: int = 0) -> None:
        self.max_skipped = max_skipped
        self._num_skipped = 0
        self._batch: Any = None
        self._handle: RemovableHandle | None = None
        self._skips: RemovableHandle | None = None

    def before_train(self, runner: Runner) -> None:
        """Begins to leave steps out, if some may be."""
        if self.max_skipped:
            self._skips = runner.optim_wrapper.optimizer.register_step_pre_hook(self._skip_if_broken)

    def after_train(self, runner: Runner) -> None:
        """Ends it."""
        if self._skips is not None:
            self._skips.remove()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Tensor] | None = None
    ) -> None:
        """Looks at the terms of the step."""
        terms = {key: runner.message_hub.get_scalar(f'train/{key}').current() for key in outputs or () if 'loss' in key}
        broken = {key: value for key, value in terms.items() if not math.isfinite(value)}
        if not broken and self._num_skipped <= self.max_skipped:
            return
        broken = {key: value for key, value in broken.items() if key != 'loss'} or broken
        rate = max(max(rates) for rates in runner.optim_wrapper.get_lr().values())
        message = (
            f'epoch {runner.epoch + 1}, iteration {batch_idx + 1} of {len(runner.train_dataloader)}: '
            f'{", ".join(f"{key} is {value}" for key, value in broken.items()) or "the gradients are not finite"}, at '
            f'a learning rate of {rate:.3g}, for {_videos(data_batch)}'
        )
        if 0 < self._num_skipped <= self.max_skipped:
            runner.logger.warning(f'{message}; step {self._num_skipped} of {self.max_skipped} that may be left out')
            return
        path = _write_record(runner, broken, data_batch)
        raise UserInputError(
            f'{message}; lower the learning rate or look at the features of these videos (seed, terms and videos are '
            f'in {path})'
        )

    def _skip_if_broken(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        """An optimizer leaves parameters without gradients alone. The ranks have the same gradients."""
        parameters = [parameter for group in optimizer.param_groups for parameter in group['params']]
        finite = [parameter.grad.isfinite().all() for parameter in parameters if parameter.grad is not None]
        if finite and not bool(torch.stack(finite).all()):
            self._num_skipped += 1
            for parameter in parameters:
                parameter.grad = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Looks at the weights of a checkpoint that is tested or resumed, of the model and of its average."""
        names = {name for name, _ in bare_model(runner.model).named_parameters()}
        if is_training(runner) and not runner._resume:
            return
        for state in (checkpoint.get('state_dict', {}), checkpoint.get('ema_state_dict', {})):
            weights = {name: value for name, value in state.items() if name.removeprefix('module.') in names}
            _check_weights(weights, f'of the checkpoint {runner._load_from}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Looks at the weights: the last step of an epoch may have broken them, with no step after it to show it."""
        _check_weights(_weights(runner), f'after iteration {runner.iter}')

    def before_val(self, runner: Runner) -> None:
        """Looks at the weights."""
        _check_weights(_weights(runner), f'after epoch {runner.epoch}')

    def before_test(self, runner: Runner) -> None:
        """Looks at the weights."""
        _check_weights(_weights(runner), 'of the checkpoint')

    def before_val_epoch(self, runner: Runner) -> None:
        """Begins to look at what the head puts out."""
        head = getattr(bare_model(runner.model), 'head', None)
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


def _weights(runner: Runner) -> dict[str, Tensor]:
    return {name: weight.detach() for name, weight in bare_model(runner.model).named_parameters()}


def _check_weights(weights: dict[str, Tensor], when: str) -> None:
    finite = [weight.isfinite().all() for weight in weights.values()]
    finite = torch.stack(finite).tolist() if finite else []  # waits once
    broken = [name for name, fine in zip(weights, finite, strict=True) if not fine]
    if broken:
        some = ', '.join(broken[:NUM_NAMED]) + (', …' if len(broken) > NUM_NAMED else '')
        raise UserInputError(
            f'{len(broken)} of the {len(weights)} weights {when} are NaN or infinite ({some}), so that every score is '
            'NaN and no event is found; train anew at a lower learning rate, or go on from an earlier checkpoint'
        )


def _write_record(runner: Runner, broken: dict[str, float], data_batch: Any) -> Path:
    """What is needed to make a step again, after a resume from the last checkpoint."""
    path = Path(runner.work_dir, f'not_finite_rank{get_rank()}.json')
    record = dict(
        config=runner.cfg.filename,
        seed=runner.seed,
        epoch=runner.epoch + 1,
        iteration=runner.iter + 1,
        num_ranks=get_world_size(),
        terms={key: str(value) for key, value in broken.items()},
        lr={key: max(rates) for key, rates in runner.optim_wrapper.get_lr().items()},
        videos=_video_ids(data_batch),
        last_checkpoint=runner.message_hub.get_info('last_ckpt'),
    )
    write_json(path, record, indent=2)
    return path


def _video_ids(data_batch: Any) -> list[str]:
    """The videos of a batch, as this package and MMAction2's localizers name them."""
    samples = data_batch.get('data_samples', ()) if isinstance(data_batch, dict) else ()
    return [str(sample.get('video_id', sample.get('video_name'))) for sample in samples]


def _videos(data_batch: Any) -> str:
    return ', '.join(_video_ids(data_batch)) or 'this batch'
