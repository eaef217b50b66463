import random
from types import SimpleNamespace

import numpy as np
import torch

from mmdel.engine.hooks import EpochSeedHook


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


def test_the_largest_seed_is_a_seed():
    draws(seed=2**32 - 1, epoch=5)
