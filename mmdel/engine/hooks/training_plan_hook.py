"""What a training is told to do and will never come to."""

from __future__ import annotations

from collections.abc import Iterator

from mmengine.hooks import EMAHook, Hook
from mmengine.model import ExponentialMovingAverage
from mmengine.runner import Runner

from mmdel.engine.hooks.score_contrastive_hook import ScoreContrastiveHook
from mmdel.registry import HOOKS

MAX_START_SHARE = 0.1


@HOOKS.register_module()
class TrainingPlanHook(Hook):
    """Warns before a training of settings that do not fit its length.

    These are a contrastive loss or a validation that sets in after the last epoch, a learning rate that is to be
    lowered after it, and a moving average of the weights that is still made up of its start, to more than a tenth, when
    the training ends.
    """

    def before_train(self, runner: Runner) -> None:
        num_epochs = runner.max_iters / len(runner.train_dataloader)
        for text in (*_late_starts(runner, num_epochs), *_slow_averages(runner)):
            runner.logger.warning(text)


def _late_starts(runner: Runner, num_epochs: float) -> Iterator[str]:
    end = f'the training ends after epoch {num_epochs:g}'
    for hook in runner.hooks:
        if isinstance(hook, ScoreContrastiveHook) and hook.enable:
            ramp = (num_epochs - hook.start_epoch) / hook.ramp_epochs if hook.ramp_epochs else float('inf')
            if hook.start_epoch >= num_epochs:
                yield f'The contrastive loss sets in after epoch {hook.start_epoch:g}, but {end}: it is never used.'
            elif ramp < 1:
                yield f'The contrastive loss reaches {ramp:.0%} of its weight, since {end}.'
    if runner.val_loop is not None and runner.val_begin > num_epochs:
        yield f'Validations begin with epoch {runner.val_begin}, but {end}: there is none.'
    for scheduler in runner.param_schedulers or () if isinstance(runner.param_schedulers, list) else ():
        last = num_epochs if scheduler.by_epoch else runner.max_iters
        if any(milestone >= last for milestone in getattr(scheduler, 'milestones', ())):
            unit = 'epoch' if scheduler.by_epoch else 'iteration'
            milestones = ', '.join(f'{milestone}' for milestone in scheduler.milestones)
            yield f'The learning rate is lowered after {unit} {milestones}, but {end}.'


def _slow_averages(runner: Runner) -> Iterator[str]:
    """Of averages with a constant momentum: those that warm up forget their start."""
    for hook in runner.hooks:
        if isinstance(hook, EMAHook) and type(hook.ema_model) is ExponentialMovingAverage:
            begin = max(hook.begin_iter, hook.begin_epoch * len(runner.train_dataloader))
            num_updates = (runner.max_iters - begin) // hook.ema_model.interval
            share = (1 - hook.ema_model.momentum) ** num_updates
            if share > MAX_START_SHARE:
                yield (
                    f'The average of the weights has momentum={hook.ema_model.momentum:g} and {num_updates} updates: '
                    f'{share:.0%} of what is tested will be the weights from before. Warm it up with '
                    "ema_type='MomentumAnnealingEMA' and gamma=9, or raise the momentum."
                )
