import torch
import torch.nn.functional as F

from mmdel.models.necks import TemporalFPN


def build(num_levels=4):
    torch.manual_seed(0)
    neck = TemporalFPN(6, 8, num_levels).double()
    for parameter in neck.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return neck


def pyramid(lengths, num_levels=4):
    """Two streams of levels (B, 3, T_l) with noise where the padding is, and their masks."""
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    masks = tuple(mask[:, :: 2**level] for level in range(num_levels))
    g = torch.manual_seed(1)
    feats = {
        name: tuple(torch.randn(len(lengths), 3, m.shape[1], generator=g, dtype=torch.float64) for m in masks)
        for name in ('visual', 'audio')
    }
    return feats, masks


def one_by_one(neck, levels):
    """The formulas for one video of levels (C, T_l), from the top down, one step at a time."""
    out, above = [], None
    for i in reversed(range(len(levels))):
        merged = neck.laterals[i].weight[:, :, 0] @ levels[i]
        if above is not None:
            merged = torch.stack([merged[:, t] + above[:, t // 2] for t in range(merged.shape[1])], dim=1)
        taps = F.pad(merged, (1, 1))
        conv = sum(neck.convs[i].weight[:, 0, tap, None] * taps[:, tap : tap + merged.shape[1]] for tap in range(3))
        norm = neck.norms[i]
        out.insert(0, F.layer_norm(conv.T, (8,), norm.weight, norm.bias).T)
        above = merged
    return out


def test_levels_are_what_the_formulas_say_for_each_video_alone():
    neck, lengths = build(), [13, 1, 6, 16]
    feats, masks = pyramid(lengths)
    levels, out_masks = neck(feats, masks)
    assert out_masks is masks
    for video in range(len(lengths)):
        alone = [
            torch.cat([a[video], b[video]])[:, mask[video]]
            for a, b, mask in zip(feats['visual'], feats['audio'], masks, strict=True)
        ]
        for level, mask, expected in zip(levels, masks, one_by_one(neck, alone), strict=True):
            torch.testing.assert_close(level[video][:, mask[video]], expected)
            assert not level[video][:, ~mask[video]].any()


def test_gradient_reaches_every_parameter():
    neck = build()
    levels, _ = neck(*pyramid([13, 6]))
    sum(level.square().sum() for level in levels).backward()
    assert all(p.grad.abs().sum() > 0 for p in neck.parameters())


def test_number_of_parameters():
    with torch.device('meta'):
        neck = TemporalFPN(512, 256, 6)
    assert sum(p.numel() for p in neck.parameters()) == 6 * (512 * 256 + 3 * 256 + 2 * 256)
