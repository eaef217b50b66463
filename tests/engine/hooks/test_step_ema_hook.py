from types import SimpleNamespace

import torch
from mmengine.optim import OptimWrapper

from mmdel.registry import HOOKS


def test_the_average_moves_with_the_weights_and_not_with_iterations():
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1.0), accumulative_counts=2)
    hook = HOOKS.build(dict(type='mmdel.StepEMAHook', momentum=0.5))
    runner = SimpleNamespace(model=model, optim_wrapper=wrapper, iter=0, epoch=0)
    hook.before_run(runner)
    seen = []
    for _ in range(6):
        wrapper.update_params(model(torch.ones(1, 1)).sum())
        hook.after_train_iter(runner, 0)
        seen.append((model.weight.item(), hook.ema_model.module.weight.item()))
    # A step of -1 every other iteration; the first sets the average, each other moves it half of the way.
    assert seen == [(0, 0), (-1, -1), (-1, -1), (-2, -1.5), (-2, -1.5), (-3, -2.25)]
