import json
import math
from itertools import pairwise
from types import SimpleNamespace

import pytest
import tiny_training
import torch
from mmengine.hooks import Hook
from torch import nn

from mmdel.engine.hooks import FiniteCheckHook, finite_check_hook
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


def train(work_dir, step, value, **options):
    hooks = [dict(type='mmdel.FiniteCheckHook')]
    cfg = tiny_training.config(work_dir, hooks, batch_size=2, shuffle=False, **options)
    runner = tiny_training.Runner.from_cfg(cfg)
    runner.register_hook(Break(step, value))
    runner.train()


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_a_training_stops_at_the_first_loss_that_is_not_finite(tmp_path, value):
    message = rf'^epoch 2, iteration 3 of 4: loss_count is {value}, at a learning rate of 0.00\d+, for .*; lower'
    with pytest.raises(ValueError, match=message):
        train(tmp_path, 5, value)
    assert [path.name for path in tmp_path.glob('*.pth')] == ['epoch_1.pth']
    record = json.loads((tmp_path / 'not_finite_rank0.json').read_text())
    assert record['terms'] == dict(loss_count=str(value)) and (record['epoch'], record['iteration']) == (2, 7)
    assert record['seed'] == 0 and record['last_checkpoint'] == str(tmp_path / 'epoch_1.pth')


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    with pytest.raises(ValueError, match=r'^1 of the 6 weights after iteration 8 are NaN or infinite \(count.bias\)'):
        train(tmp_path, 7, math.nan)
    assert [path.name for path in tmp_path.glob('*.pth')] == ['epoch_1.pth']


@pytest.mark.parametrize('resume', [False, True])
def test_a_checkpoint_that_is_not_finite_is_not_gone_on_from(tmp_path, resume):
    """Whether the weights or their average are broken."""
    train(tmp_path / 'a', 99, 0.0, max_epochs=1)
    checkpoint = torch.load(tmp_path / 'a/epoch_1.pth')
    checkpoint['ema_state_dict'] = {'module.count.bias': torch.tensor([math.inf]), 'steps': torch.tensor(1)}
    torch.save(checkpoint, tmp_path / 'b.pth')
    options = dict(load_from=str(tmp_path / 'b.pth'), resume=resume)
    if resume:
        with pytest.raises(ValueError, match=rf'weights of the checkpoint {tmp_path}/b.pth are NaN'):
            train(tmp_path / 'b', 99, 0.0, **options)
    else:
        train(tmp_path / 'b', 99, 0.0, **options)


class Explode(Hook):
    """Makes the gradients of some steps infinite, with the losses as they are or not."""

    priority = 'VERY_HIGH'

    def __init__(self, steps, in_loss):
        self.steps, self.in_loss, self.weights = steps, in_loss, []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.weights.append(runner.model.count.weight.detach().clone())
        if runner.iter in self.steps:
            self.handle = runner.model.count.weight.register_hook(lambda grad: grad * math.inf)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter in self.steps:
            self.handle.remove()
            if self.in_loss:
                runner.message_hub.update_scalar('train/loss_count', math.nan)


@pytest.mark.parametrize('in_loss', [False, True])
@pytest.mark.parametrize('max_skipped', [2, 3])
def test_steps_may_be_left_out(tmp_path, in_loss, max_skipped):
    """They change nothing; and there is a limit."""
    hooks = [dict(type='mmdel.FiniteCheckHook', max_skipped=max_skipped)]
    runner = tiny_training.Runner.from_cfg(tiny_training.config(tmp_path, hooks, batch_size=2))
    explode = Explode((2, 4, 5), in_loss)
    runner.register_hook(explode)
    if max_skipped == 3:
        runner.train()
        equal = [torch.equal(*pair) for pair in pairwise(explode.weights)]
        assert [index for index, same in enumerate(equal) if same] == [2, 4, 5]
    else:
        with pytest.raises(ValueError, match=r'^epoch 2, iteration 2 of 4: .* (is nan|are not finite), at'):
            runner.train()


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
def test_the_terms_and_the_videos_are_named(terms, said, monkeypatch):
    """Read from the numbers of the log: the terms themselves, which would wait for the device, are not looked at."""
    monkeypatch.setattr(finite_check_hook, '_write_record', lambda *args: 'file')
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
