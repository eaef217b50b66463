import pytest
import torch
from torch import nn

from mmdel.models.layers import start_as_binomial, start_as_truncated_normal, zero_biases


def test_biases_start_at_zero_and_weights_stay():
    module = nn.Sequential(nn.Linear(3, 4), nn.ModuleList([nn.Conv1d(4, 4, 3), nn.Linear(2, 2, bias=False)]))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    zero_biases(module)
    for name, value in module.state_dict().items():
        assert not value.any() if name.endswith('bias') else torch.equal(value, before[name])


def test_a_strided_convolution_starts_as_the_binomial_filter():
    conv = nn.Conv1d(2, 2, 3, stride=2, padding=1, groups=2)
    start_as_binomial(conv)
    x = torch.tensor([[[4.0, 8.0, 0.0, 16.0, 4.0], [0.0, 0.0, 4.0, 0.0, 0.0]]])
    assert conv(x).tolist() == [[[4.0, 6.0, 6.0], [0.0, 2.0, 0.0]]]


def test_only_a_depth_wise_convolution_over_three_steps_can_be_one():
    for conv in (nn.Conv1d(2, 2, 3), nn.Conv1d(2, 2, 5, groups=2)):
        with pytest.raises(AssertionError):
            start_as_binomial(conv)


def test_linear_maps_start_small_and_nothing_else_is_touched():
    torch.manual_seed(0)
    module = nn.ModuleList([nn.Linear(50, 60), nn.Conv1d(4, 4, 3), nn.Linear(60, 50, bias=False)])
    before = module[1].weight.clone()
    start_as_truncated_normal(module, std=0.05)
    for linear in (module[0], module[2]):
        assert linear.weight.std().item() == pytest.approx(0.05, rel=0.05)
        assert abs(linear.weight.mean()) < 0.003
    assert not module[0].bias.any() and torch.equal(module[1].weight, before)
