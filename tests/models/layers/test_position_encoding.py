import itertools
import math

import pytest
import torch

from mmdel.models.layers import LearnedPosition, sinusoidal_encoding
from mmdel.utils.errors import UserInputError


@pytest.mark.parametrize('num_steps, dims', [(1, 2), (7, 8), (500, 6)])
def test_equals_the_naive_loop(num_steps, dims):
    code = sinusoidal_encoding(num_steps, dims)
    assert code.shape == (num_steps, dims) and code.dtype == torch.float32
    for t in range(0, num_steps, max(1, num_steps // 7)):
        for i in range(dims // 2):
            angle = t / 10000 ** (2 * i / dims)
            assert code[t, i].item() == pytest.approx(math.sin(angle), abs=1e-4)
            assert code[t, dims // 2 + i].item() == pytest.approx(math.cos(angle), abs=1e-4)


def test_no_two_steps_share_a_code():
    code = sinusoidal_encoding(2304, 32)
    distance = torch.cdist(code, code, compute_mode='donot_use_mm_for_euclid_dist').fill_diagonal_(torch.inf)
    assert distance.min() > 0.1


def test_odd_dims_are_refused():
    with pytest.raises(ValueError, match='even, got 5'):
        sinusoidal_encoding(4, 5)


def test_a_learned_code_is_that_of_the_stream_and_the_step_and_ends():
    position = LearnedPosition(num_streams=2, max_steps=5, dims=3)
    tokens = torch.randn(4, 2, 1 + 3, 3)
    added = position(tokens) - tokens
    for stream, token in itertools.product(range(2), range(4)):
        for video in range(4):
            torch.testing.assert_close(added[video, stream, token], position.table[stream, token])
    with pytest.raises(UserInputError, match='6 steps in one piece, and the learned position code has 5'):
        position(torch.zeros(1, 2, 1 + 6, 3))
