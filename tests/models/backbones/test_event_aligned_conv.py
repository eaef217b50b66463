"""Each block beside a naive reference with its own weights: torch's attention under a dense mask, loops over steps."""

import pytest
import torch
import torch.nn.functional as F
from conv_block_oracle import one_by_one
from ragged import ragged_batch, stir
from torch import nn

from mmdel.models.layers import sinusoidal_encoding
from mmdel.registry import MODELS
from mmdel.utils.errors import UserInputError

CHANNELS = dict(visual=6, audio=4)
DIMS, NUM_LEVELS, MAX_STEPS = 16, 4, 24


def build(**kwargs):
    torch.manual_seed(0)
    cfg = dict(type='mmdel.EventAlignedConvBackbone', in_channels=CHANNELS, streams=['visual', 'audio'])
    return MODELS.build({**cfg, 'embed_dims': DIMS, 'num_levels': NUM_LEVELS, 'max_steps': MAX_STEPS, **kwargs})


def trained():
    """A backbone in double precision whose residual branches weigh as much as the skip connections."""
    return stir(build()).eval()


def visible(num_steps):
    """Which token sees which, of [CLS, 0 … T-1] of both streams: all of its own stream, and the other's same step."""
    tokens = [(stream, t) for stream in range(2) for t in [None, *range(num_steps)]]
    return torch.tensor([[a == b or (s == t and s is not None) for b, t in tokens] for a, s in tokens])


def naive_alignment(align, streams):
    """Features (T, C_s) of one video → tokens (1 + T, D) of each stream."""
    num_steps = len(streams['visual'])
    tokens = [
        torch.cat([align.cls_token[index], project(streams[name])])
        for index, (name, project) in enumerate(align.project.items())
    ]
    x = torch.cat([part + align.position.table[index, : 1 + num_steps] for index, part in enumerate(tokens)])
    block = align.block
    attention = nn.MultiheadAttention(DIMS, block.attention.num_heads).double()
    with torch.no_grad():
        attention.in_proj_weight.copy_(block.attention.qkv.weight)
        attention.in_proj_bias.copy_(block.attention.qkv.bias)
        attention.out_proj.weight.copy_(block.attention.out.weight)
        attention.out_proj.bias.copy_(block.attention.out.bias)
    for _ in range(2):  # the same block both times
        normed = block.norm_attention(x)
        x = x + attention(normed, normed, normed, attn_mask=~visible(num_steps))[0]
        sides = zip(block.mlps, block.norms_mlp, x.chunk(2), strict=True)
        x = x + torch.cat([mlp[3](F.gelu(mlp[0](norm(side)))) for mlp, norm, side in sides])
    outputs = {}
    for name, side, before in zip(CHANNELS, x.chunk(2), tokens, strict=True):
        linear, _, norm = align.output[name]
        outputs[name] = norm(linear(side + before).clamp(min=0))
    return outputs


def naive_stem(stem, x):
    """(T, D) → (T, D): convolutions tap by tap, position code, blocks step by step."""
    for conv, norm in zip(stem.convs, stem.norms, strict=True):
        padded = F.pad(x, (0, 0, 1, 1))
        x = F.gelu(norm(sum(padded[tap : tap + len(x)] @ conv.weight[:, :, tap].T for tap in range(3))))
    x = x + sinusoidal_encoding(len(x), DIMS).double() / DIMS**0.5
    for block in stem.blocks:
        steps = list(x)
        x = one_by_one(block, steps, steps).T
    return x


def naive_pyramid(pyramid, name, x):
    """(T, D) → L levels (T_l, D)."""
    levels = [x]
    for conv, norm in zip(pyramid.downs, pyramid.norms[name], strict=True):
        padded = F.pad(levels[-1], (0, 0, 1, 1))
        y = [(conv.weight[:, 0].T * padded[t : t + 3]).sum(0) for t in range(0, len(levels[-1]), 2)]
        levels.append(F.layer_norm(torch.stack(y), (DIMS,), norm.weight, norm.bias))
    return levels


def test_every_block_equals_its_reference():
    """Alignment, stem and pyramid of a batch with padding, one video after the other."""
    backbone, lengths = trained(), [11, 1, 6]
    inputs = ragged_batch(CHANNELS, lengths, total=14)
    aligned, (feats, masks) = backbone.align(inputs), backbone(inputs)
    for video, length in enumerate(lengths):
        expected = naive_alignment(backbone.align, {k: x[video, :length] for k, x in inputs.streams.items()})
        for name in CHANNELS:
            torch.testing.assert_close(aligned.cls[name][video], expected[name][0])
            torch.testing.assert_close(aligned.streams[name][video, :length], expected[name][1:])
            finest = naive_stem(backbone.stems[name], expected[name][1:])
            levels = naive_pyramid(backbone.pyramid, name, finest)
            for actual, mask, level in zip(feats[name], masks, levels, strict=True):
                torch.testing.assert_close(actual[video][:, mask[video]].T, level)


def test_streams_share_the_strided_convolutions_and_no_norm():
    backbone = build()
    names = [name for name, _ in backbone.pyramid.named_parameters()]
    assert [name for name in names if name.startswith('downs')] == [f'downs.{i}.weight' for i in range(3)]
    assert {tuple(name.split('.')[:2]) for name in names if name.startswith('norms')} == {
        ('norms', name) for name in CHANNELS
    }


def test_it_starts_as_published():
    """Linear maps of the alignment and its tables at a deviation of 0.02; strided convolutions all different."""
    backbone = build(embed_dims=64)
    linears = [part for part in backbone.align.modules() if isinstance(part, nn.Linear)]
    drawn = [*(part.weight for part in linears), backbone.align.position.table, backbone.align.cls_token]
    assert all(0.017 < weight.std() < 0.023 for weight in drawn)
    down = backbone.pyramid.downs[0].weight
    assert down.std() > 0.2 and len(down.flatten().unique()) == down.numel()
    parts = [part for part in backbone.modules() if isinstance(part, nn.Linear | nn.Conv1d)]
    assert not any(part.bias.any() for part in parts if part.bias is not None)
    assert backbone.align.block.attention.num_heads == 8
    assert backbone.align.block.drop_path.drop_prob == 0
    assert {block.drop_path.drop_prob for stem in backbone.stems.values() for block in stem.blocks} == {0.1}


def test_more_steps_than_the_position_code_has_are_refused():
    backbone = build()
    backbone(ragged_batch(CHANNELS, [MAX_STEPS], dtype=torch.float32))
    with pytest.raises(UserInputError, match=r'25 steps in one piece.* has 24: set .*test_cfg=dict\(window=24\)'):
        backbone(ragged_batch(CHANNELS, [MAX_STEPS + 1], dtype=torch.float32))


def own_twin():
    """The other backbone, and one of this class whose parts are all of that one, with the same weights."""
    torch.manual_seed(0)
    sizes = dict(in_channels=CHANNELS, streams=['visual', 'audio'], embed_dims=DIMS, num_levels=NUM_LEVELS)
    align = dict(num_layers=2, num_heads=8, window_intra=7)
    other = stir(MODELS.build(dict(type='mmdel.EventAlignedBackbone', **sizes, align=align, attn_window=5))).eval()
    names = {}
    for name in other.state_dict():
        words = name.split('.')
        if words[0] == 'pyramids':
            words[0] = 'pyramid' if words[2].startswith('down') else 'stems'
            words[2:2] = ['finest'] if words[0] == 'stems' else []
        names['.'.join(words)] = name
    twin = build(parts=[], attn_window=5, align=dict(window_intra=7, drop_path=0.0)).double().eval()
    twin.load_state_dict({name: other.state_dict()[old] for name, old in names.items()})
    return other, twin


def test_without_its_parts_it_is_the_other_backbone():
    other, twin = own_twin()
    inputs = ragged_batch(CHANNELS, [11, 1, 6], total=14)
    torch.testing.assert_close(twin(inputs), other(inputs), rtol=0, atol=0)
    assert list(twin.align(inputs).cls) == list(CHANNELS)


@pytest.mark.parametrize('parts', [['align'], ['stem'], ['pyramid'], ['align', 'pyramid']])
def test_each_part_is_of_one_layout_or_the_other(parts):
    authors, (_, own), inputs = trained(), own_twin(), ragged_batch(CHANNELS, [11, 1, 6], total=14)
    mixed = build(parts=parts, attn_window=5, align=dict(window_intra=7, drop_path=0.0)).double().eval()
    align, stems, pyramid = (
        getattr(authors if part in parts else own, attribute)
        for part, attribute in (('align', 'align'), ('stem', 'stems'), ('pyramid', 'pyramid'))
    )
    for name, part in dict(align=align, stems=stems, pyramid=pyramid).items():
        getattr(mixed, name).load_state_dict(part.state_dict())
    streams = align(inputs).streams
    expected = pyramid({name: stems[name](streams[name], inputs.mask) for name in CHANNELS}, inputs.mask)
    torch.testing.assert_close(mixed(inputs), expected, rtol=0, atol=0)


def test_a_part_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"parts must be of .*, got \['neck'\]"):
        build(parts=['neck'])
