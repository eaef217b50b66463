import math
from types import SimpleNamespace

import pytest
import tiny_training
import torch
from mmengine.hooks import Hook
from torch import nn

from mmdel.engine.hooks import FiniteCheckHook
from mmdel.structures import EventDataSample

BATCH = dict(data_samples=[EventDataSample(metainfo=dict(video_id=name)) for name in 'ab'])


class Break(Hook):
    """Sets a weight to ``value`` after a step; an epoch has four."""

    priority = 'VERY_LOW'

    def __init__(self, step, value):
        self.step, self.value = step, value

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == self.step:
            runner.model.count.bias.data.fill_(self.value)


def train(work_dir, step, value):
    hooks = [dict(type='mmdel.FiniteCheckHook')]
    cfg = tiny_training.config(work_dir, hooks, batch_size=2, shuffle=False)
    runner = tiny_training.Runner.from_cfg(cfg)
    runner.register_hook(Break(step, value))
    runner.train()


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_a_training_stops_at_the_first_loss_that_is_not_finite(tmp_path, value):
    message = rf'^epoch 2, iteration 3 of 4: loss_count is {value}, at a learning rate of 0.00\d+, for .*; lower'
    with pytest.raises(ValueError, match=message):
        train(tmp_path, 5, value)
    assert [path.name for path in tmp_path.glob('*.pth')] == ['epoch_1.pth']


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    with pytest.raises(ValueError, match=r'^1 of the 6 weights after epoch 2 are NaN or infinite \(count.bias\)'):
        train(tmp_path, 7, math.nan)
    assert [path.name for path in tmp_path.glob('*.pth')] == ['epoch_1.pth']


def runner_of(terms):
    hub = SimpleNamespace(get_scalar=lambda key: SimpleNamespace(current=lambda: terms[key.removeprefix('train/')]))
    optim_wrapper = SimpleNamespace(get_lr=lambda: dict(lr=[0.01, 0.1], base_lr=[0.01]))
    return SimpleNamespace(
        message_hub=hub, optim_wrapper=optim_wrapper, epoch=0, train_dataloader=range(5), model=nn.Linear(1, 1)
    )


@pytest.mark.parametrize(
    'terms, said',
    [
        (dict(loss=math.nan, loss_cls=math.nan, loss_reg=math.inf, other=1.0), 'loss_cls is nan, loss_reg is inf, at'),
        (dict(loss=math.inf, loss_cls=1e38, loss_reg=1e38), 'loss is inf, at'),
    ],
)
def test_the_terms_and_the_videos_are_named(terms, said):
    """Read from the numbers of the log: the terms themselves, which would wait for the device, are not looked at."""
    with pytest.raises(ValueError, match=rf'iteration 3 of 5: {said} a learning rate of 0.1, for a, b; '):
        FiniteCheckHook().after_train_iter(runner_of(terms), 2, BATCH, dict.fromkeys(terms))


def test_what_is_no_loss_may_be_nan():
    terms = dict(loss=1.0, mean_iou=math.nan)
    FiniteCheckHook().after_train_iter(runner_of(terms), 2, BATCH, dict.fromkeys(terms))


@pytest.mark.parametrize('split', ['val', 'test'])
def test_weights_stop_a_validation_and_a_test(split):
    runner = runner_of({})
    getattr(FiniteCheckHook(), f'before_{split}')(runner)
    runner.model.weight.data.fill_(math.inf)
    with pytest.raises(ValueError, match=r'1 of the 2 weights .* infinite \(weight\)'):
        getattr(FiniteCheckHook(), f'before_{split}')(runner)


class Head(nn.Module):
    """Puts out what it is given."""

    candidates = None

    def forward(self, outputs, masks):
        return outputs


@pytest.mark.parametrize('split', ['val', 'test'])
@pytest.mark.parametrize('index', [0, 1])
@pytest.mark.parametrize('value', [math.nan, -math.inf])
def test_outputs_of_valid_points_stop_it(split, index, value):
    runner, hook = SimpleNamespace(model=nn.Module()), FiniteCheckHook()
    runner.model.head = Head()
    outputs = torch.zeros(2, 3, 4), torch.zeros(2, 3, 1, 2)
    masks = torch.tensor([[True, True], [True, False]]), torch.tensor([[True], [True]])
    outputs[index][1, 1] = value  # at a padded point
    getattr(hook, f'before_{split}_epoch')(runner)
    getattr(hook, f'before_{split}_iter')(runner, 0, BATCH)
    assert runner.model.head(outputs, masks) is outputs
    outputs[index][0, 2] = value
    with pytest.raises(ValueError, match='scores are NaN or infinite for a, b'):
        runner.model.head(outputs, masks)
    getattr(hook, f'after_{split}_epoch')(runner)
    assert runner.model.head(outputs, masks) is outputs
