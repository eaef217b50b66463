import pytest
import torch
from torch import nn

from mmdel.registry import MODELS

CHANNELS = dict(visual=6, audio=4)


def build(**kwargs):
    """A small backbone whose residual branches weigh as much as their skip connections."""
    torch.manual_seed(0)
    default = dict(type='mmdel.SGPBackbone', in_channels=CHANNELS, embed_dims=32, num_levels=4, k=1.5, kernel_size=3)
    backbone = MODELS.build({**default, **kwargs})
    for name, parameter in backbone.named_parameters():
        if 'residual' in name:
            nn.init.ones_(parameter)
    return backbone


def batch(lengths, total=None, noise=1e3):
    """Videos of the given lengths with noise where the padding is."""
    mask = torch.arange(total or max(lengths)) < torch.tensor(lengths)[:, None]
    inputs = {name: torch.randn(*mask.shape, n, generator=torch.manual_seed(n)) for name, n in CHANNELS.items()}
    return {**{name: torch.where(mask[..., None], x, noise * x) for name, x in inputs.items()}, 'mask': mask}


@pytest.mark.parametrize('lengths', [[1], [2, 1], [7], [16, 3, 9]])
def test_level_l_is_the_l_th_blocks_output(lengths):
    backbone, inputs = build().eval(), batch(lengths)
    feats, masks = backbone(inputs)
    assert list(feats) == ['joint'] and len(feats['joint']) == len(masks) == 4
    x, mask = torch.cat([inputs['visual'], inputs['audio']], dim=-1).transpose(1, 2), inputs['mask']
    x = backbone.embedding(x, mask)
    for block in backbone.stem:
        x, mask = block(x, mask)
    torch.testing.assert_close(feats['joint'][0], x)
    for level, level_mask, block in zip(feats['joint'][1:], masks[1:], backbone.downs, strict=True):
        x, mask = block(x, mask)
        torch.testing.assert_close(level, x)
        assert torch.equal(level_mask, mask)
    blocks = [*backbone.stem, *backbone.downs]
    assert [block.stride for block in blocks] == [1, 1, 2, 2, 2]
    assert [block.sgp.window.kernel_size[0] for block in blocks] == [1, 1, 3, 3, 3]


def test_padding_and_the_rest_of_the_batch_never_change_a_valid_step():
    backbone, lengths = build().eval(), [21, 1, 10, 2]
    inputs = batch(lengths, total=37)
    feats, masks = backbone(inputs)
    for video, length in enumerate(lengths):
        alone, _ = backbone({name: x[video : video + 1, :length] for name, x in inputs.items()})
        for level, mask, expected in zip(feats['joint'], masks, alone['joint'], strict=True):
            torch.testing.assert_close(level[video, :, mask[video]], expected[0], atol=1e-4, rtol=1e-4)


def test_gradient_reaches_every_parameter():
    backbone = build()
    feats, _ = backbone(batch([19, 8], noise=1.0))
    sum((level * torch.randn_like(level)).sum() for level in feats['joint']).backward()
    assert [name for name, p in backbone.named_parameters() if not p.grad.abs().sum() > 0] == []


def test_noise_is_for_training_only():
    backbone, inputs = build(input_noise=0.1, drop_path=0.0), batch([12])
    quiet = build(input_noise=0.0, drop_path=0.0)
    assert not torch.equal(backbone(inputs)[0]['joint'][0], quiet(inputs)[0]['joint'][0])
    assert torch.equal(backbone.eval()(inputs)[0]['joint'][0], quiet.eval()(inputs)[0]['joint'][0])
