"""What every backbone promises, over all forms of all of them."""

import pytest
import torch
from meta_device import run_on_meta
from ragged import pyramids_of, ragged_batch, stir

from mmdel.registry import MODELS
from mmdel.structures import StreamBatch
from mmdel.utils.errors import UserInputError

CHANNELS = dict(visual=6, audio=4)
TRANSFORMER = dict(type='mmdel.ConvTransformerBlock', num_heads=2)
JOINT = dict(type='mmdel.TemporalPyramidBackbone')
PAIR = dict(type='mmdel.AudioVisualPyramidBackbone', num_heads=2, drop_path=0.0)
ALIGNED = dict(type='mmdel.EventAlignedBackbone', num_heads=2, num_stem_blocks=1, drop_path=0.0)
CONV = dict(type='mmdel.EventAlignedConvBackbone', max_steps=40, num_align_heads=2, num_heads=2, drop_path=0.0)
WINDOWED = dict(ALIGNED, align=dict(num_layers=2, window_intra=5, window_cross=1), attn_window=5)
FORMS = {
    'transformer': dict(JOINT, block=dict(TRANSFORMER, window=5)),
    'transformer, window per level': dict(
        JOINT, block=[dict(TRANSFORMER, window=window) for window in (3, 3, 5, None)], use_abs_pe=True
    ),
    'transformer, one stream': dict(JOINT, block=TRANSFORMER, streams=['audio']),
    'sgp': dict(JOINT, block=dict(type='mmdel.SGPBlock', kernel_size=3, k=1.5, drop_path=0.0)),
    'max pooling': dict(JOINT, block=dict(type='mmdel.MaxPoolBlock'), num_stem_blocks=0),
    'pair': PAIR,
    'pair, windows': dict(PAIR, attn_window=5, use_abs_pe=False),
    'pair, one stream': dict(PAIR, streams=['audio']),
    'aligned': dict(ALIGNED, align=dict(num_layers=2)),
    'aligned, windows': WINDOWED,
    'aligned, causal heads': dict(WINDOWED, causal_heads=True),
    'aligned, temporal': dict(ALIGNED, align=dict(num_layers=1, mask='temporal', window_cross=1)),
    'aligned, no mask': dict(ALIGNED, align=dict(num_layers=1, mask='none')),
    'not aligned': ALIGNED,
    'aligned, one stream': dict(WINDOWED, streams=['visual']),
    'aligned, convolutional': CONV,
    'aligned, convolutional, one stream': dict(CONV, streams=['visual']),
}
all_forms = pytest.mark.parametrize('form', FORMS)


def build(form, **kwargs):
    torch.manual_seed(0)
    default = dict(in_channels=CHANNELS, streams=list(CHANNELS), embed_dims=16, num_levels=4)
    return stir(MODELS.build({**default, **FORMS[form], **kwargs}))


@all_forms
@pytest.mark.parametrize('lengths', [[1], [2, 1], [7], [16, 3, 9]])
def test_level_l_has_every_second_step_of_the_level_before(form, lengths):
    backbone, inputs = build(form), ragged_batch(CHANNELS, lengths)
    feats, masks = backbone(inputs)
    assert {name: levels[0].shape[1] for name, levels in feats.items()} == backbone.out_channels
    assert list(feats) == list(backbone.out_channels)
    assert list(feats) == ['joint'] if FORMS[form]['type'] == JOINT['type'] else list(backbone.streams)
    for levels in feats.values():
        assert len(levels) == len(masks) == backbone.num_levels == 4
        expected = inputs.mask
        for level, mask in zip(levels, masks, strict=True):
            assert torch.equal(mask, expected)
            assert level.shape == (len(lengths), 16, mask.shape[1])
            assert not level.transpose(1, 2)[~mask].any()
            expected = expected[:, ::2]


@all_forms
def test_padding_and_the_rest_of_the_batch_never_change_a_valid_step(form):
    backbone, lengths = build(form).eval(), [21, 1, 10, 2]
    inputs = ragged_batch(CHANNELS, lengths, total=37)
    feats, masks = backbone(inputs)
    for video, length in enumerate(lengths):
        part = slice(video, video + 1), slice(length)
        alone = backbone(StreamBatch({name: x[part] for name, x in inputs.streams.items()}, inputs.mask[part]))
        tolerance = dict(atol=1e-5, rtol=1e-4) if form == 'sgp' else {}  # its group norm counts in float32
        torch.testing.assert_close(pyramids_of(feats, masks, video), alone, **tolerance)


@all_forms
def test_gradient_reaches_every_parameter_and_valid_step_also_beside_a_video_without_any(form):
    backbone, inputs = build(form), ragged_batch(CHANNELS, [19, 0, 8], noise=1.0)
    for x in inputs.streams.values():
        x.requires_grad_()
    feats, _ = backbone(inputs)
    sum((level * torch.randn_like(level)).sum() for levels in feats.values() for level in levels).backward()
    # A bias of the keys shifts all logits of a query alike, so that nothing depends on it.
    live = [p for n, p in backbone.named_parameters() if not n.endswith(('key.norm.bias', 'key.linear.bias'))]
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 1e-9 for p in live)
    for name in backbone.streams:
        assert torch.equal(inputs.streams[name].grad.abs().sum(-1) > 0, inputs.mask)
    assert all(x.grad is None for name, x in inputs.streams.items() if name not in backbone.streams)


@all_forms
def test_it_stays_on_the_device_of_its_inputs_and_never_waits_for_it(form):
    feats, masks = run_on_meta(build(form), ragged_batch(CHANNELS, [19, 8]))
    assert all(level.is_meta for levels in [*feats.values(), masks] for level in levels)


@pytest.mark.parametrize(
    'careless', [lambda x: x + torch.arange(3), lambda x: x * x.sum().item(), lambda x: x[x > 0], lambda x: x.cpu()]
)
def test_the_meta_device_sees_who_leaves_the_device_or_waits_for_it(careless):
    class Careless(torch.nn.Module):
        def forward(self, x):
            return careless(x)

    with pytest.raises((RuntimeError, NotImplementedError)):
        run_on_meta(Careless(), torch.zeros(3))


@all_forms
def test_no_order_comes_from_a_dict(form):
    """mmengine sorts the keys of the config that it writes beside a checkpoint."""
    inputs = ragged_batch(CHANNELS, [12, 5])
    backbone, other = build(form).eval(), build(form, in_channels=dict(sorted(CHANNELS.items()))).eval()
    assert list(backbone.in_channels) == list(backbone.streams) == list(other.in_channels)
    torch.testing.assert_close(
        other(inputs._replace(streams=dict(sorted(inputs.streams.items())))), backbone(inputs), rtol=0, atol=0
    )


def test_streams_say_the_order():
    inputs = ragged_batch(CHANNELS, [12])
    for order in (['visual', 'audio'], ['audio', 'visual']):
        assert list(build('pair', streams=order)(inputs)[0]) == order
        joint = build('max pooling', streams=order)
        feats, _ = joint(inputs)
        embedded = joint.embedding(torch.cat([inputs.streams[name] for name in order], -1).transpose(1, 2), inputs.mask)
        assert torch.equal(feats['joint'][0], embedded)


@pytest.mark.parametrize('form', ['transformer', 'pair', 'aligned'])
def test_a_stream_that_is_not_read_makes_no_difference(form):
    two, one = build(form, streams=['audio']), build(form, in_channels=dict(audio=4), streams=None)
    inputs = ragged_batch(CHANNELS, [12, 5])
    only = inputs._replace(streams=dict(audio=inputs.streams['audio']))
    torch.testing.assert_close(two.eval()(inputs), one.eval()(only), rtol=0, atol=0)


@pytest.mark.parametrize('form', ['transformer', 'pair', 'aligned'])
def test_a_batch_of_other_streams_is_refused(form):
    backbone, inputs = build(form), ragged_batch(dict(visual=6, audio=5), [4])
    with pytest.raises(UserInputError, match=r"'audio' has 5 channels in the batch, and in_channels says 4"):
        backbone(inputs)
    with pytest.raises(UserInputError, match=r"no stream 'audio'; it has \['visual'\]"):
        backbone(inputs._replace(streams=dict(visual=inputs.streams['visual'])))


@pytest.mark.parametrize(
    ('streams', 'message'),
    [
        (None, r"in_channels has the streams \['audio', 'visual'\]: `streams` must say which"),
        ([], r"must name streams of in_channels, \['audio', 'visual'\]; got \[\]"),
        (['visual', 'text'], r"got \['visual', 'text'\]"),
        (['audio', 'audio'], r"got \['audio', 'audio'\]"),
    ],
)
def test_streams_that_say_no_order_are_refused(streams, message):
    for form in ('transformer', 'pair', 'aligned'):
        with pytest.raises(ValueError, match=message):
            build(form, streams=streams)


@pytest.mark.parametrize('form', ['pair', 'aligned'])
def test_more_streams_than_two_are_refused_where_they_meet_in_pairs(form):
    with pytest.raises(ValueError, match=r"reads at most 2 streams, got \['a', 'b', 'c'\]"):
        build(form, in_channels=dict(a=1, b=1, c=1), streams=['a', 'b', 'c'])
