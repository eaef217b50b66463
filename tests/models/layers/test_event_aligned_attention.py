import pytest
import torch
from ragged import ragged_mask
from torch import nn

from mmdel.models.layers import EventAlignedAttention, EventAlignedBlock

LENGTHS = [1, 2, 5, 16, 18, 33, 60]


def build(mask, window_intra=None, window_cross=0, dims=8, seed=0):
    """An attention whose G is far from constant."""
    torch.manual_seed(seed)
    attention = EventAlignedAttention(dims, 2, mask, window_intra, window_cross, event_dims=4)
    if mask == 'learned':
        with torch.no_grad():
            attention.event_embed.weight.normal_()
            attention.event_embed.bias.normal_()
            attention.gate_bias.copy_(torch.tensor([0.5, -1.0]))
    return attention


def naive_presence(num_streams, num_steps, window_intra, window_cross):
    """P over all tokens [CLS, 0 … T-1] of all streams, pair by pair."""
    tokens = [(s, t) for s in range(num_streams) for t in [None, *range(num_steps)]]
    presence = torch.zeros(len(tokens), len(tokens), dtype=torch.float64)
    for i, (stream_i, time_i) in enumerate(tokens):
        for j, (stream_j, time_j) in enumerate(tokens):
            is_cls = time_i is None or time_j is None
            if stream_i == stream_j:
                presence[i, j] = is_cls or window_intra is None or abs(time_i - time_j) <= window_intra // 2
            else:
                presence[i, j] = not is_cls and abs(time_i - time_j) <= window_cross
    return presence


def naive_mask(attention, tokens, mask):
    """The dense M = valid · P · G over all tokens."""
    batch, num_streams, num_tokens, _ = tokens.shape
    x = tokens.flatten(1, 2)
    valid = torch.cat([torch.ones(batch, 1, dtype=torch.bool), mask], dim=1).repeat(1, num_streams).double()
    m = naive_presence(num_streams, num_tokens - 1, attention.window_intra, attention.window_cross)
    if attention.mask_kind == 'none':
        m = torch.ones_like(m)
    m = valid[:, None] * m
    if attention.mask_kind == 'learned':
        e = attention.event_embed(x)
        stream = torch.arange(num_streams).repeat_interleave(num_tokens)
        bias = attention.gate_bias[(stream[:, None] != stream).long()]
        m = m * torch.sigmoid(e @ e.transpose(1, 2) / e.shape[-1] ** 0.5 + bias)
    return m.expand(-1, x.shape[1], -1)


def naive_attention(attention, tokens, mask):
    """softmax(q·k / sqrt(d) + log M) with the dense M."""
    num_streams, num_tokens = tokens.shape[1:3]
    x, m = tokens.flatten(1, 2), naive_mask(attention, tokens, mask)
    q, k, v = (item.unflatten(-1, (attention.num_heads, -1)) for item in attention.qkv(x).chunk(3, dim=-1))
    weights = torch.einsum('bihd,bjhd->bhij', q, k).div(q.shape[-1] ** 0.5).exp() * m[:, None]
    y = torch.einsum('bhij,bjhd->bihd', weights / weights.sum(-1, keepdim=True), v).flatten(2)
    return attention.out(y).unflatten(1, (num_streams, num_tokens))


def with_cls(mask, num_streams):
    """Which of the tokens (B, S, 1 + T) are valid."""
    return torch.nn.functional.pad(mask, (1, 0), value=True)[:, None].expand(-1, num_streams, -1)


@pytest.mark.parametrize('mask_kind', ['learned', 'temporal', 'none'])
@pytest.mark.parametrize('window_intra', [None, 1, 5, 19])
@pytest.mark.parametrize('window_cross', [0, 1, 3])
@pytest.mark.parametrize('num_streams', [1, 2])
def test_equals_attention_under_the_dense_mask(mask_kind, window_intra, window_cross, num_streams):
    attention = build(mask_kind, window_intra, window_cross).double()
    for num_steps in LENGTHS:
        mask = ragged_mask([num_steps, max(1, num_steps - 4)])
        tokens = torch.randn(2, num_streams, 1 + num_steps, 8, dtype=torch.float64)
        valid = with_cls(mask, num_streams)
        actual, expected = attention(tokens, mask), naive_attention(attention, tokens, mask)
        torch.testing.assert_close(actual[valid], expected[valid], msg=lambda text, t=num_steps: f'T = {t}: {text}')


@pytest.mark.parametrize('window_intra', [None, 5])
def test_gradients_equal_those_under_the_dense_mask(window_intra):
    attention = build('learned', window_intra, 1).double()
    mask = ragged_mask([21, 9])
    tokens = torch.randn(2, 2, 22, 8, dtype=torch.float64, requires_grad=True)
    valid, wanted = with_cls(mask, 2), [tokens, *attention.parameters()]
    actual = torch.autograd.grad(attention(tokens, mask)[valid].square().sum(), wanted)
    expected = torch.autograd.grad(naive_attention(attention, tokens, mask)[valid].square().sum(), wanted)
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize('mask_kind', ['learned', 'temporal'])
@pytest.mark.parametrize('window_intra, window_cross', [(None, 0), (None, 2), (3, 0), (3, 1), (1, 9)])
def test_a_token_is_influenced_by_exactly_the_tokens_that_p_lets_it_see(mask_kind, window_intra, window_cross):
    attention, num_steps = build(mask_kind, window_intra, window_cross).double(), 7
    mask = ragged_mask([num_steps])
    tokens = torch.randn(1, 2, 1 + num_steps, 8, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: attention(x, mask), tokens)
    influence = jacobian.abs().amax(dim=(0, 3, 4, 7)).flatten(2, 3).flatten(0, 1)
    assert torch.equal(influence > 0, naive_presence(2, num_steps, window_intra, window_cross) > 0)


@pytest.mark.parametrize('mask_kind', ['learned', 'temporal', 'none'])
@pytest.mark.parametrize('window_intra, window_cross', [(None, 0), (5, 0), (3, 2)])
@pytest.mark.parametrize('num_streams', [1, 2])
def test_the_mask_to_look_at_is_the_dense_mask(mask_kind, window_intra, window_cross, num_streams):
    attention = build(mask_kind, window_intra, window_cross).double()
    mask, steps = ragged_mask([13, 6]), torch.tensor([0, 2, 3, 7, 12])
    tokens = torch.randn(2, num_streams, 14, 8, dtype=torch.float64)
    places = torch.cat([stream * 14 + 1 + steps for stream in range(num_streams)])
    expected = naive_mask(attention, tokens, mask)[:, places][:, :, places]
    torch.testing.assert_close(attention.event_mask(tokens, mask, steps), expected)


def copy_to_torch(attention):
    plain = nn.MultiheadAttention(attention.qkv.in_features, attention.num_heads, batch_first=True)
    with torch.no_grad():
        plain.in_proj_weight.copy_(attention.qkv.weight)
        plain.in_proj_bias.copy_(attention.qkv.bias)
    plain.out_proj.load_state_dict(attention.out.state_dict())
    return plain


@pytest.mark.parametrize('mask_kind, num_streams', [('none', 1), ('none', 2), ('temporal', 1)])
def test_m_of_one_everywhere_is_plain_attention(mask_kind, num_streams):
    attention = build(mask_kind)
    plain = copy_to_torch(attention)
    mask = ragged_mask([12, 5, 1])
    valid, tokens = with_cls(mask, num_streams), torch.randn(3, num_streams, 13, 8)
    x = tokens.flatten(1, 2)
    expected = plain(x, x, x, key_padding_mask=~valid.flatten(1, 2))[0].unflatten(1, (num_streams, -1))
    torch.testing.assert_close(attention(tokens, mask)[valid], expected[valid])


@pytest.mark.parametrize('bias', [1e4, 0.3])
def test_a_constant_g_leaves_p_alone(bias):
    """G = 1 is no mask at all, and any other constant cancels in the softmax."""
    learned, temporal = build('learned', 5, 1), build('temporal', 5, 1)
    temporal.load_state_dict(
        {key: value for key, value in learned.state_dict().items() if key.split('.')[0] in ('qkv', 'out')}
    )
    with torch.no_grad():
        learned.event_embed.weight.zero_()
        learned.event_embed.bias.zero_()
        learned.gate_bias.fill_(bias)
    tokens, mask = torch.randn(2, 2, 21, 8), ragged_mask([20, 11])
    valid = with_cls(mask, 2)
    torch.testing.assert_close(learned(tokens, mask)[valid], temporal(tokens, mask)[valid])


def test_g_suppresses_pairs_of_unlike_events():
    """Two groups of steps with opposite embeddings: with a large embedding each group only averages itself."""
    attention = build('learned')
    with torch.no_grad():
        attention.qkv.weight.zero_()
        attention.qkv.bias.zero_()
        attention.qkv.weight[16:].copy_(torch.eye(8))  # v = x; q = k = 0
        attention.out.weight.copy_(torch.eye(8))
        attention.out.bias.zero_()
        attention.event_embed.weight.zero_()
        attention.event_embed.weight[0, 0] = 100.0
        attention.event_embed.bias.zero_()
    tokens = torch.zeros(1, 1, 7, 8)
    tokens[0, 0, 1:, 0] = torch.tensor([1.0, 1, 1, -1, -1, -1])
    tokens[0, 0, 1:, 1] = torch.tensor([3.0, 6, 9, 100, 200, 300])
    gate = torch.sigmoid(torch.tensor(0.5))  # the [CLS] embedding is zero, so that G is the sigmoid of the bias
    expected = torch.tensor([18 / (3 + gate)] * 3 + [600 / (3 + gate)] * 3)
    torch.testing.assert_close(attention(tokens, ragged_mask([6]))[0, 0, 1:, 1], expected)


def test_g_starts_at_about_095():
    torch.manual_seed(0)
    attention = EventAlignedAttention(64, 4)
    e = attention.event_embed(nn.functional.layer_norm(torch.randn(200, 64), [64]))
    for bias in attention.gate_bias:
        gate = torch.sigmoid(e @ e.T / e.shape[1] ** 0.5 + bias)
        assert 0.94 < gate.mean() < 0.96 and gate.min() > 0.9


@pytest.mark.parametrize('mask_kind', ['learned', 'temporal', 'none'])
@pytest.mark.parametrize('num_streams', [1, 2])
@pytest.mark.parametrize('num_steps', [1, 9])
def test_gradients_reach_every_parameter(mask_kind, num_streams, num_steps):
    torch.manual_seed(0)
    block = EventAlignedBlock(8, 2, num_streams, mask=mask_kind, window_cross=1, event_dims=4)
    block(torch.randn(2, num_streams, 1 + num_steps, 8), ragged_mask([num_steps] * 2)).square().sum().backward()
    assert {name for name, param in block.named_parameters() if param.grad is None or not param.grad.any()} == set()


@pytest.mark.parametrize('window_intra', [None, 3])
def test_float16_holds_a_gate_that_it_could_not_hold_before_its_scale(window_intra):
    """Over 16 channels 64 · 64 sums up to 2^16, more than 65504, and a quarter of it cancels against the bias."""
    torch.manual_seed(0)
    attention = EventAlignedAttention(8, 2, 'learned', window_intra, window_cross=1, event_dims=16)
    with torch.no_grad():
        attention.event_embed.weight.zero_()
        attention.event_embed.bias.fill_(64.0)
        attention.gate_bias.copy_(torch.tensor([-(2.0**14), 0.0]))  # G is 1 / 2 in a stream, 1 across
    tokens, mask = torch.randn(1, 2, 10, 8).half(), ragged_mask([9])
    expected = naive_attention(attention.half().double(), tokens.double(), mask)
    actual = attention.half()(tokens, mask)
    torch.testing.assert_close(actual.double(), expected, atol=5e-3, rtol=5e-3)


def test_each_stream_has_a_feed_forward_network_of_its_own():
    torch.manual_seed(0)
    block = EventAlignedBlock(8, 2, 2)
    with torch.no_grad():
        block.attention.out.weight.zero_()
        block.attention.out.bias.zero_()
    tokens, mask = torch.randn(1, 1, 6, 8).expand(1, 2, 6, 8), ragged_mask([5])
    y = block(tokens, mask)
    assert not torch.isclose(y[:, 0], y[:, 1]).all(-1).any()


@pytest.mark.parametrize(
    'arguments, message',
    [(dict(mask='soft'), "mask must be one of.*'soft'"), (dict(window_cross=-1), 'window_cross.*-1')],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        EventAlignedAttention(8, 2, **arguments)
