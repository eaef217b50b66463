import pytest
import torch
from ragged import ragged_pyramids, stir

from mmdel.registry import MODELS

CHANNELS = dict(visual=4, audio=4)
PAN = dict(type='mmdel.AudioVisualPAN', num_heads=2, attn_window=3)
BLOCK = dict(type='mmdel.DependencyNeck', feat_channels=2, attn_window=5)


def build(*necks, **options):
    torch.manual_seed(0)
    cfg = dict(type='mmdel.NeckChain', necks=list(necks), in_channels=CHANNELS, num_levels=3, num_classes=5)
    return stir(MODELS.build({**cfg, **options})).eval()


def test_each_neck_reads_what_the_one_before_gives():
    chain, (feats, masks) = build(PAN, BLOCK, dict(type='mmdel.ConcatNeck')), ragged_pyramids(CHANNELS, [9, 4], 3)
    pan, block, _ = chain.necks
    assert (pan.out_channels, block.num_classes, chain.out_channels) == (8, 5, 8)
    joined, _ = pan(feats, masks)
    expected, _ = block(dict(joint=joined), masks)
    levels, out_masks = chain(feats, masks)
    assert out_masks is masks
    assert all(torch.equal(level, other) for level, other in zip(levels, expected, strict=True))


def test_it_sees_as_far_as_its_necks_together():
    reaches = (3, 5, 9)
    chain = build(PAN, BLOCK)
    assert chain.widen(reaches) == chain.necks[1].widen(chain.necks[0].widen(reaches))
    assert build(PAN, dict(BLOCK, attn_window=None)).widen(reaches) is None


def test_contradictions_name_the_neck():
    with pytest.raises(ValueError, match='necks must be one or more'):
        build()
    with pytest.raises(ValueError, match=r"necks\[1\].in_channels is .* but \{'joint': 8\} follows"):
        build(PAN, dict(BLOCK, in_channels=dict(joint=6)))
