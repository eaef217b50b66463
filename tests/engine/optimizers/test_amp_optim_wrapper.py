"""Steps in half precision against steps by hand, and what of them a checkpoint keeps."""

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from tiny_training import config, contrastive_hook, run

from mmdel.engine.optimizers import AmpOptimWrapper
from mmdel.registry import OPTIM_WRAPPERS
from mmdel.utils.errors import UserInputError

pytestmark = pytest.mark.usefixtures('half_precision')


def problem():
    """A model, what it is to do, and a plain optimizer of its parameters."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    return model, torch.randn(32, 8), torch.optim.SGD(model.parameters(), lr=1.0)


def step(wrapper, model, x, weight):
    with wrapper.optim_context(model):
        output = model(x)
    wrapper.update_params((output.float() * weight).sum())
    return output


@pytest.mark.parametrize(('dtype', 'clip'), [('bfloat16', 1.0), ('float16', 1.0), ('float16', None)])
@pytest.mark.parametrize('loss_scale', ['dynamic', 64.0, dict(init_scale=128.0)])
def test_a_step_is_that_of_autocast(dtype, clip, loss_scale):
    """Whatever the scale: powers of two that overflow nowhere change no digit."""
    model, x, optimizer = problem()
    by_hand = copy.deepcopy(model)
    with torch.autocast('cpu', getattr(torch, dtype)):
        loss = by_hand(x).float().mean() * 1e-3
    loss.backward()
    if clip:
        torch.nn.utils.clip_grad_norm_(by_hand.parameters(), clip)
    torch.optim.SGD(by_hand.parameters(), lr=1.0).step()

    options = dict(clip_grad=dict(max_norm=clip)) if clip else {}
    wrapper = AmpOptimWrapper(loss_scale, dtype, optimizer=optimizer, **options)
    output = step(wrapper, model, x, 1e-3 / 32)
    assert output.dtype == getattr(torch, dtype)
    for actual, expected in zip(model.parameters(), by_hand.parameters(), strict=True):
        assert actual.dtype == torch.float32
        torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-7)


def test_float16_keeps_small_gradients_and_leaves_out_steps_of_infinite_ones():
    """float16 ends at 6e-8 and at 65504."""
    model, x, optimizer = problem()
    before = copy.deepcopy(model.state_dict())
    wrapper = AmpOptimWrapper(dict(init_scale=2.0**16), 'float16', optimizer=optimizer)
    step(wrapper, model, x, 1e-7)
    expected = 32 * 1e-7  # the gradient of the last bias
    assert (before['2.bias'] - model[2].bias).item() == pytest.approx(expected, rel=1e-2)
    assert not torch.equal(before['0.weight'], model[0].weight)
    moved = copy.deepcopy(model.state_dict())
    step(wrapper, model, x, 1e3)
    assert all(torch.equal(value, moved[name]) for name, value in model.state_dict().items())
    assert wrapper.loss_scaler.get_scale() == 2.0**15


def test_a_state_fits_every_format():
    def wrapper(dtype, scale=2.0**10):
        return AmpOptimWrapper(dict(init_scale=scale), dtype, optimizer=problem()[2])

    half, brain = wrapper('float16', 2.0**7).state_dict(), wrapper('bfloat16').state_dict()
    assert 'loss_scaler' in half and 'loss_scaler' not in brain
    for dtype, state, scale in [('float16', half, 2.0**7), ('float16', brain, 2.0**10), ('bfloat16', half, 1.0)]:
        loaded = wrapper(dtype)
        loaded.load_state_dict(copy.deepcopy(state))
        assert loaded.loss_scaler.get_scale() == scale
    OptimWrapper(problem()[2]).load_state_dict(copy.deepcopy(half))


def test_a_resumed_training_goes_on_with_its_loss_scale(tmp_path):
    """Which grows every third step: a new one would be too small."""
    options = dict(type='mmdel.AmpOptimWrapper', dtype='float16', loss_scale=dict(init_scale=4.0, growth_interval=3))

    def train(name, stop_before_epoch=None, **kwargs):
        hooks = [contrastive_hook(), dict(type='mmdel.EpochSeedHook')]
        return run(config(tmp_path / name, hooks, max_epochs=4, optim_wrapper=options, **kwargs), stop_before_epoch)

    whole, record = train('whole')
    first = train('parts', stop_before_epoch=2)[1]
    resumed, second = train('parts', resume=True)
    assert first.history + second.history == record.history and len(second.history) == 4
    scales = [runner.optim_wrapper.loss_scaler.get_scale() for runner in (whole, resumed)]
    assert scales == [4.0 * 2 ** (8 // 3)] * 2


def test_the_name_that_configs_know_is_this_one():
    with DefaultScope.overwrite_default_scope('mmdel'):
        assert OPTIM_WRAPPERS.get('AmpOptimWrapper') is AmpOptimWrapper


@pytest.mark.parametrize(('dtype', 'number_format'), [(None, 'bfloat16'), (torch.float16, 'float16'), ('float32',) * 2])
def test_the_format_may_be_left_out_or_torch_s_own(dtype, number_format):
    assert AmpOptimWrapper(dtype=dtype, optimizer=problem()[2]).number_format == number_format


def test_a_wrong_format_is_refused():
    with pytest.raises(UserInputError, match="bfloat16, float16; got 'float8'"):
        AmpOptimWrapper(dtype='float8', optimizer=problem()[2])
