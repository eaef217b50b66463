import pytest
import torch
from ragged import ragged_mask
from torch import nn

from mmdel.models.layers import MaskedSelfAttention, TransformerBlock

LENGTHS = [1, 2, 5, 16, 17, 31, 33, 50]


def dense_attention(attention, x, mask):
    """Attention under a dense mask of all pairs, one head and video at a time."""
    num_steps, dims = x.shape[1:]
    size = dims // attention.num_heads
    steps = torch.arange(num_steps)
    near = torch.ones(num_steps, num_steps, dtype=torch.bool)
    if attention.window is not None:
        near = (steps[:, None] - steps).abs() <= attention.window // 2
    q, k, v = attention.qkv(x).chunk(3, dim=-1)
    out = torch.zeros_like(x)
    for video in range(len(x)):
        for head in range(attention.num_heads):
            part = slice(head * size, (head + 1) * size)
            logits = q[video, :, part] @ k[video, :, part].T / size**0.5
            weights = logits.exp() * (near & mask[video])
            out[video, :, part] = weights / weights.sum(1, keepdim=True).clamp(min=1e-300) @ v[video, :, part]
    return attention.out(out)


@pytest.mark.parametrize('num_steps', LENGTHS)
@pytest.mark.parametrize('window', [None, 1, 3, 9, 19, 41])
def test_a_window_gives_what_a_dense_band_gives(num_steps, window):
    torch.manual_seed(num_steps)
    attention = MaskedSelfAttention(8, 2, window).double()
    x = torch.randn(2, num_steps, 8, dtype=torch.float64)
    mask = ragged_mask([num_steps, max(1, num_steps - 3)])
    torch.testing.assert_close(attention(x, mask)[mask], dense_attention(attention, x, mask)[mask])


@pytest.mark.parametrize('window', [3, 19])
def test_gradients_in_a_window_are_those_of_the_dense_band(window):
    torch.manual_seed(0)
    attention = MaskedSelfAttention(8, 2, window).double()
    x = torch.randn(2, 37, 8, dtype=torch.float64, requires_grad=True)
    mask = ragged_mask([37, 20])
    wanted = [x, *attention.parameters()]
    grads = [
        torch.autograd.grad(f(x, mask)[mask].square().sum(), wanted)
        for f in (attention, lambda *args: dense_attention(attention, *args))
    ]
    for actual, expected in zip(*grads, strict=True):
        torch.testing.assert_close(actual, expected)


def test_global_attention_is_that_of_torch():
    torch.manual_seed(0)
    attention, plain = MaskedSelfAttention(8, 4), nn.MultiheadAttention(8, 4, batch_first=True)
    with torch.no_grad():
        plain.in_proj_weight.copy_(attention.qkv.weight)
        plain.in_proj_bias.copy_(attention.qkv.bias)
        plain.out_proj.load_state_dict(attention.out.state_dict())
    x, mask = torch.randn(3, 12, 8), ragged_mask([12, 7, 1])
    expected = plain(x, x, x, key_padding_mask=~mask)[0]
    torch.testing.assert_close(attention(x, mask)[mask], expected[mask])


@pytest.mark.parametrize('window', [None, 3, 9])
def test_padding_and_the_rest_of_the_batch_never_change_a_valid_step(window):
    torch.manual_seed(0)
    block = TransformerBlock(8, 2, window, drop_path=0.5, dropout=0.5).eval()
    lengths = [20, 1, 8]
    x, mask = torch.randn(3, 45, 8), ragged_mask(lengths, 45)
    y = block(torch.where(mask[..., None], x, 1e3 * x), mask)
    for video, length in enumerate(lengths):
        alone = block(x[video : video + 1, :length], mask[video : video + 1, :length])
        torch.testing.assert_close(y[video, :length], alone[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('window', [None, 3])
@pytest.mark.parametrize('autocast', [False, True])
def test_a_row_without_a_valid_key_is_finite_forward_and_backward(window, autocast, device):
    torch.manual_seed(0)
    attention = MaskedSelfAttention(8, 2, window)
    x = torch.randn(2, 40, 8, requires_grad=True)
    mask = ragged_mask([0, 4], 40)
    with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
        y = attention(x, mask)
    y.float().square().sum().backward()
    assert y.isfinite().all() and x.grad.isfinite().all()
    assert all(param.grad.isfinite().all() for param in attention.parameters())


def test_memory_in_a_window_grows_linearly(largest_tensor):
    attention = MaskedSelfAttention(4, 1, 9)
    sizes = [largest_tensor(lambda t=t: attention(torch.randn(1, t, 4), ragged_mask([t]))) for t in (600, 1200, 2400)]
    assert sizes[1] < 2.2 * sizes[0] and sizes[2] < 2.2 * sizes[1]
    assert sizes[2] < 2400**2 / 4


@pytest.mark.parametrize('window', [None, 5])
def test_half_precision_stays_near_float32(window):
    torch.manual_seed(0)
    block = TransformerBlock(16, 2, window).eval()
    x, mask = torch.randn(2, 30, 16), ragged_mask([30, 11])
    expected = block(x, mask)
    actual = block.bfloat16()(x.bfloat16(), mask)
    assert actual.dtype == torch.bfloat16
    torch.testing.assert_close(actual.float()[mask], expected[mask], atol=0.1, rtol=0.1)


def test_a_block_whose_branches_are_silent_is_the_identity():
    block = TransformerBlock(8, 2)
    with torch.no_grad():
        for layer in (block.attention.out, block.mlp[-1]):
            layer.weight.zero_()
            layer.bias.zero_()
    x = torch.randn(2, 5, 8)
    assert torch.equal(block(x, ragged_mask([5, 3])), x)


def test_drop_path_skips_branches_only_in_training():
    torch.manual_seed(0)
    block = TransformerBlock(8, 2, drop_path=0.9)
    x, mask = torch.randn(64, 4, 8), ragged_mask([4] * 64)
    untouched = (block(x, mask) == x).flatten(1).all(1)
    assert 32 < untouched.sum() < 64  # about 0.81 of the videos skip both branches
    assert not (block.eval()(x, mask) == x).flatten(1).all(1).any()


def test_heads_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match='3 heads and 8 dims'):
        MaskedSelfAttention(8, 3)
