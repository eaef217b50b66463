import pytest
import torch
from conv_block_oracle import one_by_one
from ragged import ragged_batch, stir

from mmdel.models.layers import ConvTransformerBlock, downsample_mask, masked_max_pool

DIMS, HEADS = 8, 2


def build(window=None, stride=1, cross=False, **kwargs):
    """A block in double precision whose residual branches weigh as much as the skip connection."""
    torch.manual_seed(0)
    return stir(ConvTransformerBlock(DIMS, HEADS, window, stride, cross, **kwargs)).eval()


def batch(lengths, total=None):
    """Videos (B, C, T) with large numbers where the padding is, and their mask."""
    inputs = ragged_batch(dict(x=DIMS), lengths, total)
    return inputs.streams['x'].transpose(1, 2).contiguous(), inputs.mask


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('window', [None, 3, 7])
@pytest.mark.parametrize(('cross', 'causal_heads'), [(False, False), (False, True), (True, False)])
def test_block_is_what_its_formulas_say_step_by_step(window, stride, cross, causal_heads):
    block = build(window, stride, cross, causal_heads=causal_heads)
    lengths = [1, 2, 9, 38]
    x, mask = batch(lengths, total=43)
    other = batch(lengths, total=43)[0].flip(1) if cross else None
    y, out_mask = block(x, mask, other)
    assert torch.equal(out_mask, mask[:, ::stride])
    for video, length in enumerate(lengths):
        steps = list(x[video, :, :length].T)
        queries = list(other[video, :, :length].T) if cross else steps
        expected = one_by_one(block, steps, queries)
        torch.testing.assert_close(y[video, :, : expected.shape[1]], expected)
        assert not y[video, :, expected.shape[1] :].any()


def test_self_attention_of_a_cross_block_reads_its_own_stream():
    block = build(cross=True)
    x, mask = batch([7, 4])
    torch.testing.assert_close(block(x, mask), block(x, mask, x))
    assert not torch.allclose(block(x, mask)[0], block(x, mask, -x)[0])


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('window', [None, 5])
def test_no_valid_step_gives_zeros_and_no_nan(window, stride):
    block = build(window, stride).train()
    x, mask = batch([0, 17, 1])
    x.requires_grad_()
    y, _ = block(x, mask)
    assert not y[0].any()
    y.square().sum().backward()
    grads = [x.grad, *(parameter.grad for parameter in block.parameters())]
    assert all(grad is not None and grad.isfinite().all() for grad in grads)
    assert not x.grad.transpose(1, 2)[~mask].any()
    # A bias of the keys shifts all logits of a query alike, so that nothing depends on it.
    idle = [name for name, p in block.named_parameters() if p.grad.abs().max() < 1e-12]
    assert idle == ['attention.key.norm.bias', 'attention.key.linear.bias']


def test_a_fresh_block_hardly_differs_from_its_skip_connection():
    block = ConvTransformerBlock(DIMS, HEADS, stride=2).double()
    x, mask = batch([9, 6])
    y, _ = block(x, mask)
    pooled, _ = masked_max_pool(x, mask, 2)
    assert 0 < (y - pooled).abs().max() < 1e-3


def test_masks_of_any_shape_are_those_of_strided_convolutions():
    block = build(stride=2, window=3)
    mask = torch.rand(3, 11) < 0.6
    y, out_mask = block(torch.randn(3, DIMS, 11, dtype=torch.float64), mask)
    assert torch.equal(out_mask, downsample_mask(mask, 2)) and y.shape == (3, DIMS, 6) and y.isfinite().all()
