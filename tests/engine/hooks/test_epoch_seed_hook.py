import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmdel.engine.hooks import EpochSeedHook, epoch_seed_hook


def draws(seed, epoch):
    EpochSeedHook().before_train_epoch(SimpleNamespace(seed=seed, epoch=epoch))
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_an_epoch_draws_the_same_whatever_came_before():
    first = draws(seed=3, epoch=7)
    random.random(), np.random.rand(5), torch.rand(9)
    assert draws(seed=3, epoch=7) == first


def test_epochs_and_seeds_draw_differently():
    values = [draws(seed, epoch) for seed, epoch in ((3, 7), (3, 8), (40, 7))]
    for kind in zip(*values, strict=True):
        assert len(set(kind)) == 3


@pytest.mark.parametrize('diff_rank_seed', [False, True])
def test_no_rank_draws_in_any_epoch_what_another_does(monkeypatch, diff_rank_seed):
    monkeypatch.setattr(epoch_seed_hook, 'get_world_size', lambda: 4)
    values = set()
    for rank in range(4):
        monkeypatch.setattr(epoch_seed_hook, 'get_rank', lambda rank=rank: rank)
        values |= {draws(3 + rank * diff_rank_seed, epoch) for epoch in range(4)}  # mmengine adds the rank
    assert len(values) == 16


def test_the_largest_seed_is_a_seed():
    draws(seed=2**32 - 1, epoch=5)
