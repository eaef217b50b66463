import math

import pytest
import torch

from mmdel.models.layers import sinusoidal_encoding


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
