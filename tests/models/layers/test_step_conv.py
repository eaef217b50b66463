import pytest
import torch

from mmdel.models.layers import StepConv


@pytest.mark.parametrize('num_steps', [1, 2, 7])
@pytest.mark.parametrize('bias', [True, False])
def test_it_is_torchs_convolution_of_the_same_parameters(num_steps, bias):
    torch.manual_seed(0)
    conv = StepConv(5, 4, bias=bias).double()
    plain = torch.nn.Conv1d(5, 4, 3, padding=1, bias=bias).double()
    plain.load_state_dict(conv.state_dict())
    x = torch.randn(2, num_steps, 5, dtype=torch.float64, requires_grad=True)
    ours, expected = conv(x), plain(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(ours, expected)
    with torch.no_grad():
        torch.testing.assert_close(conv(x), expected)
    upstream = torch.randn_like(ours)
    pairs = (ours, [x, *conv.parameters()]), (expected, [x, *plain.parameters()])
    for found, right in zip(*(torch.autograd.grad(*pair, upstream) for pair in pairs), strict=True):
        torch.testing.assert_close(found, right)


def test_arranged_weights_are_the_same_and_are_read_in_place():
    torch.manual_seed(0)
    conv, x = StepConv(5, 4), torch.randn(2, 7, 5)
    expected, weight = conv(x), conv.weight.detach().clone()
    conv.arrange_weights()
    assert torch.equal(conv.weight, weight)
    flat = conv.weight.transpose(1, 2).flatten(1)
    assert flat.data_ptr() == conv.weight.data_ptr()
    with torch.no_grad():
        torch.testing.assert_close(conv(x), expected)
