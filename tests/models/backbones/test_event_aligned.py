import pytest
import torch

from mmdel.models.backbones import EventAlignedBackbone
from mmdel.models.layers import sinusoidal_encoding
from mmdel.registry import MODELS

CHANNELS = dict(visual=6, audio=4)
WINDOWED = dict(align=dict(num_layers=2, window_intra=5, window_cross=1), attn_window=5)
FORMS = [
    pytest.param(dict(align=dict(num_layers=2)), id='learned'),
    pytest.param(WINDOWED, id='learned-windows'),
    pytest.param(dict(align=dict(num_layers=1, mask='temporal', window_cross=1)), id='temporal'),
    pytest.param(dict(align=dict(num_layers=1, mask='none')), id='none'),
    pytest.param(dict(align=None), id='no alignment'),
    pytest.param(dict(in_channels=dict(visual=6), **WINDOWED), id='one stream'),
]


def build(in_channels=CHANNELS, dims=8, **kwargs):
    torch.manual_seed(0)
    return EventAlignedBackbone(in_channels, dims, **{**dict(num_levels=4, num_heads=2, num_stem_blocks=1), **kwargs})


def batch(lengths, total=None, names=('visual', 'audio'), noise=1e3):
    """Videos of the given lengths with noise where the padding is."""
    mask = torch.arange(total or max(lengths)) < torch.tensor(lengths)[:, None]
    inputs = {name: torch.randn(*mask.shape, CHANNELS[name], generator=torch.manual_seed(1)) for name in names}
    inputs = {name: torch.where(mask[..., None], x, noise * x) for name, x in inputs.items()}
    return dict(inputs, mask=mask)


def cut(inputs, video, length):
    return {name: x[video : video + 1, :length] for name, x in inputs.items()}


@pytest.mark.parametrize('kwargs', FORMS)
@pytest.mark.parametrize('lengths', [[1], [2, 1], [7], [16, 3, 9]])
def test_level_l_has_every_second_step_of_the_level_before(kwargs, lengths):
    backbone = build(**kwargs)
    inputs = batch(lengths)
    feats, masks = backbone(inputs)
    assert list(feats) == list(kwargs.get('in_channels', CHANNELS))
    expected = inputs['mask']
    for level, mask in enumerate(masks):
        assert torch.equal(mask, expected)
        for pyramid in feats.values():
            assert pyramid[level].shape == (len(lengths), 8, mask.shape[1])
            assert not pyramid[level].transpose(1, 2)[~mask].any()
        expected = expected[:, ::2]
    assert len(masks) == 4 and all(len(pyramid) == 4 for pyramid in feats.values())


@pytest.mark.parametrize('kwargs', FORMS)
def test_padding_and_the_rest_of_the_batch_never_change_a_valid_step(kwargs):
    backbone = build(**kwargs).eval()
    lengths = [21, 1, 10, 2]
    inputs = batch(lengths, total=37)
    feats, _ = backbone(inputs)
    for video, length in enumerate(lengths):
        alone, masks = backbone(cut(inputs, video, length))
        for name, pyramid in alone.items():
            for level, expected in enumerate(pyramid):
                actual = feats[name][level][video : video + 1, :, : masks[level].shape[1]]
                torch.testing.assert_close(actual, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize('kwargs', FORMS)
def test_a_video_without_a_valid_step_is_finite(kwargs):
    backbone = build(**kwargs)
    feats, _ = backbone(batch([0, 5], noise=1.0))
    sum(level.square().sum() for pyramid in feats.values() for level in pyramid).backward()
    assert all(level.isfinite().all() for pyramid in feats.values() for level in pyramid)
    assert all(param.grad.isfinite().all() for param in backbone.parameters())


@pytest.mark.parametrize('kwargs', FORMS)
def test_gradients_reach_every_parameter(kwargs):
    backbone = build(drop_path=0.0, **kwargs)
    feats, _ = backbone(batch([11, 6], noise=1.0))
    weights = torch.randn(8, 1, generator=torch.manual_seed(2))
    sum((level * weights).sum() for pyramid in feats.values() for level in pyramid).backward()
    assert {name for name, param in backbone.named_parameters() if param.grad is None or not param.grad.any()} == set()


def test_windows_that_hold_the_whole_video_are_no_windows():
    whole = build(align=dict(num_layers=2))
    windows = build(align=dict(num_layers=2, window_intra=39), attn_window=39)
    windows.load_state_dict(whole.state_dict())
    inputs = batch([20, 13])
    for a, b in zip(whole.eval()(inputs)[0].values(), windows.eval()(inputs)[0].values(), strict=True):
        for expected, actual in zip(a, b, strict=True):
            torch.testing.assert_close(actual, expected)


def test_the_stem_in_a_window_sees_no_further():
    """Two convolutions reach one step each, the attention block two: no more than four steps."""
    backbone = build(align=None, attn_window=5).eval()
    inputs = batch([30])
    moved = {**inputs, 'visual': inputs['visual'].clone()}
    moved['visual'][0, 15] += 1.0
    changed = (backbone(inputs)[0]['visual'][0] != backbone(moved)[0]['visual'][0]).any(1)[0]
    assert changed.nonzero()[:, 0].tolist() == list(range(11, 20))


def tap(backbone, inputs):
    """What passes the two places that a loss hook listens to."""
    seen, handles = {}, []
    for place in ('out', 'cls_out'):
        for name, module in getattr(backbone.align, place).items():
            keep = lambda _, __, y, key=(place, name): seen.__setitem__(key, y)  # noqa: E731
            handles.append(module.register_forward_hook(keep))
    backbone(inputs)
    for handle in handles:
        handle.remove()
    return seen


def test_the_aligned_streams_and_the_cls_vectors_can_be_tapped():
    seen = tap(build(align=dict(num_layers=1)), batch([9, 4]))
    shapes = dict(out=(2, 9, 8), cls_out=(2, 8))
    assert {key: tuple(value.shape) for key, value in seen.items()} == {
        (place, name): shape for place, shape in shapes.items() for name in CHANNELS
    }
    assert all(value.requires_grad for value in seen.values())


@pytest.mark.parametrize('window_cross', [0, 2])
def test_one_layer_of_alignment_tells_a_stream_only_what_the_other_does_at_that_time(window_cross):
    backbone = build(align=dict(num_layers=1, window_cross=window_cross)).eval()
    inputs = batch([12])
    before = tap(backbone, inputs)
    inputs['audio'][0, 5] += 1.0
    after = tap(backbone, inputs)
    changed = (before['out', 'visual'] != after['out', 'visual']).any(2)[0]
    assert changed.nonzero()[:, 0].tolist() == list(range(5 - window_cross, 6 + window_cross))
    assert torch.equal(before['cls_out', 'visual'], after['cls_out', 'visual'])
    assert not torch.equal(before['cls_out', 'audio'], after['cls_out', 'audio'])


def test_without_alignment_no_stream_knows_of_the_other():
    backbone = build(align=None).eval()
    inputs = batch([12])
    before = backbone(inputs)[0]
    inputs['audio'] += 1.0
    after = backbone(inputs)[0]
    for level in range(4):
        assert torch.equal(before['visual'][level], after['visual'][level])
        assert not torch.equal(before['audio'][level], after['audio'][level])


def test_the_streams_are_known_by_name_not_by_their_order_in_the_batch():
    backbone, inputs = build(align=dict(num_layers=1)).eval(), batch([7])
    swapped = dict(reversed(inputs.items()))
    assert torch.equal(backbone(inputs)[0]['audio'][1], backbone(swapped)[0]['audio'][1])


def test_alignment_is_a_residual_on_the_projected_input():
    """With blocks that add nothing: projection, twice, plus position and modality code, through the output layers."""
    align, inputs = build(align=dict(num_layers=1)).align, batch([7])
    with torch.no_grad():
        for layer in (align.blocks[0].attention.out, *(mlp[-1] for mlp in align.blocks[0].mlps)):
            layer.weight.zero_()
            layer.bias.zero_()
    aligned = align(inputs, inputs['mask'])
    for modality, name in zip(align.modality, CHANNELS, strict=True):
        projected = align.project[name](inputs[name])
        expected = align.output[name](2 * projected + sinusoidal_encoding(7, 8) + modality)
        torch.testing.assert_close(aligned[name], expected)


def test_time_matters_to_the_alignment():
    """The position code: the same picture and sound at every step do not give the same feature at every step."""
    backbone = build(align=dict(num_layers=1)).eval()
    inputs = dict(visual=torch.ones(1, 8, 6), audio=torch.ones(1, 8, 4), mask=torch.ones(1, 8, dtype=torch.bool))
    aligned = tap(backbone, inputs)['out', 'visual'][0]
    assert torch.pdist(aligned).min() > 1e-3


def test_half_precision_stays_near_float32():
    backbone, inputs = build(**WINDOWED, dims=16).eval(), batch([20, 6], noise=1.0)
    expected = backbone(inputs)[0]
    halved = {name: x.bfloat16() if x.is_floating_point() else x for name, x in inputs.items()}
    actual = backbone.bfloat16()(halved)[0]
    for name in expected:
        for a, b in zip(actual[name], expected[name], strict=True):
            assert a.dtype == torch.bfloat16
            assert (a.float() - b).abs().mean() < 0.05


@pytest.mark.parametrize('names', [[], ['a', 'b', 'c']])
def test_other_than_one_or_two_streams_are_refused(names):
    with pytest.raises(ValueError, match='one or two streams'):
        build(in_channels=dict.fromkeys(names, 4), align=dict(num_layers=1))


def test_is_registered():
    cfg = dict(type='mmdel.EventAlignedBackbone', in_channels=CHANNELS, embed_dims=8, num_levels=2)
    assert isinstance(MODELS.build(cfg), EventAlignedBackbone)
