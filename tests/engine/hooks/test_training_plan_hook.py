import logging
from types import SimpleNamespace

import pytest
import tiny_training
import torch
from mmengine.hooks import EMAHook
from torch import nn

from mmdel.engine.hooks import ScoreContrastiveHook, TrainingPlanHook


def said(caplog, *hooks, num_epochs=10, milestones=None, val_begin=1):
    """What the hook says before a training of 10 iterations an epoch."""
    schedulers = [SimpleNamespace(by_epoch=by_epoch, milestones={value: 1}) for by_epoch, value in milestones or ()]
    runner = SimpleNamespace(
        max_iters=num_epochs * 10,
        train_dataloader=range(10),
        val_loop=None if val_begin is None else 'a loop',
        val_begin=val_begin,
        param_schedulers=schedulers or None,
        hooks=hooks,
        model=nn.Linear(1, 1),
        logger=logging.getLogger(__name__),
    )
    for hook in hooks:
        if isinstance(hook, EMAHook):
            hook.before_run(runner)
    TrainingPlanHook().before_train(runner)
    return caplog.text


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(start_epoch=9), None),
        (dict(start_epoch=5, ramp_epochs=5), None),
        (dict(start_epoch=10), 'sets in after epoch 10, but the training ends after epoch 10: it is never used'),
        (dict(start_epoch=20, enable=False), None),
        (dict(start_epoch=6, ramp_epochs=8), 'reaches 50% of its weight, since the training ends after epoch 10'),
    ],
)
def test_a_contrast_that_sets_in_too_late_is_told(caplog, options, message):
    text = said(caplog, ScoreContrastiveHook(tiny_training.LOSS, tiny_training.TAPS, **options))
    assert message in text if message else not text


def test_validations_and_steps_of_the_rate_that_never_come_are_told(caplog):
    assert not said(caplog, milestones=[(True, 9), (False, 99)], val_begin=10)
    assert not said(caplog, val_begin=None)
    text = said(caplog, milestones=[(True, 10), (False, 100)], val_begin=11)
    assert 'lowered after epoch 10,' in text and 'lowered after iteration 100,' in text
    assert 'Validations begin with epoch 11' in text


@pytest.mark.parametrize(
    'options, message',
    [
        # 0.999 ** 90 = 0.914: as reported of 90 iterations
        (dict(momentum=0.001), 'has momentum=0.001 and 90 updates: 91% of'),
        (dict(momentum=0.05, begin_epoch=5), 'has momentum=0.05 and 40 updates: 13% of'),
        (dict(momentum=0.05), None),
        (dict(momentum=0.001, ema_type='MomentumAnnealingEMA', gamma=9), None),
    ],
)
def test_an_average_that_keeps_its_start_is_told(caplog, options, message):
    text = said(caplog, EMAHook(**options), num_epochs=9)
    assert message in text if message else not text


def test_the_average_of_the_configs_forgets_its_start():
    """After n steps, the weights from before count 9! n! / (n + 9)!: less than a ten-thousandth from ten steps on."""
    model = nn.Linear(1, 1, bias=False)
    runner, hook = SimpleNamespace(model=model, iter=0), EMAHook('MomentumAnnealingEMA', momentum=0.001, gamma=9)
    model.weight.data.fill_(1.0)
    hook.before_run(runner)
    for step in range(11):
        hook.after_train_iter(runner, step)
        model.weight.data.zero_()
    assert torch.isclose(hook.ema_model.module.weight, torch.tensor(1 / 92378), rtol=1e-3)  # 1 / (19 over 9)
