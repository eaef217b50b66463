import pytest
import torch
from conv_block_oracle import embed, one_by_one
from ragged import ragged_batch, stir

from mmdel.models.layers import sinusoidal_encoding
from mmdel.registry import MODELS

CHANNELS = dict(visual=6, audio=4)


def build(**kwargs):
    torch.manual_seed(0)
    default = dict(in_channels=CHANNELS, streams=['visual', 'audio'], embed_dims=8, num_levels=4, num_heads=2)
    return stir(MODELS.build(dict(type='mmdel.AudioVisualPyramidBackbone', **{**default, **kwargs})))


@pytest.mark.parametrize('window', [None, 3])
@pytest.mark.parametrize('use_abs_pe', [True, False])
def test_levels_are_what_the_formulas_say_step_by_step(window, use_abs_pe):
    backbone = build(num_levels=3, attn_window=window, use_abs_pe=use_abs_pe).eval()
    lengths = [1, 2, 11]
    inputs = ragged_batch(CHANNELS, lengths, total=14)
    feats, masks = backbone(inputs)
    code = sinusoidal_encoding(11, 8).double() / 8**0.5 * use_abs_pe
    for video, length in enumerate(lengths):
        now = {}
        for name in CHANNELS:
            steps = embed(backbone.embeddings[name], list(inputs.streams[name][video, :length]))
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


@pytest.mark.parametrize(('name', 'other'), [('visual', 'audio'), ('audio', 'visual')])
def test_a_stream_steers_what_the_other_reads_but_is_not_read(name, other):
    """It gives the queries: where the other has but one step to be read, it changes nothing."""
    backbone = build(num_levels=1).eval()
    for length, is_changed in ((1, False), (5, True)):
        inputs = ragged_batch(CHANNELS, [length])
        before = backbone(inputs)[0][name][0]
        inputs.streams[other].add_(1.0)
        assert (not torch.allclose(before, backbone(inputs)[0][name][0])) == is_changed


def test_published_number_of_parameters():
    cfg = dict(in_channels=dict(visual=2048, audio=128), streams=['visual', 'audio'])
    with torch.device('meta'):
        backbone = MODELS.build(dict(type='mmdel.AudioVisualPyramidBackbone', **cfg))
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in backbone.named_modules()}
    assert counts['embeddings.visual'] == 3_934_208 and counts['embeddings.audio'] == 985_088
    block = 3_161_088 + 2 * 512  # ActionFormer's block, and the queries' own norm
    assert counts['stems'] == 4 * block and counts['levels'] == 12 * block
    assert counts[''] == 3_934_208 + 985_088 + 16 * block == 55_513_088
