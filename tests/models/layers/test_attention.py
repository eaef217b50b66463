import pytest
import torch
import torch.nn.functional as F
from ragged import ragged_mask
from torch import nn

from mmdel.models.layers import MaskedSelfAttention, TransformerBlock
from mmdel.models.layers.attention import attention_bias, dot_product_attention

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
            seen = near & mask[video]
            if attention.causal_heads:
                seen = seen.tril() if head < attention.num_heads / 2 else seen.triu()
            logits = q[video, :, part] @ k[video, :, part].T / size**0.5
            weights = logits.exp() * seen
            out[video, :, part] = weights / weights.sum(1, keepdim=True).clamp(min=1e-300) @ v[video, :, part]
    return attention.out(out)


@pytest.mark.parametrize('num_steps', LENGTHS)
@pytest.mark.parametrize('window', [None, 1, 3, 9, 19, 41])
@pytest.mark.parametrize('causal_heads', [False, True])
def test_a_window_gives_what_a_dense_band_gives(num_steps, window, causal_heads):
    torch.manual_seed(num_steps)
    attention = MaskedSelfAttention(8, 4, window, causal_heads).double()
    x = torch.randn(2, num_steps, 8, dtype=torch.float64)
    mask = ragged_mask([num_steps, max(1, num_steps - 3)])
    torch.testing.assert_close(attention(x, mask)[mask], dense_attention(attention, x, mask)[mask])


@pytest.mark.parametrize(('window', 'causal_heads'), [(3, False), (19, False), (19, True), (None, True)])
def test_gradients_in_a_window_are_those_of_the_dense_band(window, causal_heads):
    torch.manual_seed(0)
    attention = MaskedSelfAttention(8, 2, window, causal_heads).double()
    x = torch.randn(2, 37, 8, dtype=torch.float64, requires_grad=True)
    mask = ragged_mask([37, 20])
    wanted = [x, *attention.parameters()]
    grads = [
        torch.autograd.grad(f(x, mask)[mask].square().sum(), wanted)
        for f in (attention, lambda *args: dense_attention(attention, *args))
    ]
    for actual, expected in zip(*grads, strict=True):
        torch.testing.assert_close(actual, expected)


def test_in_bfloat16_gradients_are_those_of_float32():
    torch.manual_seed(0)
    tensors = [torch.randn(3, 2, steps, 8).bfloat16().requires_grad_() for steps in (5, 7, 7)]
    bias = attention_bias(torch.rand(3, 1, 5, 7) < 0.8, torch.bfloat16)
    half = dot_product_attention(*tensors, bias)
    full = F.scaled_dot_product_attention(*(x.float() for x in tensors), attn_mask=bias.float())
    torch.testing.assert_close(half.float(), full, atol=0.02, rtol=0.02)
    for one, other in zip(*(torch.autograd.grad(y.square().sum(), tensors) for y in (half, full)), strict=True):
        torch.testing.assert_close(one.float(), other.float(), atol=0.08, rtol=0.05)


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


def test_a_block_whose_branches_are_silent_is_the_identity():
    block = TransformerBlock(8, 2)
    with torch.no_grad():
        for layer in (block.attention.out, block.mlp[-1]):
            layer.weight.zero_()
            layer.bias.zero_()
    x = torch.randn(2, 5, 8)
    assert torch.equal(block(x, ragged_mask([5, 3])), x)


@pytest.mark.parametrize('window', [None, 9])
def test_half_of_the_causal_heads_know_nothing_of_the_future_and_half_nothing_of_the_past(window):
    torch.manual_seed(0)
    attention, mask, heads = MaskedSelfAttention(8, 4, window, causal_heads=True), ragged_mask([40, 31]), []
    attention.out.register_forward_pre_hook(lambda module, args: heads.append(args[0]))
    x = torch.randn(2, 40, 8)
    attention(x, mask)
    x[:, 20] += 1
    attention(x, mask)
    changed = (heads[0] != heads[1]) & mask[..., None]
    past, future = (half.any(-1).any(0).nonzero()[:, 0].tolist() for half in changed.chunk(2, dim=-1))
    reach = 40 if window is None else 4
    assert past == list(range(20, min(21 + reach, 40))) and future == list(range(max(20 - reach, 0), 21))


@pytest.mark.parametrize('window', [None, 9])
def test_a_single_step_sees_itself_on_both_sides(window):
    torch.manual_seed(0)
    causal, plain = (MaskedSelfAttention(8, 2, window, causal_heads) for causal_heads in (True, False))
    plain.load_state_dict(causal.state_dict())
    x, mask = torch.randn(3, 1, 8), ragged_mask([1, 1, 0])
    assert torch.equal(causal(x, mask), plain(x, mask))


def test_causal_heads_come_in_pairs():
    with pytest.raises(ValueError, match='one half for the past and one for the future, got 3 heads'):
        TransformerBlock(9, 3, causal_heads=True)
