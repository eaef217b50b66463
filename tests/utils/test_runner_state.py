from types import SimpleNamespace

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import BaseLoop
from torch import nn

from mmdel.utils.runner_state import bare_model, classes_in_use, classes_of, is_training


def optim_wrapper():
    return OptimWrapper(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1))


def loop_of(classes):
    loop = object.__new__(type('Loop', (BaseLoop,), dict(run=lambda self: None)))
    loop.dataloader = SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=classes)))
    return loop


def test_a_model_comes_out_of_its_wrapper_as_it_is():
    model = nn.Linear(2, 2)
    model.module = nn.Identity()  # a part that is called as what a wrapper holds
    assert bare_model(model) is model
    assert bare_model(nn.DataParallel(model)) is model


@pytest.mark.parametrize(
    ('wrapper', 'training'),
    [
        (None, False),
        (ConfigDict(type='OptimWrapper'), False),  # as a config has it, before a training is asked for
        (optim_wrapper(), True),
        (OptimWrapperDict(a=optim_wrapper(), b=optim_wrapper()), True),
    ],
)
def test_a_runner_trains_once_its_optimizer_is_built(wrapper, training):
    assert is_training(SimpleNamespace(optim_wrapper=wrapper)) is training


def test_the_classes_in_use_are_those_of_the_loop_that_was_started():
    loops = dict(_train_loop=loop_of(('a',)), _val_loop=loop_of(('b',)), _test_loop=loop_of(('c',)))
    assert classes_in_use(SimpleNamespace(optim_wrapper=optim_wrapper(), **loops)) == ['a']
    assert classes_in_use(SimpleNamespace(optim_wrapper=None, **loops)) == ['c']
    loops['_test_loop'] = ConfigDict(type='TestLoop')
    assert classes_in_use(SimpleNamespace(optim_wrapper=None, **loops)) == ['b']
    assert classes_in_use(SimpleNamespace(optim_wrapper=None, **{**loops, '_val_loop': None})) == []


@pytest.mark.parametrize('metainfo', [dict(classes=None), dict(classes=()), {}])
def test_data_without_classes_have_none(metainfo):
    assert classes_of(SimpleNamespace(dataset=SimpleNamespace(metainfo=metainfo))) == []
    assert classes_of(SimpleNamespace(dataset=object())) == classes_of(None) == []
