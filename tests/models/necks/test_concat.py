import pytest
import torch
from ragged import ragged_pyramids, stir

from mmdel.registry import MODELS

CHANNELS = dict(visual=2, audio=4)
NORMS = [
    None,
    dict(type='mmdel.ChannelLayerNorm'),
    dict(type='mmdel.MaskedGroupNorm', num_groups=2),
    dict(type='mmdel.MaskedGroupNorm', num_groups=3, affine=False),
]


def build(norm=None, in_channels=CHANNELS):
    torch.manual_seed(0)
    return stir(MODELS.build(dict(type='mmdel.ConcatNeck', in_channels=in_channels, num_levels=3, norm=norm)))


def test_streams_lie_side_by_side_in_the_order_of_in_channels():
    feats, masks = ragged_pyramids(CHANNELS, [8, 3], 3)
    for order in (['visual', 'audio'], ['audio', 'visual'], ['audio']):
        neck = build(in_channels={name: CHANNELS[name] for name in order})
        levels, out_masks = neck(feats, masks)
        assert out_masks is masks and not list(neck.parameters())
        for index, level in enumerate(levels):
            assert torch.equal(level, torch.cat([feats[name][index] for name in order], dim=1))
            assert level.shape[1] == neck.out_channels


@pytest.mark.parametrize('norm', NORMS[1:], ids=str)
def test_every_level_is_normalised_by_a_norm_of_its_own(norm):
    """Whatever norm is asked for: none is left out."""
    neck, lengths = build(norm), [8, 1, 5]
    feats, masks = ragged_pyramids(CHANNELS, lengths, 3)
    levels, _ = neck(feats, masks)
    for level, mask, module, *streams in zip(levels, masks, neck.norms, *feats.values(), strict=True):
        for video in range(len(lengths)):
            x = torch.cat(streams, dim=1)[video : video + 1, :, mask[video]]
            expected = module(x, torch.ones(1, x.shape[2], dtype=torch.bool))[0]
            assert not torch.allclose(expected, x[0])
            torch.testing.assert_close(level[video][:, mask[video]], expected, atol=1e-5, rtol=1e-5)
            assert not level[video][:, ~mask[video]].any()


def test_published_number_of_parameters():
    neck = dict(type='mmdel.ConcatNeck', in_channels=dict(joint=512), num_levels=6)
    counts = [sum(p.numel() for p in MODELS.build(dict(**neck, norm=norm)).parameters()) for norm in NORMS[:2]]
    assert counts == [0, 6 * 1024]


def test_as_many_levels_as_norms_are_needed():
    with pytest.raises(ValueError, match=r'zip\(\) argument'):
        build(NORMS[1])(*ragged_pyramids(CHANNELS, [8], 2))
