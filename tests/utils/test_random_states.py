"""Random generators draw the same once more."""

import random

import numpy as np
import torch

from mmdel.utils.random_states import get_random_states, set_random_states


def test_what_is_drawn_is_drawn_again_after_a_way_through_a_file(tmp_path):
    random.gauss(0, 1)
    np.random.normal()  # half of a pair, of which the state keeps the other
    torch.rand(3)
    torch.save(get_random_states(), tmp_path / 'states.pth')

    def draw():
        return random.gauss(0, 1), random.random(), np.random.normal(), np.random.rand(), torch.rand(()).item()

    first = draw()
    assert draw() != first
    set_random_states(torch.load(tmp_path / 'states.pth', weights_only=True))
    assert draw() == first
