import pytest
import torch
from conftest import DEVICE

from mmdel.models.layers import DepthwiseConv1d
from mmdel.models.layers.depthwise_conv import channels_last, lay_out


@pytest.mark.parametrize('num_steps', [1, 2, 7])
@pytest.mark.parametrize(('size', 'stride'), [(1, 1), (1, 2), (3, 1), (3, 2), (7, 1)])
@pytest.mark.parametrize('bias', [True, False])
def test_it_is_torchs_convolution_of_the_same_parameters(size, stride, bias, num_steps):
    torch.manual_seed(0)
    conv = DepthwiseConv1d(5, size, stride, bias).to(DEVICE)
    plain = torch.nn.Conv1d(5, 5, size, stride, padding=size // 2, groups=5, bias=bias).to(DEVICE)
    plain.load_state_dict(conv.state_dict())
    x = torch.randn(2, 5, num_steps, device=DEVICE, requires_grad=True)
    expected = plain(x)
    upstream = torch.randn_like(expected)
    right = torch.autograd.grad(expected, [x, *plain.parameters()], upstream)
    for inputs in (x, channels_last(x)):
        ours = conv(inputs)
        torch.testing.assert_close(ours, expected)
        for found, gradient in zip(torch.autograd.grad(ours, [x, *conv.parameters()], upstream), right, strict=True):
            torch.testing.assert_close(found, gradient)


def test_what_is_laid_out_is_not_copied_again():
    x = torch.randn(2, 5, 7, device=DEVICE)
    laid_out = lay_out(x)
    assert torch.equal(laid_out, x) and lay_out(laid_out).data_ptr() == laid_out.data_ptr()
    if DEVICE == 'cpu':  # where also what comes out lies so
        for layer in (DepthwiseConv1d(5, 3), DepthwiseConv1d(5, 1)):
            assert layer(laid_out).transpose(1, 2).is_contiguous()


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match='kernel_size must be odd to keep steps centred, got 4'):
        DepthwiseConv1d(5, 4)
