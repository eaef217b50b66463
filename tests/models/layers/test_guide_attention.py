import pytest
import torch
from ragged import ragged_mask

from mmdel.models.layers import GUIDE_FORMS


def build(form, window=None, dims=8, guide_dims=6):
    torch.manual_seed(0)
    attention = GUIDE_FORMS[form](dims, guide_dims, 2, window)
    with torch.no_grad():
        for param in attention.parameters():
            param.normal_(std=0.5)
    return attention


def visible_steps(attention, t, guide_mask):
    """The guide steps that step t reads, one by one."""
    window = attention.window
    return [j for j in range(len(guide_mask)) if guide_mask[j] and (window is None or abs(t - j) <= window // 2)]


def naive_cross(attention, x, guide, guide_mask):
    out = torch.zeros_like(x)
    size = x.shape[2] // attention.num_heads
    q, k, v = attention.query(attention.norm(x)), attention.key(guide), attention.value(guide)
    for b in range(len(x)):
        for t in range(x.shape[1]):
            seen = visible_steps(attention, t, guide_mask[b])
            for head in range(attention.num_heads):
                part = slice(head * size, (head + 1) * size)
                weights = (k[b, seen, part] @ q[b, t, part] / size**0.5).exp()
                out[b, t, part] = (weights[:, None] * v[b, seen, part]).sum(0) / weights.sum()
    return x + attention.out(out)


def naive_max_sigmoid(attention, x, guide, guide_mask):
    normed = attention.norm(x)
    size = x.shape[2] // attention.num_heads
    q, k, out = attention.query(normed), attention.key(guide), attention.project(normed).clone()
    for b in range(len(x)):
        for t in range(x.shape[1]):
            seen = visible_steps(attention, t, guide_mask[b])
            for head in range(attention.num_heads):
                part = slice(head * size, (head + 1) * size)
                best = (k[b, seen, part] @ q[b, t, part]).max() / size**0.5 if seen else torch.zeros(())
                out[b, t, part] = out[b, t, part] * torch.sigmoid(best + attention.bias[head])
    return out


NAIVE = dict(cross=naive_cross, max_sigmoid=naive_max_sigmoid)


@pytest.mark.parametrize('form', GUIDE_FORMS)
@pytest.mark.parametrize('num_steps, num_guide_steps', [(1, 1), (1, 9), (9, 1), (12, 30), (23, 6)])
def test_the_whole_guide_is_read_as_by_the_naive_loop(form, num_steps, num_guide_steps):
    attention = build(form).double()
    x = torch.randn(2, num_steps, 8, dtype=torch.float64)
    guide = torch.randn(2, num_guide_steps, 6, dtype=torch.float64)
    mask = ragged_mask([num_guide_steps, max(1, num_guide_steps - 4)])
    torch.testing.assert_close(attention(x, guide, mask), NAIVE[form](attention, x, guide, mask))


@pytest.mark.parametrize('form', GUIDE_FORMS)
@pytest.mark.parametrize('window', [1, 3, 9, 19])
@pytest.mark.parametrize('num_steps', [1, 2, 10, 17, 45])
def test_in_a_window_only_the_steps_around_the_aligned_one_are_read(form, window, num_steps):
    attention = build(form, window).double()
    x, guide = (torch.randn(2, num_steps, dims, dtype=torch.float64) for dims in (8, 6))
    mask = ragged_mask([num_steps, max(1, num_steps - 4)])
    actual, expected = attention(x, guide, mask), NAIVE[form](attention, x, guide, mask)
    torch.testing.assert_close(actual[mask], expected[mask])


def test_max_sigmoid_of_no_guide_step_is_the_sigmoid_of_the_bias():
    attention = build('max_sigmoid')
    x = torch.randn(1, 5, 8)
    y = attention(x, torch.randn(1, 4, 6), torch.zeros(1, 4, dtype=torch.bool))
    weight = torch.sigmoid(attention.bias).repeat_interleave(4)
    torch.testing.assert_close(y, attention.project(attention.norm(x)) * weight)


@pytest.mark.parametrize('window', [None, 5])
def test_float16_holds_a_match_that_it_could_not_hold_before_its_scale(window):
    """Over four channels 128 · 128 sums up to more than 65504, and half of it cancels against the bias."""
    attention = build('max_sigmoid', window)
    with torch.no_grad():
        for linear in (attention.query, attention.key):
            linear.weight.zero_()
            linear.bias.fill_(128.0)
        attention.bias.fill_(-(2.0**15))
    x, guide, mask = torch.randn(1, 9, 8).half(), torch.randn(1, 9, 6).half(), ragged_mask([9])
    y = attention.half()(x, guide, mask)
    torch.testing.assert_close(y, attention.project(attention.norm(x)) / 2)
