from types import SimpleNamespace

import pytest
import torch
from mmengine.runner import Runner
from tiny_bundle import make_bundle
from torch import nn

from mmdel.engine.hooks import ConvertWeightsHook, StepEMAHook


@pytest.mark.parametrize('half', [True, False])
def test_a_detector_tested_in_half_precision_has_such_weights(half):
    model = make_bundle().build_model(torch.device('cpu'))
    runner = SimpleNamespace(model=model, test_loop=SimpleNamespace(fp16=half))
    ConvertWeightsHook().before_test_epoch(runner)
    linear = next(module for module in model.modules() if isinstance(module, nn.Linear))
    assert linear.weight.dtype == (torch.bfloat16 if half else torch.float32)


def test_other_models_are_left_alone():
    model = nn.Sequential(nn.Linear(2, 2))
    ConvertWeightsHook().before_test_epoch(SimpleNamespace(model=model, test_loop=SimpleNamespace(fp16=True)))
    assert model[0].weight.dtype == torch.float32 and type(model[0]) is nn.Linear


def test_the_weights_are_averaged_before_they_are_converted():
    runner = SimpleNamespace(_hooks=[])
    for hook in (ConvertWeightsHook(), StepEMAHook()):
        Runner.register_hook(runner, hook)
    assert [type(hook) for hook in runner._hooks] == [StepEMAHook, ConvertWeightsHook]
