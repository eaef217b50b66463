import logging

import pytest
import tiny_training
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

SCHEDULES = {
    'by iteration': lambda cosine: [
        dict(type='LinearLR', start_factor=0.1, end=2, convert_to_iter_based=True),
        dict(type='CosineAnnealingLR', begin=2, eta_min=1e-8, convert_to_iter_based=True, **cosine),
    ],
    'by epoch': lambda cosine: [
        dict(type='LinearLR', start_factor=0.1, end=5, by_epoch=False),
        dict(type='CosineAnnealingLR', eta_min=1e-8, **cosine),
    ],
}


class Rates(Hook):
    """The learning rate of every iteration."""

    def __init__(self):
        self.values = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.values += runner.optim_wrapper.get_lr()['lr'][:1]


def rates(work_dir, max_epochs, schedule, checkpoint=None, **kwargs):
    cfg = tiny_training.config(
        work_dir, [], max_epochs=max_epochs, load_from=checkpoint, resume=checkpoint is not None, **kwargs
    )
    cfg.param_scheduler = schedule
    cfg.default_hooks.update(param_scheduler=dict(type='mmdel.ResumedScheduleHook'))
    runner, recorder = Runner.from_cfg(cfg), Rates()
    runner.register_hook(recorder)
    runner.train()
    return recorder.values


@pytest.mark.parametrize('name', SCHEDULES)
def test_more_epochs_extend_the_schedule(tmp_path, caplog, name):
    """A training of three epochs that is resumed to six goes on with the rates of one of six."""
    schedule = SCHEDULES[name]({})
    uninterrupted = rates(tmp_path / 'six', 6, schedule)
    short = rates(tmp_path / 'three', 3, schedule)
    more = rates(tmp_path / 'more', 6, schedule, f'{tmp_path}/three/epoch_3.pth')
    assert more == pytest.approx(uninterrupted[len(short) :])


def test_other_settings_of_the_config_hold_too(tmp_path):
    """Another learning rate, and another number of iterations an epoch: both as from the first epoch."""
    rates(tmp_path / 'a', 3, SCHEDULES['by iteration']({}))
    changed = dict(batch_size=2, optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.003)))
    whole = rates(tmp_path / 'whole', 6, SCHEDULES['by iteration']({}), **changed)
    more = rates(tmp_path / 'more', 6, SCHEDULES['by iteration']({}), f'{tmp_path}/a/epoch_3.pth', **changed)
    assert more == pytest.approx(whole[3 * 4 :])


def test_a_checkpoint_without_a_schedule_does_not_begin_anew(tmp_path):
    schedule = SCHEDULES['by iteration']({})
    whole = rates(tmp_path / 'a', 6, schedule)
    checkpoint = torch.load(tmp_path / 'a/epoch_3.pth')
    del checkpoint['optimizer'], checkpoint['param_schedulers']  # as in mmengine's best checkpoints
    torch.save(checkpoint, tmp_path / 'best.pth')
    assert rates(tmp_path / 'b', 6, schedule, f'{tmp_path}/best.pth') == pytest.approx(whole[3 * 2 :])


def test_the_same_schedule_is_left_alone(tmp_path, monkeypatch):
    schedule = SCHEDULES['by iteration'](dict(end=6))
    whole = rates(tmp_path / 'a', 6, schedule)
    monkeypatch.setattr(logging.Logger, 'warning', lambda self, message, *args: pytest.fail(message))
    assert rates(tmp_path / 'b', 6, schedule, f'{tmp_path}/a/epoch_3.pth') == whole[3 * 2 :]
