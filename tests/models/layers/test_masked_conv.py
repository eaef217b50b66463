import pytest
import torch
import torch.nn.functional as F
from ragged import ragged_batch

from mmdel.models.layers import MaskedConv1d, downsample_mask, mask_steps


def ragged(lengths, channels, total=None):
    """Videos (B, C, T) of the given lengths with large numbers behind their end, and the mask."""
    inputs = ragged_batch(dict(x=channels), lengths, total, dtype=torch.float32)
    return inputs.streams['x'].transpose(1, 2), inputs.mask


@pytest.mark.parametrize('kernel_size, stride', [(3, 1), (3, 2), (5, 2), (1, 1), (5, 1)])
@pytest.mark.parametrize('total', [9, 14])
def test_every_video_gives_what_it_gives_alone(kernel_size, stride, total):
    lengths = [9, 1, 2, 6]
    conv = MaskedConv1d(4, 8, kernel_size, stride)
    x, mask = ragged(lengths, 4, total)
    y, y_mask = conv(x, mask), downsample_mask(mask, stride)
    assert y.shape == (4, 8, -(-total // stride)) and y_mask.shape == (4, y.shape[2])
    for video, length, out, valid in zip(x, lengths, y, y_mask, strict=True):
        alone = F.conv1d(video[None, :, :length], conv.weight, conv.bias, stride, padding=kernel_size // 2)
        num = -(-length // stride)
        torch.testing.assert_close(out[:, :num], alone[0])
        assert valid.tolist() == [True] * num + [False] * (len(valid) - num)
        assert not out[:, num:].any()


def test_holes_in_the_mask_read_as_zeros():
    conv = MaskedConv1d(2, 3, 3)
    x, mask = torch.randn(1, 2, 6), torch.tensor([[True, True, False, True, True, True]])
    expected = F.conv1d(x * mask[:, None], conv.weight, conv.bias, padding=1) * mask[:, None]
    torch.testing.assert_close(conv(x, mask), expected)


def test_no_gradient_reaches_the_padding():
    conv = MaskedConv1d(2, 3, 3, stride=2)
    x, mask = ragged([5, 3], 2)
    x.requires_grad_()
    conv(x, mask).square().sum().backward()
    assert (x.grad != 0).any(1).equal(mask)


def test_even_kernel_is_refused():
    with pytest.raises(ValueError, match=r'kernel_size must be odd.*4'):
        MaskedConv1d(2, 2, 4)


@pytest.mark.parametrize('num_steps', [1, 2, 3, 8, 9])
@pytest.mark.parametrize('stride', [1, 2])
def test_a_strided_step_is_as_valid_as_the_step_it_is_centred_on(num_steps, stride):
    mask = torch.rand(3, num_steps) < 0.5
    down = downsample_mask(mask, stride)
    assert down.shape[1] == -(-num_steps // stride)
    for t in range(down.shape[1]):
        assert torch.equal(down[:, t], mask[:, t * stride])


def test_mask_steps_keeps_the_valid_and_zeroes_the_rest():
    x, mask = ragged([2, 4], 3)
    y = mask_steps(x, mask)
    for b in range(2):
        for t in range(4):
            assert torch.equal(y[b, :, t], x[b, :, t] if mask[b, t] else torch.zeros(3))
