import pytest
import torch

from mmdel.registry import MODELS

CHANNELS = dict(visual=6, audio=4)


def build(**kwargs):
    torch.manual_seed(0)
    default = dict(type='mmdel.TemporalMaxerBackbone', in_channels=CHANNELS, embed_dims=8, num_levels=4)
    return MODELS.build({**default, **kwargs})


def batch(lengths, total=None, noise=1e3):
    """Videos of the given lengths with noise where the padding is."""
    mask = torch.arange(total or max(lengths)) < torch.tensor(lengths)[:, None]
    inputs = {name: torch.randn(*mask.shape, n, generator=torch.manual_seed(n)) for name, n in CHANNELS.items()}
    return {**{name: torch.where(mask[..., None], x, noise * x) for name, x in inputs.items()}, 'mask': mask}


@pytest.mark.parametrize('lengths', [[1], [2, 1], [7], [16, 3, 9]])
def test_a_level_is_the_maximum_of_three_steps_around_every_second(lengths):
    inputs = batch(lengths)
    backbone = build()
    feats, masks = backbone(inputs)
    assert list(feats) == ['joint'] and len(feats['joint']) == len(masks) == 4
    streams = torch.cat([inputs['visual'], inputs['audio']], dim=-1).transpose(1, 2)
    torch.testing.assert_close(feats['joint'][0], backbone.embedding(streams, inputs['mask']))
    for fine, coarse, fine_mask, mask in zip(feats['joint'], feats['joint'][1:], masks, masks[1:], strict=False):
        assert torch.equal(mask, fine_mask[:, ::2])
        for video, length in enumerate(fine_mask.sum(1).tolist()):
            for step in range(mask.shape[1]):
                around = fine[video, :, max(2 * step - 1, 0) : min(2 * step + 2, length)]
                expected = around.amax(1) if mask[video, step] else torch.zeros(8)
                assert torch.equal(coarse[video, :, step], expected)


def test_padding_and_the_rest_of_the_batch_never_change_a_valid_step():
    backbone, lengths = build(), [21, 1, 10, 2]
    inputs = batch(lengths, total=37)
    feats, masks = backbone(inputs)
    for video, length in enumerate(lengths):
        alone, _ = backbone({name: x[video : video + 1, :length] for name, x in inputs.items()})
        for level, mask, expected in zip(feats['joint'], masks, alone['joint'], strict=True):
            torch.testing.assert_close(level[video, :, mask[video]], expected[0], atol=2e-5, rtol=1e-4)


def test_gradient_reaches_every_parameter():
    backbone = build()
    feats, _ = backbone(batch([19, 8], noise=1.0))
    sum(level.square().sum() for level in feats['joint']).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in backbone.parameters())


def test_pooling_has_no_parameters():
    few, many = build(num_levels=1), build(num_levels=6)
    assert {name: p.shape for name, p in few.named_parameters()} == {n: p.shape for n, p in many.named_parameters()}
