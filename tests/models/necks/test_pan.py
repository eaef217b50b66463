import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ragged import ragged_mask, ragged_pyramids, stir

from mmdel.models.necks.pan import downsample, upsample
from mmdel.registry import MODELS

DIMS, NUM_LEVELS = 8, 4
ALL, STREAMS = (None, 3), ('visual', 'audio')
all_windows = pytest.mark.parametrize('window', ALL)


def build(window=None, names=STREAMS, **kwargs):
    torch.manual_seed(0)
    cfg = dict(type='mmdel.AudioVisualPAN', in_channels=dict.fromkeys(names, DIMS), num_heads=2, attn_window=window)
    return MODELS.build({**cfg, **kwargs})


def trained(*args, **kwargs):
    """A neck in double precision whose branches are not zero."""
    return stir(build(*args, **kwargs), std=0.3).eval()


def pyramids(lengths, total=None, names=STREAMS, dtype=torch.float64):
    """Levels that are zero where invalid, as a backbone gives them, and their masks."""
    return ragged_pyramids(dict.fromkeys(names, DIMS), lengths, NUM_LEVELS, total, noise=0.0, dtype=dtype)


@all_windows
@pytest.mark.parametrize('names', [STREAMS, ('visual',)])
def test_before_training_it_concatenates_the_streams_and_does_nothing_else(window, names):
    feats, masks = pyramids([13, 6, 1], total=21, names=names, dtype=torch.float32)
    concat = MODELS.build(dict(type='mmdel.ConcatNeck', in_channels=dict.fromkeys(names, DIMS), num_levels=NUM_LEVELS))
    for level, expected in zip(build(window, names)(feats, masks)[0], concat(feats, masks)[0], strict=True):
        assert torch.equal(level, expected)


@all_windows
def test_exchanging_the_streams_exchanges_the_halves(window):
    neck = trained(window)
    feats, masks = pyramids([13, 6])
    swapped = dict(visual=feats['audio'], audio=feats['visual'])
    levels = neck(feats, masks)[0]
    for a, b in zip(levels, neck(swapped, masks)[0], strict=True):
        torch.testing.assert_close(a, torch.cat(b.chunk(2, dim=1)[::-1], dim=1))
    for a, b in zip(levels, neck(dict(reversed(feats.items())), masks)[0], strict=True):
        assert torch.equal(a, b)  # they are known by name


def above(t, num_above):
    """The steps of the level above at the same time, or on both sides of it."""
    return sorted({t // 2, min(-(-t // 2), num_above - 1)})


def naive_attention(part, x, other, window):
    """Each step and head of (T, D) reads the other stream's steps in the window: (T, D), added to x."""
    (weights, biases), size = (p.chunk(3) for p in (part.qkv.weight, part.qkv.bias)), DIMS // part.num_heads
    maps = list(zip(weights, biases, strict=True))
    q, k, v = (
        item @ weight.T + bias for item, (weight, bias) in zip(map(part.norm, (x, other, other)), maps, strict=True)
    )
    read = torch.zeros_like(x)
    for t, head in itertools.product(range(len(x)), range(part.num_heads)):
        near = [s for s in range(len(x)) if window is None or abs(s - t) <= window // 2]
        cut = slice(head * size, (head + 1) * size)
        read[t, cut] = (k[near, cut] @ q[t, cut] / size**0.5).softmax(0) @ v[near, cut]
    return x + part.out(read)


def naive_fusion(part, x, other):
    """What the neighbour holds, weighed step by step and channel by channel."""
    gate, value = part.other(part.norm_other(other)).chunk(2, dim=1)
    return x + torch.sigmoid(part.own(part.norm(x)) + gate) * value


def below(x, t):
    """Around step 2t of the level below: the mean of its neighbours, itself counted twice."""
    near = [(2 - abs(s - 2 * t), x[s]) for s in range(2 * t - 1, 2 * t + 2) if 0 <= s < len(x)]
    return sum(weight * step for weight, step in near) / sum(weight for weight, _ in near)


@all_windows
def test_the_flow_is_that_of_the_drawing(window):
    """Attention between the streams, top-down, bottom-up, written out for four levels of one video."""
    neck = trained(window)
    feats, masks = pyramids([11])
    levels = {name: [level[0].T for level in feats[name]] for name in STREAMS}
    for name, other in zip(STREAMS, reversed(STREAMS), strict=True):
        pairs = zip(levels[name], levels[other], strict=True)
        inner = [naive_attention(neck.attention, x, y, window) for x, y in pairs]
        for i in (2, 1, 0):
            upper = [inner[i + 1][above(t, len(inner[i + 1]))].mean(0) for t in range(len(inner[i]))]
            inner[i] = naive_fusion(neck.top_down, inner[i], torch.stack(upper))
        for i in (1, 2, 3):
            lower = [below(inner[i - 1], t) for t in range(len(inner[i]))]
            inner[i] = naive_fusion(neck.bottom_up, inner[i], torch.stack(lower))
        half = slice(0, DIMS) if name == 'visual' else slice(DIMS, None)
        for expected, actual in zip(inner, neck(feats, masks)[0], strict=True):
            torch.testing.assert_close(actual[0, half].T, expected)


@all_windows
def test_every_level_of_either_stream_reaches_every_level_of_both(window):
    neck = trained(window)
    feats, masks = pyramids([16])
    before = neck(feats, masks)[0]
    for name, index in itertools.product(STREAMS, range(NUM_LEVELS)):
        changed = {key: list(levels) for key, levels in feats.items()}
        changed[name][index] = changed[name][index] + torch.randn(feats[name][index].shape).double()
        for a, b in zip(before, neck(changed, masks)[0], strict=True):
            assert (a != b).unflatten(1, (2, -1)).flatten(2).any(2).all()


def test_the_finest_output_reads_the_steps_above_it_in_both_streams_and_nothing_else():
    """With windows of one step."""
    neck = trained(window=1)
    feats, masks = pyramids([13])
    for name, level in itertools.product(STREAMS, range(NUM_LEVELS)):

        def finest(x, name=name, level=level):
            changed = {key: list(levels) for key, levels in feats.items()}
            changed[name][level] = x
            return neck(changed, masks)[0][0][0, :DIMS].sum(0)

        jacobian = torch.autograd.functional.jacobian(finest, feats[name][level])  # (T, 1, D, T_l)
        actual = jacobian.abs().amax(dim=(1, 2)) > 1e-12
        expected = torch.zeros_like(actual)
        for t in range(13):
            read = {t}
            for i in range(1, level + 1):
                read = {s for step in read for s in above(step, masks[i].shape[1])}
            expected[t, list(read)] = True
        assert torch.equal(actual, expected), (name, level)


@all_windows
def test_a_single_stream_reads_itself(window):
    neck, single = trained(window), trained(window, names=('visual',))
    feats, masks = pyramids([13, 6], names=('visual',))
    twice, _ = neck(dict(visual=feats['visual'], audio=feats['visual']), masks)
    for one, two in zip(single(feats, masks)[0], twice, strict=True):
        torch.testing.assert_close(torch.cat([one, one], dim=1), two)


def test_dropout_is_that_of_every_branch():
    """Dropped out altogether, all branches are away."""
    neck = trained(dropout=1.0)
    feats, masks = pyramids([13, 6])
    for training in (True, False):
        finest = neck.train(training)(feats, masks)[0][0]
        assert torch.equal(finest, torch.cat([feats[name][0] for name in STREAMS], dim=1)) == training


def test_memory_in_a_window_grows_linearly(assert_linear_memory):
    neck = build(window=5, in_channels=dict.fromkeys(STREAMS, 4), num_heads=1)

    def run(num_steps):
        masks = tuple(torch.ones(1, num_steps >> level).bool() for level in range(3))
        feats = {name: tuple(torch.randn(1, 4, mask.shape[1]) for mask in masks) for name in STREAMS}
        return torch.cat([level.flatten() for level in neck(feats, masks)[0]])

    assert_linear_memory(run, 1600)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(in_channels=dict(visual=8, audio=6)), 'one or two streams of the same width'),
        (dict(in_channels=dict(a=8, b=8, c=8)), 'one or two streams of the same width'),
        (dict(num_heads=3), 'num_heads must divide dims, got 3 heads and 8 dims'),
        (dict(window=4), 'positive odd number of steps or None, got 4'),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


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
