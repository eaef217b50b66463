"""A resumed training follows the schedule of its config."""

from __future__ import annotations

import warnings

from mmengine.hooks import ParamSchedulerHook
from mmengine.optim import _ParamScheduler
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmdel.registry import HOOKS

PROGRESS = {'last_step', '_global_step', '_last_value'}


@HOOKS.register_module()
class ResumedScheduleHook(ParamSchedulerHook):
    """mmengine's ParamSchedulerHook, by which a training that is resumed with another schedule follows it.

    mmengine goes on with the schedule that the checkpoint was trained with: with more epochs, all of them would be
    trained at the rate with which the shorter training ended. Here the rate goes on as if the config's schedule had
    been followed from the first epoch, also where the checkpoint holds no schedule, as the best one does. Where it
    holds the same, nothing is changed.

    It needs epochs, one optimizer, and schedulers that do not depend on a validation; else all is left to mmengine.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Puts the config's schedule, as far as it has come, into the checkpoint that is about to be resumed."""
        schedulers, saved = runner.param_schedulers, checkpoint.get('param_schedulers', [])
        if not runner._resume or not isinstance(schedulers, list) or not isinstance(saved, list):
            return
        if [_plan(scheduler.state_dict()) for scheduler in schedulers] == [_plan(state) for state in saved]:
            return
        epoch_based = isinstance(runner.train_loop, EpochBasedTrainLoop)
        if not epoch_based or any(getattr(scheduler, 'need_val_args', False) for scheduler in schedulers):
            return
        num_epochs, num_iters = checkpoint['meta']['epoch'], checkpoint['meta'].get('num_done', 0)
        _advance(schedulers, num_epochs, len(runner.train_dataloader), num_iters)
        checkpoint['param_schedulers'] = [scheduler.state_dict() for scheduler in schedulers]
        groups, old = runner.optim_wrapper.param_groups, _groups(checkpoint.get('optimizer'))
        rates = [f'{max(group["lr"] for group in some):.3g}' if some else 'unknown' for some in (groups, old)]
        for name in {scheduler.param_name for scheduler in schedulers}:
            for group, old_group in zip(groups, old, strict=False):
                old_group.update({key: group[key] for key in (name, f'initial_{name}')})
        runner.logger.warning(
            f'The training goes on at a learning rate of {rates[0]}, where the schedule of the config is after '
            f"{num_epochs} epochs. The checkpoint's schedule is another or not known; its rate is {rates[1]}."
        )


def _groups(optimizer: dict | None) -> list[dict]:
    """The parameter groups that the state of an optimizer wrapper holds."""
    if optimizer is None:
        return []
    base = optimizer.get('base_param_settings')  # mmengine's own group, which tells the rate without multipliers
    return [*optimizer['param_groups'], *([] if base is None else [base])]


def _plan(state: dict) -> dict:
    """What a scheduler is to do, without how far it has come."""
    return {key: value for key, value in state.items() if key not in PROGRESS}


def _advance(schedulers: list[_ParamScheduler], num_epochs: int, epoch_length: int, num_iters: int) -> None:
    """Steps new schedulers as so many epochs of so many iterations do, and so many iterations of the next."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that the optimizer has not moved
        for epoch in range(num_epochs + 1):  # in this order, since one may go by the rate that another has set
            for _ in range(epoch_length if epoch < num_epochs else num_iters):
                for scheduler in schedulers:
                    if not scheduler.by_epoch:
                        scheduler.step()
            for scheduler in schedulers:
                if scheduler.by_epoch and epoch < num_epochs:
                    scheduler.step()
