import pytest
import torch
from ragged import ragged_batch, stir

from mmdel.models.layers import ChannelLayerNorm, MaskedGroupNorm
from mmdel.registry import MODELS

NORMS = {
    'layer': dict(type='mmdel.ChannelLayerNorm'),
    'group': dict(type='mmdel.MaskedGroupNorm', num_groups=3),
    'plain group': dict(type='mmdel.MaskedGroupNorm', num_groups=3, affine=False),
}


def build(name):
    return stir(MODELS.build(dict(**NORMS[name], num_channels=12)), std=1.0)


@pytest.mark.parametrize('name', NORMS)
def test_padding_has_no_influence_and_a_video_without_a_valid_step_is_finite(name):
    norm, lengths = build(name), [9, 0, 1, 4]
    inputs = ragged_batch(dict(x=12), lengths)
    x, mask = inputs.streams['x'].transpose(1, 2), inputs.mask
    y = norm(x, mask)
    assert y.isfinite().all()
    for video, length in enumerate(lengths):
        alone = norm(x[video : video + 1, :, :length], mask[video : video + 1, :length])
        torch.testing.assert_close(y[video, :, :length], alone[0], atol=1e-5, rtol=1e-5)


def test_each_step_is_normalised_over_its_channels():
    norm, x = build('layer'), 2 + 4 * torch.randn(2, 12, 3).double()
    y = norm(x, torch.ones(2, 3, dtype=torch.bool))
    for b in range(2):
        for t in range(3):
            step = x[b, :, t]
            normed = (step - step.mean()) / (step.var(unbiased=False) + norm.eps).sqrt()
            torch.testing.assert_close(y[b, :, t], normed * norm.weight + norm.bias)


@pytest.mark.parametrize('name', ['group', 'plain group'])
def test_without_padding_it_is_the_group_norm_of_pytorch(name):
    norm, x = build(name).float(), 3 + 2 * torch.randn(4, 12, 9)
    expected = torch.nn.functional.group_norm(x, 3, norm.weight, norm.bias)
    torch.testing.assert_close(norm(x, torch.ones(4, 9, dtype=torch.bool)), expected)


def test_number_of_parameters():
    norms = ChannelLayerNorm(12), MaskedGroupNorm(12, 3), MaskedGroupNorm(12, 3, affine=False)
    assert [sum(p.numel() for p in norm.parameters()) for norm in norms] == [24, 24, 0]
