"""Each block beside a naive reference with its own weights: one video, one step, one head at a time."""

import pytest
import torch
import torch.nn.functional as F
from ragged import ragged_mask, ragged_pyramids, stir
from torch import nn

from mmdel.models.necks.guided_csp_pan import GuidedCSPLayer, GuideRefresh, average_bins
from mmdel.registry import MODELS

DIMS, NUM_LEVELS, HEADS = 8, 4, 2
STREAMS = ('visual', 'audio')


def build(names=STREAMS, **kwargs):
    torch.manual_seed(0)
    cfg = dict(type='mmdel.GuidedCSPPAN', in_channels=dict.fromkeys(names, DIMS), num_levels=NUM_LEVELS)
    return MODELS.build({**cfg, 'num_heads': HEADS, **kwargs})


def pyramids(lengths, names=STREAMS):
    return ragged_pyramids(dict.fromkeys(names, DIMS), lengths, NUM_LEVELS)


def conv_taps(conv, x, centre):
    """What a convolution over three steps makes of (T, C) around step ``centre``; beyond the border lie zeros."""
    taps = [(tap, centre + tap - 1) for tap in range(3) if 0 <= centre + tap - 1 < len(x)]
    if conv.groups > 1:
        return sum(conv.weight[:, 0, tap] * x[step] for tap, step in taps)
    return sum(conv.weight[:, :, tap] @ x[step] for tap, step in taps) + conv.bias


def naive_attention(part, x):
    """Bare convolutional attention of (T, C): torch's own, behind a depth-wise convolution, a norm and a linear map."""
    attention = nn.MultiheadAttention(x.shape[1], part.num_heads).double()
    projections = (part.query, part.key, part.value)
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.cat([projection.linear.weight for projection in projections]))
        attention.in_proj_bias.copy_(torch.cat([projection.linear.bias for projection in projections]))
        attention.out_proj.weight.copy_(part.out.weight)
        attention.out_proj.bias.copy_(part.out.bias)
    steps = range(len(x))
    q, k, v = (torch.stack([p.norm(conv_taps(p.conv, x, t)) for t in steps]) for p in projections)
    return attention(q, k, v)[0]


def naive_guide(part, x, guide):
    """Every step and head of x (T_l, C), by its best fit among the guide's steps (T, C_g)."""
    guides = torch.stack([conv_taps(part.project, guide, t) for t in range(len(guide))])
    size = x.shape[1] // len(part.bias)
    y = x.clone()
    for t in range(len(x)):
        for head, bias in enumerate(part.bias):
            cut = slice(head * size, (head + 1) * size)
            best = max(x[t, cut] @ g[cut] / size**0.5 for g in guides)
            y[t, cut] = x[t, cut] / (1 + torch.exp(-best - bias))
    return y


def naive_fuse(layer, x, guide):
    """(T_l, 2D), guide (T, D) → (T_l, D): all halves that come about are merged."""
    first, second = (x @ layer.split.weight[..., 0].T + layer.split.bias).chunk(2, dim=1)
    halves = [first, second]
    for block in layer.blocks:
        halves.append(naive_attention(block, halves[-1]))
    halves.append(naive_guide(layer.guide, halves[-1], guide))
    assert len(halves) == 6
    return torch.cat(halves, dim=1) @ layer.merge.weight[..., 0].T + layer.merge.bias


def naive_refresh(part, guide, levels):
    """Torch's attention of the guide (T, D) to four bins of each level (T_l, D)."""
    attention = nn.MultiheadAttention(DIMS, part.num_heads).double()
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.cat([part.query.weight, part.key_value.weight]))
        attention.in_proj_bias.copy_(torch.cat([part.query.bias, part.key_value.bias]))
        attention.out_proj.weight.copy_(part.out.weight)
        attention.out_proj.bias.copy_(part.out.bias)
    bins = part.norm_bins(torch.cat([F.adaptive_avg_pool1d(level.T, 4).T for level in levels]))
    return attention(part.norm_guide(guide), bins, bins)[0]


def naive_neck(neck, x, guide):
    """Levels (T_l, D), guide (T, D) → levels (T_l, D): the drawing, one level after the other."""
    inner = {NUM_LEVELS - 1: x[-1]}
    for i in reversed(range(NUM_LEVELS - 1)):
        up = torch.stack([inner[i + 1][t // 2] for t in range(len(x[i]))])
        inner[i] = naive_fuse(neck.top_down[i], torch.cat([up, x[i]], dim=1), guide)
    guide = naive_refresh(neck.refresh, guide, [inner[0], inner[1], inner[2]])
    outs = [inner[0]]
    for i in range(NUM_LEVELS - 1):
        down = torch.stack([conv_taps(neck.down, outs[i], t) for t in range(0, len(outs[i]), 2)])
        down = F.silu(F.layer_norm(down, (DIMS,), neck.down_norm.weight, neck.down_norm.bias))
        outs.append(naive_fuse(neck.bottom_up[i], torch.cat([down, inner[i + 1]], dim=1), guide))
    return outs


def test_a_fuse_layer_equals_the_loops():
    layer = stir(GuidedCSPLayer(DIMS, HEADS), std=0.3)
    lengths, guide_lengths = [7, 1, 4], [9, 13, 2]
    mask, guide_mask = ragged_mask(lengths, 10), ragged_mask(guide_lengths)
    x, guide = (torch.randn(3, n, m.shape[1]).double() for n, m in ((2 * DIMS, mask), (DIMS, guide_mask)))
    noise = 1e3 * torch.randn_like(x)
    y = layer(torch.where(mask[:, None], x, noise), mask, torch.where(guide_mask[:, None], guide, 1e3), guide_mask)
    for video, (num, num_guides) in enumerate(zip(lengths, guide_lengths, strict=True)):
        expected = naive_fuse(layer, x[video, :, :num].T, guide[video, :, :num_guides].T)
        torch.testing.assert_close(y[video, :, :num].T, expected)
        assert not y[video, :, num:].any()


def test_the_refresh_is_attention_to_the_bins_and_the_old_guide_is_gone():
    part = stir(GuideRefresh(DIMS, HEADS), std=0.3)
    feats, masks = pyramids([13, 2, 7])
    guide, levels = feats['audio'][0], feats['visual'][:3]
    y = part(guide, levels, masks[:3])
    for video in range(3):
        own = [level[video][:, mask[video]].T for level, mask in zip(levels, masks, strict=False)]
        expected = naive_refresh(part, guide[video].T, own)
        torch.testing.assert_close(y[video].T, expected)
    nn.init.zeros_(part.out.weight)
    torch.testing.assert_close(part(guide, levels, masks[:3]), part.out.bias[:, None].expand_as(guide))


@pytest.mark.parametrize('num_valid', [0, 1, 3, 4, 5, 11])
def test_bins_are_those_of_torch(num_valid):
    x = torch.randn(1, 3, 11)
    bins = average_bins(x, ragged_mask([num_valid], 11), 4)
    expected = F.adaptive_avg_pool1d(x[..., :num_valid], 4) if num_valid else torch.zeros(1, 3, 4)
    torch.testing.assert_close(bins, expected)


def test_the_neck_equals_the_loops_for_both_streams():
    neck = stir(build(), std=0.2)
    feats, masks = pyramids([11, 2])
    levels, _ = neck(feats, masks)
    for video in range(2):
        own = {
            name: [level[video][:, mask[video]].T for level, mask in zip(feats[name], masks, strict=True)]
            for name in STREAMS
        }
        sides = [naive_neck(neck, own[a], own[b][0]) for a, b in (STREAMS, STREAMS[::-1])]
        for level, mask, side in zip(levels, masks, zip(*sides, strict=True), strict=True):
            torch.testing.assert_close(level[video][:, mask[video]].T, torch.cat(side, dim=1))


def test_a_single_stream_guides_itself():
    neck, single = stir(build()), stir(build(names=('visual',)))
    feats, masks = pyramids([13, 6], names=('visual',))
    twice, _ = neck(dict(visual=feats['visual'], audio=feats['visual']), masks)
    for one, two in zip(single(feats, masks)[0], twice, strict=True):
        torch.testing.assert_close(torch.cat([one, one], dim=1), two)


def test_every_step_reads_everything():
    assert build().widen((0,) * NUM_LEVELS) is None


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(in_channels=dict(visual=8, audio=6)), 'one or two streams of one even width'),
        (dict(in_channels=dict(a=8, b=8, c=8)), 'one or two streams of one even width'),
        (dict(in_channels=dict(a=7, b=7)), 'one or two streams of one even width'),
        (dict(in_channels={}), 'one or two streams of one even width'),
        (dict(num_heads=3), 'num_heads must divide dims, got 3 heads and 4 dims'),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)
