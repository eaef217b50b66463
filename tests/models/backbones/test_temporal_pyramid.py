import pytest
import torch
from conv_block_oracle import embed, one_by_one
from ragged import ragged_batch, stir
from torch import nn

from mmdel.models.layers import sinusoidal_encoding
from mmdel.registry import MODELS

CHANNELS = dict(visual=6, audio=4)
TRANSFORMER = dict(type='mmdel.ConvTransformerBlock', num_heads=2)
SGP = dict(type='mmdel.SGPBlock', k=1.5)
POOL = dict(type='mmdel.MaxPoolBlock')


def build(block, dims=8, **kwargs):
    torch.manual_seed(0)
    default = dict(in_channels=CHANNELS, streams=['visual', 'audio'], embed_dims=dims, num_levels=4, block=block)
    return stir(MODELS.build(dict(type='mmdel.TemporalPyramidBackbone', **{**default, **kwargs})))


@pytest.mark.parametrize('use_abs_pe', [True, False])
def test_levels_of_transformer_blocks_are_what_the_formulas_say_step_by_step(use_abs_pe):
    backbone = build([dict(TRANSFORMER, window=window) for window in (3, 5, 3, None)], use_abs_pe=use_abs_pe).eval()
    assert [block.attention.window for block in [*backbone.stem, *backbone.downs]] == [3, 3, 5, 3, None]
    lengths = [1, 2, 11]
    inputs = ragged_batch(CHANNELS, lengths, total=14)
    feats, masks = backbone(inputs)
    code = sinusoidal_encoding(11, 8).double() / 8**0.5 * use_abs_pe
    for video, length in enumerate(lengths):
        joined = torch.cat([inputs.streams['visual'], inputs.streams['audio']], dim=2)[video, :length]
        steps = [step + code[t] for t, step in enumerate(embed(backbone.embedding, list(joined)))]
        for block in backbone.stem:
            steps = list(one_by_one(block, steps, steps).T)
        for level, mask, block in zip(feats['joint'], masks, [None, *backbone.downs], strict=True):
            steps = steps if block is None else list(one_by_one(block, steps, steps).T)
            torch.testing.assert_close(level[video][:, mask[video]], torch.stack(steps, dim=1))


def test_a_level_of_max_pooling_is_the_maximum_of_three_steps_around_every_second():
    backbone, inputs = build(POOL, num_stem_blocks=0), ragged_batch(CHANNELS, [16, 3, 9])
    feats, masks = backbone(inputs)
    embedded = backbone.embedding(inputs.concat(['visual', 'audio']).transpose(1, 2), inputs.mask)
    assert torch.equal(feats['joint'][0], embedded)
    for fine, coarse, fine_mask, mask in zip(feats['joint'], feats['joint'][1:], masks, masks[1:], strict=False):
        for video, length in enumerate(fine_mask.sum(1).tolist()):
            for step in range(mask.shape[1]):
                around = fine[video, :, max(2 * step - 1, 0) : min(2 * step + 2, length)]
                expected = around.amax(1) if mask[video, step] else torch.zeros(8)
                assert torch.equal(coarse[video, :, step], expected)


def test_stem_blocks_may_differ_from_those_of_the_levels():
    backbone = build(dict(SGP, kernel_size=3, drop_path=0.1), dims=16, stem_block=SGP).eval()
    blocks = [*backbone.stem, *backbone.downs]
    assert [block.stride for block in blocks] == [1, 1, 2, 2, 2]
    assert [block.sgp.window.kernel_size[0] for block in blocks] == [1, 1, 3, 3, 3]
    assert [isinstance(block.residual_sgp, nn.Identity) for block in blocks] == [True, True, False, False, False]
    inputs = ragged_batch(CHANNELS, [12, 5])
    x = backbone.embedding(inputs.concat(['visual', 'audio']).transpose(1, 2), inputs.mask)
    for block in backbone.stem:
        x, _ = block(x, inputs.mask)
    mask, levels = inputs.mask, [x]
    for block in backbone.downs:
        x, mask = block(x, mask)
        levels.append(x)
    torch.testing.assert_close(backbone(inputs)[0]['joint'], tuple(levels))


def test_noise_is_for_training_only_and_of_the_given_deviation():
    noisy, quiet = build(POOL, input_noise=0.1), build(POOL)
    inputs = ragged_batch(CHANNELS, [4000])
    seen = []
    noisy.embedding.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    noisy(inputs)
    noise = seen[0].transpose(1, 2) - inputs.concat(['visual', 'audio'])
    assert abs(noise.mean()) < 0.01 and 0.095 < noise.std() < 0.105
    assert torch.equal(noisy.eval()(inputs)[0]['joint'][3], quiet(inputs)[0]['joint'][3])


# As their authors publish them: parameters of embedding, one stem block and one level. Max pooling has none.
PUBLISHED = {
    'ActionFormer': (
        dict(block=dict(type='mmdel.ConvTransformerBlock', num_heads=4, window=19, drop_path=0.1)),
        (3_934_208, 3_161_088, 3_161_088, 26_061_824),
    ),
    'TriDet': (
        dict(block=dict(type='mmdel.SGPBlock', drop_path=0.1), stem_block=dict(type='mmdel.SGPBlock')),
        (3_934_208, 800_000, 800_000 + 2 * 512, 9_539_328),
    ),
    'TemporalMaxer': (dict(block=dict(type='mmdel.MaxPoolBlock'), num_stem_blocks=0), (3_934_208, None, 0, 3_934_208)),
}


@pytest.mark.parametrize('name', PUBLISHED)
def test_published_number_of_parameters(name):
    form, (embedding, stem, level, total) = PUBLISHED[name]
    cfg = dict(type='mmdel.TemporalPyramidBackbone', in_channels=dict(visual=2048), **form)
    with torch.device('meta'):
        backbone = MODELS.build(cfg)

    def count(part):
        return sum(parameter.numel() for parameter in part.parameters())

    assert count(backbone.embedding) == embedding and count(backbone) == total
    assert [count(block) for block in backbone.stem] == [stem] * (2 if stem else 0)
    assert [count(block) for block in backbone.downs] == [level] * 5


def test_blocks_that_do_not_fit_the_levels_are_refused():
    with pytest.raises(ValueError, match='one for each of 4 levels, got 2'):
        build([TRANSFORMER] * 2)
