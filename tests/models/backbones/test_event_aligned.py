import pytest
import torch
from ragged import ragged_batch

from mmdel.models.layers import sinusoidal_encoding
from mmdel.registry import MODELS
from mmdel.structures import StreamBatch

CHANNELS = dict(visual=6, audio=4)
WINDOWED = dict(align=dict(num_layers=2, window_intra=5, window_cross=1), attn_window=5)


def build(dims=8, **kwargs):
    torch.manual_seed(0)
    default = dict(in_channels=CHANNELS, streams=['visual', 'audio'], num_levels=4, num_heads=2, num_stem_blocks=1)
    return MODELS.build(dict(type='mmdel.EventAlignedBackbone', embed_dims=dims, **{**default, **kwargs}))


def batch(*lengths):
    return ragged_batch(CHANNELS, lengths, dtype=torch.float32)


def moved(inputs, name, step=slice(None)):
    """The batch with something added to a stream at a step."""
    changed = inputs.streams[name].clone()
    changed[:, step] += 1.0
    return inputs._replace(streams={**inputs.streams, name: changed})


def test_windows_that_hold_the_whole_video_are_no_windows():
    whole = build(align=dict(num_layers=2)).eval()
    windows = build(align=dict(num_layers=2, window_intra=39), attn_window=39).eval()
    windows.load_state_dict(whole.state_dict())
    inputs = batch(20, 13)
    torch.testing.assert_close(windows(inputs), whole(inputs))


def test_the_stem_in_a_window_sees_no_further():
    """Two convolutions reach one step each, the attention block two: no more than four steps."""
    backbone, inputs = build(attn_window=5).eval(), batch(30)
    after = backbone(moved(inputs, 'visual', 15))[0]['visual'][0]
    changed = (backbone(inputs)[0]['visual'][0] != after).any(1)[0]
    assert changed.nonzero()[:, 0].tolist() == list(range(11, 20))


@pytest.mark.parametrize('align', [dict(num_layers=1), None])
def test_the_alignment_gives_the_streams_and_the_cls_vectors_by_name(align):
    backbone = build(align=align)
    aligned = backbone.align(batch(9, 4))
    assert backbone.align.embed_dims == 8
    assert {name: tuple(x.shape) for name, x in aligned.streams.items()} == dict.fromkeys(CHANNELS, (2, 9, 8))
    assert {name: tuple(x.shape) for name, x in aligned.cls.items()} == (
        dict.fromkeys(CHANNELS, (2, 8)) if align else {}
    )
    seen = []
    backbone.pyramids['audio'].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    backbone(batch(9, 4))
    assert torch.equal(seen[0], aligned.streams['audio'])


@pytest.mark.parametrize('window_cross', [0, 2])
def test_one_layer_of_alignment_tells_a_stream_only_what_the_other_does_at_that_time(window_cross):
    align, inputs = build(align=dict(num_layers=1, window_cross=window_cross)).eval().align, batch(12)
    before, after = align(inputs), align(moved(inputs, 'audio', 5))
    changed = (before.streams['visual'] != after.streams['visual']).any(2)[0]
    assert changed.nonzero()[:, 0].tolist() == list(range(5 - window_cross, 6 + window_cross))
    assert torch.equal(before.cls['visual'], after.cls['visual'])
    assert not torch.equal(before.cls['audio'], after.cls['audio'])


def test_without_alignment_no_stream_knows_of_the_other():
    backbone, inputs = build(align=None).eval(), batch(12)
    before, after = backbone(inputs)[0], backbone(moved(inputs, 'audio'))[0]
    for level in range(4):
        assert torch.equal(before['visual'][level], after['visual'][level])
        assert not torch.equal(before['audio'][level], after['audio'][level])


def test_alignment_is_a_residual_on_the_projected_input():
    """With blocks that add nothing: projection, twice, plus position and modality code, through the output layers."""
    align, inputs = build(align=dict(num_layers=1)).align, batch(7)
    with torch.no_grad():
        for layer in (align.blocks[0].attention.out, *(mlp[-1] for mlp in align.blocks[0].mlps)):
            layer.weight.zero_()
            layer.bias.zero_()
    aligned = align(inputs)
    for modality, cls, name in zip(align.modality, align.cls_token, CHANNELS, strict=True):
        projected = align.project[name](inputs.streams[name])
        expected = align.output[name](2 * projected + sinusoidal_encoding(7, 8) / 8**0.5 + modality)
        torch.testing.assert_close(aligned.streams[name], expected)
        torch.testing.assert_close(aligned.cls[name], align.output[name](2 * cls))


def test_time_matters_to_the_alignment():
    """The position code: the same picture and sound at every step do not give the same feature at every step."""
    align = build(align=dict(num_layers=1)).eval().align
    inputs = StreamBatch({name: torch.ones(1, 8, n) for name, n in CHANNELS.items()}, torch.ones(1, 8).bool())
    assert torch.pdist(align(inputs).streams['visual'][0]).min() > 1e-3


def test_every_level_starts_as_the_smoothed_level_below():
    """Before its norm: (¼, ½, ¼) around every second step, where what is invalid, as beyond the border, counts as 0."""
    backbone, inputs = build(attn_window=5).eval(), batch(21, 6)
    pyramid, seen = backbone.pyramids['visual'], []
    for norm in pyramid.down_norms:
        norm.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    feats, masks = backbone(inputs)
    for below, mask, level in zip(feats['visual'], masks, seen, strict=False):
        padded = torch.nn.functional.pad(below * mask[:, None], (1, 1))
        expected = 0.25 * padded[..., :-2:2] + 0.5 * padded[..., 1:-1:2] + 0.25 * padded[..., 2::2]
        torch.testing.assert_close(level * mask[:, None, ::2], expected * mask[:, None, ::2])
    assert len(seen) == 3


def test_what_the_alignment_says_itself_differs_from_the_stem():
    backbone = build(align=dict(num_layers=1, num_heads=4, mlp_ratio=1.0), num_heads=2, mlp_ratio=3.0)
    blocks = [backbone.align.blocks[0], backbone.pyramids['audio'].blocks[0]]
    assert [block.attention.num_heads for block in blocks] == [4, 2]
    assert [mlp[0].out_features for mlp in (blocks[0].mlps[0], blocks[1].mlp)] == [8, 24]
