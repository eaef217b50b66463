"""Fewer groups than mmengine makes, and the same steps."""

import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmdel.engine.optimizers import GroupedOptimWrapperConstructor


def make_model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4), nn.Linear(4, 1, bias=False))
    model[2].weight.requires_grad = False
    model.shared = model[0].weight
    return model


def wrapper_of(model, constructor, **paramwise_cfg):
    cfg = dict(
        type='OptimWrapper',
        constructor=constructor,
        optimizer=dict(type='AdamW', lr=0.1, weight_decay=0.5),
        paramwise_cfg=dict(bypass_duplicate=True, **paramwise_cfg) if paramwise_cfg else None,
    )
    return build_optim_wrapper(model, cfg)


def options_of(wrapper, model):
    """The settings of each parameter by its name."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {
        names[parameter]: {key: value for key, value in group.items() if key != 'params'}
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }


def test_every_parameter_has_its_options_and_comes_to_the_same_weights():
    paramwise_cfg = dict(norm_decay_mult=0.0, bias_decay_mult=0.0, custom_keys={'3': dict(lr_mult=0.1, eps=1e-3)})
    models = [make_model(), make_model()]
    theirs, ours = (
        wrapper_of(model, constructor, **copy.deepcopy(paramwise_cfg))
        for model, constructor in zip(
            models, ('DefaultOptimWrapperConstructor', 'mmdel.GroupedOptimWrapperConstructor'), strict=True
        )
    )
    assert [len(group['params']) for group in theirs.optimizer.param_groups] == [1] * 6
    assert [len(group['params']) for group in ours.optimizer.param_groups] == [1, 4, 1]  # decaying, others, the last
    assert options_of(ours, models[1]) == options_of(theirs, models[0])
    x = torch.randn(8, 4)
    for _ in range(5):
        for wrapper, model in zip((theirs, ours), models, strict=True):
            wrapper.update_params(model(x).square().mean())
    torch.testing.assert_close(models[1].state_dict(), models[0].state_dict(), rtol=0, atol=0)
    assert not torch.equal(models[0][3].weight, make_model()[3].weight)


def test_without_options_all_are_one_group_as_without_it():
    wrapper = wrapper_of(make_model(), 'mmdel.GroupedOptimWrapperConstructor')
    (group,) = wrapper.optimizer.param_groups
    assert len(group['params']) == 7 and group['weight_decay'] == 0.5


def test_it_takes_what_mmengine_s_takes():
    cfg = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    constructor = GroupedOptimWrapperConstructor(cfg, dict(flat_decay_mult=0.0))
    (group,) = constructor(nn.Linear(2, 2)).optimizer.param_groups
    assert len(group['params']) == 2
    with pytest.raises(ValueError, match='bypass_duplicate=True takes each once'):
        constructor(make_model())
