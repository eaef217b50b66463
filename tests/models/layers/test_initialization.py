import pytest
import torch
from torch import nn

from mmdel.models.layers import MaskedConv1d, start_as_binomial, zero_biases


def test_biases_start_at_zero_and_weights_stay():
    module = nn.Sequential(nn.Linear(3, 4), nn.ModuleList([nn.Conv1d(4, 4, 3), nn.Linear(2, 2, bias=False)]))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    zero_biases(module)
    for name, value in module.state_dict().items():
        assert not value.any() if name.endswith('bias') else torch.equal(value, before[name])


def test_a_strided_convolution_starts_as_the_binomial_filter():
    conv = MaskedConv1d(2, 2, 3, stride=2, groups=2)
    start_as_binomial(conv)
    x = torch.tensor([[[4.0, 8.0, 0.0, 16.0, 4.0], [0.0, 0.0, 4.0, 0.0, 0.0]]])
    mask = torch.ones(1, 5).bool()
    assert conv(x, mask).tolist() == [[[4.0, 6.0, 6.0], [0.0, 2.0, 0.0]]]
    mask[:, 4] = False  # reads as a border and comes out as zero
    assert conv(x, mask).tolist() == [[[4.0, 6.0, 0.0], [0.0, 2.0, 0.0]]]


def test_only_a_depth_wise_convolution_over_three_steps_can_be_one():
    for conv in (nn.Conv1d(2, 2, 3), nn.Conv1d(2, 2, 5, groups=2)):
        with pytest.raises(AssertionError):
            start_as_binomial(conv)
