import pytest
import torch
import torch.nn.functional as F
from ragged import pyramids_of, ragged_pyramids, stir

from mmdel.models.layers import ConvTower


def plain_tower(tower, x):
    """One level (1, C, T) of one video by torch's own functions."""
    for conv, norm in zip(tower.convs, tower.norms, strict=True):
        x = F.conv1d(x, conv.weight, padding=1).transpose(1, 2)
        x = F.layer_norm(x, x.shape[2:], norm.weight, norm.bias).relu().transpose(1, 2)
    return F.conv1d(x, tower.last.weight, tower.last.bias, padding=1).transpose(1, 2)


@pytest.mark.parametrize('lengths', [[16, 9, 1], [7]])
def test_levels_and_videos_do_not_touch_one_another(lengths):
    torch.manual_seed(0)
    tower = stir(ConvTower(6, 8, 5, bias=0.5))
    feats, masks = ragged_pyramids(dict(joint=6), lengths, num_levels=3, total=21)
    packed = tower(feats['joint'], masks).split([mask.shape[1] for mask in masks], dim=1)
    for video in range(len(lengths)):
        alone, _ = pyramids_of(feats, masks, video)
        for actual, mask, level in zip(packed, masks, alone['joint'], strict=True):
            torch.testing.assert_close(actual[video][mask[video]], plain_tower(tower, level)[0])


def test_outputs_start_at_the_bias():
    tower = ConvTower(6, 8, 2, bias=-4.5)
    torch.nn.init.zeros_(tower.last.weight)
    out = tower((torch.randn(1, 6, 5),), (torch.ones(1, 5, dtype=torch.bool),))
    torch.testing.assert_close(out, torch.full((1, 5, 2), -4.5))
