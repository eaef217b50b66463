import pytest
import torch
from ragged import ragged_mask
from torch import nn

from mmdel.models.layers.sgp import SGPBlock, SGPLayer, wide_kernel


def randomise(module):
    """Every parameter random, so that none hides behind a zero or a one."""
    torch.manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module


def naive_depthwise(conv, x):
    """The convolution of one video (C, T) by a loop, zeros beyond its ends."""
    size, (channels, steps) = conv.kernel_size[0], x.shape
    y = torch.zeros_like(x)
    for c in range(channels):
        for t in range(steps):
            for i in range(size):
                source = t + i - size // 2
                if 0 <= source < steps:
                    y[c, t] += conv.weight[c, 0, i] * x[c, source]
            y[c, t] += conv.bias[c]
    return y


def naive_layer(layer, x):
    """f(x) = φ(x) FC(x) + ψ(x) (Conv_w(x) + Conv_kw(x)) + x of one video (C, T)."""
    phi = naive_depthwise(layer.instant_gate, x.mean(1, keepdim=True)).clamp(min=0)
    window = naive_depthwise(layer.window, x) + naive_depthwise(layer.wide_window, x)
    return phi * naive_depthwise(layer.instant, x) + naive_depthwise(layer.window_gate, x) * window + x


@pytest.mark.parametrize(('kernel_size', 'k', 'wide'), [(1, 5, 11), (1, 1.5, 3), (3, 1.5, 7), (3, 2, 9), (5, 4, 25)])
def test_the_wide_window_is_k_times_as_wide_and_odd(kernel_size, k, wide):
    assert wide_kernel(kernel_size, k) == wide
    assert SGPLayer(4, kernel_size, k).wide_window.kernel_size == (wide,)


@pytest.mark.parametrize(('kernel_size', 'k'), [(1, 5), (3, 1.5)])
@torch.no_grad()
def test_layer_is_its_formula_on_the_valid_steps(kernel_size, k):
    layer, lengths = randomise(SGPLayer(4, kernel_size, k)), [7, 1, 4]
    mask = ragged_mask(lengths)
    x = torch.where(mask[:, None], torch.randn(3, 4, 7), 100.0)
    y = layer(x, mask)
    for video, length in enumerate(lengths):
        torch.testing.assert_close(y[video, :, :length], naive_layer(layer, x[video, :, :length]))


@torch.no_grad()
def test_the_mean_of_a_long_video_is_right_in_float16():
    """The sum of its steps is more than 65504."""
    layer, x, mask = (
        randomise(SGPLayer(2)).half(),
        torch.full((1, 2, 20_000), 4.0).half(),
        ragged_mask([19_000], 20_000),
    )
    layer.instant_gate.weight.abs_()
    expected = layer.double()(x.double(), mask)
    torch.testing.assert_close(layer.half()(x, mask).double(), expected, atol=0.05, rtol=5e-3)


@pytest.mark.parametrize('stride', [1, 2])
@torch.no_grad()
def test_block_is_pooling_then_two_residual_branches(stride):
    block = randomise(SGPBlock(32, 1, 5, stride, drop_path=0.0)).eval()
    x, steps = torch.randn(1, 32, 9), range(0, 9, stride)
    pooled = torch.stack([x[0, :, max(t - 1, 0) : t + 2].amax(1) for t in steps], 1) if stride > 1 else x[0]
    normed = nn.functional.layer_norm(pooled.T, (32,), block.norm_sgp.weight, block.norm_sgp.bias).T
    y = pooled + block.residual_sgp[0].weight[:, None] * naive_layer(block.sgp, normed)
    normed = nn.functional.group_norm(y[None], 16, block.norm_mlp.weight, block.norm_mlp.bias)[0]
    expected = y + block.residual_mlp[0].weight[:, None] * block.mlp(normed.T).T
    actual, mask = block(x, torch.ones(1, 9, dtype=torch.bool))
    torch.testing.assert_close(actual[0], expected)
    assert mask.shape == (1, len(steps)) and mask.all()


def test_weights_that_start_at_zero_would_stay_there():
    """Why the deviation is not the published 0: both factors of both products are zero, hence all gradients."""
    x, mask = torch.randn(2, 8, 6), torch.ones(2, 6, dtype=torch.bool)
    for init_std, learns in [(0.0, False), (0.1, True)]:
        layer = SGPLayer(8, init_std=init_std)
        layer(x, mask).square().sum().backward()
        assert bool(layer.window.weight.grad.any()) == bool(layer.instant.weight.grad.any()) == learns
