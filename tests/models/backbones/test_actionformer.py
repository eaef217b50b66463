import pytest
import torch

from mmdel.models.backbones import ActionFormerBackbone
from mmdel.models.layers import sinusoidal_encoding
from mmdel.registry import MODELS

CHANNELS = dict(visual=6, audio=4)
FORMS = [
    pytest.param({}, id='windows'),
    pytest.param(dict(attn_window=-1), id='global'),
    pytest.param(dict(attn_window=[3, 3, 5, -1], use_abs_pe=True), id='window per level, position code'),
    pytest.param(dict(in_channels=dict(audio=4)), id='one stream'),
]


def build(in_channels=CHANNELS, dims=8, **kwargs):
    """A small backbone whose residual branches weigh as much as their skip connections."""
    torch.manual_seed(0)
    backbone = ActionFormerBackbone(in_channels, dims, **{**dict(num_levels=4, num_heads=2, attn_window=5), **kwargs})
    for name, parameter in backbone.named_parameters():
        if 'scale' in name:
            parameter.data.fill_(1.0)
    return backbone


def batch(lengths, total=None, noise=1e3):
    """Videos of the given lengths with noise where the padding is."""
    mask = torch.arange(total or max(lengths)) < torch.tensor(lengths)[:, None]
    inputs = {name: torch.randn(*mask.shape, n, generator=torch.manual_seed(n)) for name, n in CHANNELS.items()}
    inputs = {name: torch.where(mask[..., None], x, noise * x) for name, x in inputs.items()}
    return dict(inputs, mask=mask)


@pytest.mark.parametrize('kwargs', FORMS)
@pytest.mark.parametrize('lengths', [[1], [2, 1], [7], [16, 3, 9]])
def test_level_l_has_every_second_step_of_the_level_before(kwargs, lengths):
    inputs = batch(lengths)
    feats, masks = build(**kwargs)(inputs)
    assert list(feats) == ['joint'] and len(feats['joint']) == len(masks) == 4
    expected = inputs['mask']
    for level, mask in zip(feats['joint'], masks, strict=True):
        assert torch.equal(mask, expected)
        assert level.shape == (len(lengths), 8, mask.shape[1])
        assert not level.transpose(1, 2)[~mask].any()
        expected = expected[:, ::2]


@pytest.mark.parametrize('kwargs', FORMS)
def test_padding_and_the_rest_of_the_batch_never_change_a_valid_step(kwargs):
    backbone = build(**kwargs).eval()
    lengths = [21, 1, 10, 2]
    inputs = batch(lengths, total=37)
    feats, masks = backbone(inputs)
    for video, length in enumerate(lengths):
        alone, _ = backbone({name: x[video : video + 1, :length] for name, x in inputs.items()})
        for level, mask, expected in zip(feats['joint'], masks, alone['joint'], strict=True):
            torch.testing.assert_close(level[video, :, mask[video]], expected[0], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize('kwargs', FORMS)
def test_gradient_reaches_every_parameter_and_stream(kwargs):
    backbone = build(**kwargs)
    inputs = batch([19, 8], noise=1.0)
    names = backbone.names
    for name in names:
        inputs[name].requires_grad_()
    feats, _ = backbone(inputs)
    sum(level.square().sum() for level in feats['joint']).backward()
    # A bias of the keys shifts all logits of a query alike, so that nothing depends on it.
    live = [n for n, p in backbone.named_parameters() if not n.endswith(('key.norm.bias', 'key.linear.bias'))]
    grads = {n: p.grad for n, p in backbone.named_parameters()}
    assert [n for n in live if not grads[n].abs().sum() > 1e-6] == []
    for name in names:
        reached = inputs[name].grad.abs().sum(-1) > 0
        assert torch.equal(reached, inputs['mask'])


def test_level_is_the_blocks_output_of_the_embedded_concatenated_streams():
    backbone = build().eval()
    inputs = batch([12])
    feats, _ = backbone(inputs)
    x = backbone.embedding(torch.cat([inputs['visual'], inputs['audio']], -1).transpose(1, 2), inputs['mask'])
    mask = inputs['mask']
    for block in backbone.stem:
        x, mask = block(x, mask)
    torch.testing.assert_close(feats['joint'][0], x)
    for block, level in zip(backbone.downs, feats['joint'][1:], strict=True):
        x, mask = block(x, mask)
        torch.testing.assert_close(level, x)
    assert [block.attention.window for block in [*backbone.stem, *backbone.downs]] == [5] * 5
    assert [block.stride for block in backbone.stem] == [1, 1] and {block.stride for block in backbone.downs} == {2}


def test_each_level_has_its_window_and_the_stem_that_of_the_first():
    backbone = build(attn_window=[3, 5, 7, -1])
    assert [block.attention.window for block in backbone.stem] == [3, 3]
    assert [block.attention.window for block in backbone.downs] == [5, 7, None]


def test_position_code_is_the_sinusoids_over_the_root_of_the_channels_at_any_length():
    coded, plain = build(use_abs_pe=True).eval(), build(use_abs_pe=False).eval()
    seen = []
    coded.stem[0].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    plain.stem[0].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    inputs = batch([300])
    coded(inputs), plain(inputs)
    torch.testing.assert_close(seen[0] - seen[1], sinusoidal_encoding(300, 8).T[None] / 8**0.5)


def test_published_number_of_parameters():
    with torch.device('meta'):
        backbone = MODELS.build(dict(type='mmdel.ActionFormerBackbone', in_channels=dict(visual=2048)))
    assert sum(p.numel() for p in backbone.embedding.parameters()) == 3_934_208
    assert sum(p.numel() for p in backbone.parameters()) == 26_061_824


def test_windows_that_do_not_fit_the_levels_are_refused():
    with pytest.raises(ValueError, match=r'one for each of 4 levels, got \[3, 3\]'):
        build(attn_window=[3, 3])
    with pytest.raises(ValueError, match='positive odd number of steps'):
        build(attn_window=[3, 3, 3, 4])
