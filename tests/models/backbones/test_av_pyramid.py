import pytest
import torch
from conv_block_oracle import norm, one_by_one

from mmdel.models.backbones import AudioVisualPyramidBackbone
from mmdel.models.layers import sinusoidal_encoding
from mmdel.registry import MODELS

CHANNELS = dict(visual=6, audio=4)
FORMS = [
    pytest.param({}, id='global'),
    pytest.param(dict(attn_window=5, use_abs_pe=False), id='window'),
    pytest.param(dict(in_channels=dict(audio=4)), id='one stream'),
]


def build(in_channels=CHANNELS, dims=8, **kwargs):
    """A small backbone in double precision whose residual branches weigh as much as their skip connections."""
    torch.manual_seed(0)
    backbone = AudioVisualPyramidBackbone(in_channels, dims, **{**dict(num_levels=4, num_heads=2), **kwargs}).double()
    for name, parameter in backbone.named_parameters():
        if 'scale' in name:
            parameter.data.fill_(1.0)
        parameter.data += 0.1 * torch.randn_like(parameter)
    return backbone


def batch(lengths, total=None, noise=1e3):
    """Videos of the given lengths with noise where the padding is."""
    mask = torch.arange(total or max(lengths)) < torch.tensor(lengths)[:, None]
    inputs = {}
    for name, channels in CHANNELS.items():
        x = torch.randn(*mask.shape, channels, dtype=torch.float64, generator=torch.manual_seed(channels))
        inputs[name] = torch.where(mask[..., None], x, noise * x)
    return dict(inputs, mask=mask)


def embed(embedding, x):
    """Valid steps (C_s,) of a video → steps (D,): convolutions, norms and ReLUs, one step at a time."""
    for conv, module in zip(embedding.convs, embedding.norms, strict=True):
        out = []
        for t in range(len(x)):
            taps = [(tap, t + tap - 1) for tap in range(3) if 0 <= t + tap - 1 < len(x)]
            out.append(norm(module, sum(conv.weight[:, :, tap] @ x[index] for tap, index in taps)).clamp(min=0))
        x = out
    return x


@pytest.mark.parametrize('window', [-1, 3])
@pytest.mark.parametrize('use_abs_pe', [True, False])
def test_levels_are_what_the_formulas_say_step_by_step(window, use_abs_pe):
    backbone = build(num_levels=3, attn_window=window, use_abs_pe=use_abs_pe).eval()
    lengths = [1, 2, 11]
    inputs = batch(lengths, total=14)
    feats, masks = backbone(inputs)
    code = sinusoidal_encoding(11, 8).double() / 8**0.5 * use_abs_pe
    for video, length in enumerate(lengths):
        now = {}
        for name in CHANNELS:
            steps = embed(backbone.embeddings[name], list(inputs[name][video, :length]))
            steps = [step + code[t] for t, step in enumerate(steps)]
            for block in backbone.stems[name]:
                steps = list(one_by_one(block, steps, steps).T)
            now[name] = steps
        for level, mask in enumerate(masks):
            visual = one_by_one(backbone.levels['visual'][level], now['visual'], now['audio'])
            audio = one_by_one(backbone.levels['audio'][level], now['audio'], now['visual'])
            torch.testing.assert_close(feats['visual'][level][video][:, mask[video]], visual)
            torch.testing.assert_close(feats['audio'][level][video][:, mask[video]], audio)
            now = dict(visual=list(visual.T), audio=list(audio.T))


@pytest.mark.parametrize('kwargs', FORMS)
@pytest.mark.parametrize('lengths', [[1], [2, 1], [7], [16, 3, 9]])
def test_level_l_has_every_second_step_of_the_level_before(kwargs, lengths):
    inputs = batch(lengths)
    feats, masks = build(**kwargs)(inputs)
    assert list(feats) == list(kwargs.get('in_channels', CHANNELS)) and len(masks) == 4
    for levels in feats.values():
        expected = inputs['mask']
        for level, mask in zip(levels, masks, strict=True):
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
        for name, levels in feats.items():
            for level, mask, expected in zip(levels, masks, alone[name], strict=True):
                torch.testing.assert_close(level[video, :, mask[video]], expected[0])


@pytest.mark.parametrize('kwargs', FORMS)
def test_gradient_reaches_every_parameter_and_stream(kwargs):
    backbone = build(**kwargs)
    inputs = batch([19, 8], noise=1.0)
    names = list(kwargs.get('in_channels', CHANNELS))
    for name in names:
        inputs[name].requires_grad_()
    feats, _ = backbone(inputs)
    sum(level.square().sum() for levels in feats.values() for level in levels).backward()
    # A bias of the keys shifts all logits of a query alike, so that nothing depends on it.
    live = [n for n, p in backbone.named_parameters() if not n.endswith(('key.norm.bias', 'key.linear.bias'))]
    grads = {n: p.grad for n, p in backbone.named_parameters()}
    assert [n for n in live if not grads[n].abs().sum() > 1e-9] == []
    for name in names:
        assert torch.equal(inputs[name].grad.abs().sum(-1) > 0, inputs['mask'])


@pytest.mark.parametrize(('name', 'other'), [('visual', 'audio'), ('audio', 'visual')])
def test_a_stream_steers_what_the_other_reads_but_is_not_read(name, other):
    """It gives the queries: where the other has but one step to be read, it changes nothing."""
    backbone = build(num_levels=1).eval()
    for length, is_changed in ((1, False), (5, True)):
        inputs = batch([length])
        before = backbone(inputs)[0][name][0]
        after = backbone({**inputs, other: inputs[other] + 1.0})[0][name][0]
        assert (not torch.allclose(before, after)) == is_changed


def test_a_window_never_makes_a_tensor_of_all_pairs(largest_tensor):
    sizes = []
    for num_steps in (1024, 2048):
        backbone, inputs = build(attn_window=9), batch([num_steps])
        sizes.append(largest_tensor(lambda: sum(x.sum() for x in backbone(inputs)[0]['visual'])))  # noqa: B023
    assert sizes[1] < 2.1 * sizes[0] and sizes[1] < 2048**2 / 8


def test_published_number_of_parameters():
    with torch.device('meta'):
        backbone = MODELS.build(dict(type='mmdel.AudioVisualPyramidBackbone', in_channels=dict(visual=2048, audio=128)))
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in backbone.named_modules()}
    assert counts['embeddings.visual'] == 3_934_208 and counts['embeddings.audio'] == 985_088
    block = 3_161_088 + 2 * 512  # ActionFormer's block, and the queries' own norm
    assert counts['stems'] == 4 * block and counts['levels'] == 12 * block
    assert counts[''] == 3_934_208 + 985_088 + 16 * block == 55_513_088


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"one or two streams, got \['a', 'b', 'c'\]"):
        build(dict(a=1, b=1, c=1))
    with pytest.raises(ValueError, match='positive odd number of steps'):
        build(attn_window=4)
