import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ragged import ragged_mask, ragged_pyramids

from mmdel.models.necks.pan import downsample, upsample, valid_max_pool
from mmdel.registry import MODELS

DIMS, NUM_LEVELS = 8, 4
FORMS = [
    dict(guide=guide, attn_window=window) for guide in ('max_sigmoid', 'cross') for window in (None, 3, (5, 3, 3, None))
]
all_forms = pytest.mark.parametrize('form', FORMS, ids=lambda form: f'{form["guide"]}{form["attn_window"]}')


def build(**kwargs):
    torch.manual_seed(0)
    default = dict(in_channels=dict(visual=DIMS, audio=DIMS), num_levels=NUM_LEVELS, num_blocks=1, num_heads=2)
    return MODELS.build(dict(type='mmdel.AudioVisualPAN', **{**default, 'mlp_ratio': 2.0, **kwargs}))


def pyramids(lengths, total=None, names=('visual', 'audio'), dtype=torch.float32):
    """Levels that are zero where invalid, as a backbone gives them, and their masks."""
    return ragged_pyramids(dict.fromkeys(names, DIMS), lengths, NUM_LEVELS, total, noise=0.0, dtype=dtype)


@all_forms
def test_exchanging_the_streams_exchanges_the_halves(form):
    neck = build(**form).eval()
    feats, masks = pyramids([13, 6])
    swapped = dict(visual=feats['audio'], audio=feats['visual'])
    levels = neck(feats, masks)[0]
    for a, b in zip(levels, neck(swapped, masks)[0], strict=True):
        torch.testing.assert_close(a, torch.cat(b.chunk(2, dim=1)[::-1], dim=1))
    for a, b in zip(levels, neck(dict(reversed(feats.items())), masks)[0], strict=True):
        assert torch.equal(a, b)  # they are known by name


@all_forms
def test_shared_weights_are_two_runs_with_the_same_weights(form):
    shared, separate = build(**form).eval(), build(**form, share_streams=False).eval()
    weights = shared.state_dict()
    separate.load_state_dict({**weights, **{key.replace('pans.0', 'pans.1'): value for key, value in weights.items()}})
    feats, masks = pyramids([13, 6])
    for a, b in zip(shared(feats, masks)[0], separate(feats, masks)[0], strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_streams_that_share_nothing_differ():
    feats, masks = pyramids([13])
    feats['audio'] = feats['visual']
    shared, separate = build()(feats, masks)[0], build(share_streams=False)(feats, masks)[0]
    assert torch.allclose(*shared[0].chunk(2, dim=1), atol=1e-6)
    assert not torch.allclose(*separate[0].chunk(2, dim=1), atol=1e-2)


def above(t, num_above):
    """The steps of the level above at the same time, or on both sides of it."""
    return sorted({t // 2, min(-(-t // 2), num_above - 1)})


def naive_csp(layer, x, guide, guide_mask):
    """One half passes, the other goes through a chain of blocks and the guide; all that came about is merged."""
    first, half = layer.split(x).chunk(2, dim=-1)
    parts = [first, half]
    for block in layer.blocks:
        parts.append(block(parts[-1], torch.ones(x.shape[:2], dtype=torch.bool)))
    parts.append(layer.guide(parts[-1], guide, guide_mask))
    return layer.merge(torch.cat(parts, dim=-1))


def naive_refresh(enhance, guide, levels):
    """Guide + attention of the guide over the bins of all levels, one head and step at a time."""
    size = DIMS // enhance.num_heads
    bins = []
    for level in levels:
        pooled, filled = naive_max_pool(level, torch.ones(level.shape[:2], dtype=torch.bool), enhance.pool_size)
        bins.append(pooled[:, filled[0]])
    keys, values = enhance.key_value(enhance.norm_key(torch.cat(bins, dim=1))).chunk(2, dim=-1)
    queries, read = enhance.query(enhance.norm_query(guide)), torch.zeros_like(guide)
    for t in range(guide.shape[1]):
        for head in range(enhance.num_heads):
            part = slice(head * size, (head + 1) * size)
            weights = (keys[..., part] @ queries[0, t, part] / size**0.5).softmax(-1)
            read[0, t, part] = (weights[..., None] * values[..., part]).sum(1)[0]
    return guide + enhance.out(read)


@pytest.mark.parametrize('guide', ['max_sigmoid', 'cross'])
def test_the_flow_is_that_of_the_drawing(guide):
    """Top-down, guide refresh, bottom-up, written out for four levels of one video."""
    neck = build(guide=guide, num_blocks=2).eval()
    pan = neck.pans[0]
    feats, masks = pyramids([11])
    x, g = [level.transpose(1, 2) for level in feats['visual']], feats['audio'][0].transpose(1, 2)
    inner = {3: x[3]}
    for level in (2, 1, 0):
        upper = [inner[level + 1][:, above(t, inner[level + 1].shape[1])].mean(1) for t in range(x[level].shape[1])]
        joined = torch.cat([torch.stack(upper, dim=1), x[level]], dim=-1)
        inner[level] = naive_csp(pan.top_down[level], joined, g, masks[0])
    g = naive_refresh(pan.enhance, g, [inner[level] for level in range(4)])
    out = {0: inner[0]}
    for level in (0, 1, 2):
        conv = pan.downs[level]
        down = torch.nn.functional.conv1d(out[level].transpose(1, 2), conv.weight, conv.bias, stride=2, padding=1)
        joined = torch.cat([pan.down_norms[level](down.transpose(1, 2)), inner[level + 1]], dim=-1)
        out[level + 1] = naive_csp(pan.bottom_up[level], joined, g, masks[0])
    for level, actual in enumerate(neck(feats, masks)[0]):
        torch.testing.assert_close(actual[:, :DIMS].transpose(1, 2), out[level], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('guide', ['max_sigmoid', 'cross'])
def test_windows_are_those_of_the_levels(guide):
    """Only what the last level reads differs between a window there and none."""
    local, mixed = build(guide=guide, attn_window=3).eval(), build(guide=guide, attn_window=[3, 3, 3, None]).eval()
    mixed.load_state_dict(local.state_dict())
    listed = build(guide=guide, attn_window=[3] * NUM_LEVELS).eval()
    feats, masks = pyramids([80])
    outs = [neck(feats, masks)[0] for neck in (local, mixed, listed)]
    for level in range(NUM_LEVELS):
        assert torch.equal(outs[0][level], outs[2][level])
        assert torch.equal(outs[0][level], outs[1][level]) == (level < NUM_LEVELS - 1)


def test_there_is_a_window_for_each_level():
    with pytest.raises(ValueError, match=r'one window or one for each of 4 levels, got \[3, None\]'):
        build(attn_window=[3, None])


def influence(neck, feats, masks, name, level):
    """Whether a change of one stream's level changes (stream, level) of the output."""
    before = neck(feats, masks)[0]
    changed = {key: list(levels) for key, levels in feats.items()}
    changed[name][level] = changed[name][level] + torch.randn(feats[name][level].shape).double() * masks[level][:, None]
    after = neck(changed, masks)[0]
    return torch.stack(
        [(a != b).unflatten(1, (2, -1)).flatten(2).any(2)[0] for a, b in zip(before, after, strict=True)], 1
    )


@all_forms
def test_all_levels_of_a_stream_reach_all_its_outputs_and_guide_only_by_the_finest(form):
    neck = build(**form).eval().double()
    feats, masks = pyramids([16], dtype=torch.float64)
    for row, name in enumerate(('visual', 'audio')):
        for level in range(NUM_LEVELS):
            reached = influence(neck, feats, masks, name, level)
            assert reached[row].all()
            assert reached[1 - row].all() if level == 0 else not reached[1 - row].any()


@pytest.mark.parametrize('guide', ['max_sigmoid', 'cross'])
def test_the_finest_output_reads_the_steps_above_it_and_nothing_else(guide):
    """With windows of one step, of its own stream step t reads what lies above it, and of the guide what these steps
    average: at level l the 2^l - 1 steps to either side of their own time."""
    neck = build(guide=guide, attn_window=1).eval().double()
    feats, masks = pyramids([13], dtype=torch.float64)
    for name in feats:
        for level in range(NUM_LEVELS):

            def finest(x, name=name, level=level):
                changed = {key: list(levels) for key, levels in feats.items()}
                changed[name][level] = x
                return neck(changed, masks)[0][0][0, :DIMS].sum(0)

            jacobian = torch.autograd.functional.jacobian(finest, feats[name][level])  # (T, 1, D, T_l)
            actual = jacobian.abs().amax(dim=(1, 2)) > 1e-12
            expected = torch.zeros_like(actual)
            for t in range(13):
                read = {0: {t}}
                for i in range(1, NUM_LEVELS):
                    read[i] = {s for step in read[i - 1] for s in above(step, masks[i].shape[1])}
                if name == 'visual':
                    expected[t, list(read[level])] = True
                elif level == 0:
                    for reach, centre in ((2**i - 1, s * 2**i) for i in range(NUM_LEVELS - 1) for s in read[i]):
                        expected[t, max(0, centre - reach) : centre + reach + 1] = True
            assert torch.equal(actual, expected), (name, level)


@all_forms
def test_a_single_stream_guides_itself(form):
    neck, single = build(**form).eval(), build(**form, in_channels=dict(visual=DIMS)).eval()
    feats, masks = pyramids([13, 6], names=('visual',))
    twice, _ = neck(dict(visual=feats['visual'], audio=feats['visual']), masks)
    for one, two in zip(single(feats, masks)[0], twice, strict=True):
        torch.testing.assert_close(torch.cat([one, one], dim=1), two)


@pytest.mark.parametrize('guide', ['max_sigmoid', 'cross'])
def test_a_window_that_holds_the_whole_level_only_averages_the_guide(guide):
    """A guide that is the same at every step is its own average: then such a window changes nothing."""
    whole, window = build(guide=guide).eval(), build(guide=guide, attn_window=41).eval()
    with torch.no_grad():  # the refreshed guide would differ from step to step
        for pan in (*whole.pans, *window.pans):
            pan.enhance.out.weight.zero_()
    feats, masks = pyramids([16, 11])
    for name in feats:
        feats[name] = (feats[name][0].mean(2, keepdim=True) * masks[0][:, None], *feats[name][1:])
    for a, b in zip(whole(feats, masks)[0], window(feats, masks)[0], strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_an_unknown_guide_is_refused():
    with pytest.raises(ValueError, match=r"cross.*max_sigmoid.*'mean'"):
        build(guide='mean')


@pytest.mark.parametrize(
    ('in_channels', 'share_streams', 'message'),
    [
        (dict(visual=8), False, r"share_streams=False needs two streams, got \['visual'\]"),
        (dict(visual=8, audio=6), True, 'one or two streams of the same width'),
        (dict(a=8, b=8, c=8), True, 'one or two streams of the same width'),
    ],
)
def test_streams_that_do_not_fit_are_refused(in_channels, share_streams, message):
    with pytest.raises(ValueError, match=message):
        build(in_channels=in_channels, share_streams=share_streams)


def naive_max_pool(x, mask, num_bins):
    pooled = torch.zeros(len(x), num_bins, x.shape[2])
    filled = torch.zeros(len(x), num_bins, dtype=torch.bool)
    for video in range(len(x)):
        steps = x[video][mask[video]]
        for index in range(num_bins):
            members = [step for k, step in enumerate(steps) if k * num_bins // len(steps) == index]
            if members:
                pooled[video, index] = torch.stack(members).amax(0)
                filled[video, index] = True
    return pooled, filled


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(1, 20), st.integers(1, 6), st.floats(0, 1), st.integers(0, 2**31))
def test_max_pool_of_the_valid_steps_equals_the_naive_loop(num_steps, num_bins, density, seed):
    torch.manual_seed(seed)
    x = torch.randn(3, num_steps, 2)
    mask = torch.rand(3, num_steps) < density
    mask[0] = False  # nothing to pool
    pooled, filled = valid_max_pool(torch.where(mask[..., None], x, 1e3), mask, num_bins)
    expected_pooled, expected_filled = naive_max_pool(x, mask, num_bins)
    assert torch.equal(pooled, expected_pooled) and torch.equal(filled, expected_filled)


def test_resampling_keeps_times_where_the_points_are():
    """A ramp of times comes out as the points' times, except where a border or the padding cuts off one neighbour."""
    lengths = [41, 1, 2, 16, 33]
    mask = ragged_mask(lengths, 45)
    ramp = torch.arange(45.0)[:, None].expand(5, -1, -1)
    x = torch.where(mask[..., None], ramp, 1e3)
    for level in range(1, 6):
        stride, fine = 2**level, mask
        x, mask = downsample(x, mask), mask[:, ::2]
        times = stride * torch.arange(mask.shape[1])
        whole = mask & (times >= stride) & (times + stride <= torch.tensor(lengths)[:, None])
        torch.testing.assert_close(x[whole], times.expand_as(mask)[whole].float()[:, None])
        up = upsample(torch.where(mask[..., None], ramp[:, ::stride][:, : len(times)], 1e3), mask, fine.shape[1])
        steps = torch.arange(fine.shape[1])
        cut = (steps % 2 > 0) & ~torch.nn.functional.pad(fine[:, 1:], (0, 1))
        torch.testing.assert_close(up[fine], ((steps - cut.int()) * stride / 2)[fine][:, None])


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, 4), st.integers(0, 5), st.integers(0, 2**31))
def test_resampling_knows_no_direction_of_time(num_times, num, seed):
    torch.manual_seed(seed)
    down = torch.randn(2, 2**num_times * num + 1, 3, dtype=torch.float64)
    up = torch.randn(2, num + 1, 3, dtype=torch.float64)
    down_back, up_back = down.flip(1), up.flip(1)
    for _ in range(num_times):
        down, down_back = (downsample(x, torch.ones(x.shape[:2]) > 0) for x in (down, down_back))
        up, up_back = (upsample(x, torch.ones(x.shape[:2]) > 0, 2 * x.shape[1] - 1) for x in (up, up_back))
    torch.testing.assert_close(down_back, down.flip(1))
    torch.testing.assert_close(up_back, up.flip(1))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(1, 20), st.integers(0, 20), st.booleans(), st.integers(0, 2**31))
def test_resampling_equals_the_naive_loop(num_steps, num_valid, is_odd, seed):
    torch.manual_seed(seed)
    mask = torch.arange(num_steps) < num_valid
    x = torch.randn(num_steps, 2)
    noisy = torch.where(mask[:, None], x, 1e3)[None]
    for t, down in enumerate(downsample(noisy, mask[None])[0]):
        near = [(2 - abs(s - 2 * t), x[s]) for s in range(2 * t - 1, 2 * t + 2) if 0 <= s < min(num_valid, num_steps)]
        expected = sum(weight * step for weight, step in near) / sum(weight for weight, _ in near) if near else x[0] * 0
        torch.testing.assert_close(down, expected)
    up = upsample(noisy, mask[None], 2 * num_steps - is_odd)[0]
    assert len(up) == 2 * num_steps - is_odd
    for t in range(min(2 * num_valid, len(up))):
        torch.testing.assert_close(up[t], x[above(t, min(num_valid, num_steps))].mean(0))
