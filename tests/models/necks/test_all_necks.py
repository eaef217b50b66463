"""What every neck promises, over all forms of all of them."""

import itertools

import pytest
import torch
from meta_device import run_on_meta
from ragged import pyramids_of, ragged_pyramids, stir

from mmdel.registry import MODELS
from mmdel.utils.derived import build_derived

CHANNELS = dict(visual=6, audio=6)
NUM_LEVELS = 4
DEPENDENCY = dict(type='mmdel.DependencyNeck', num_classes=5, feat_channels=4, drop_path=0.0)
PAN = dict(type='mmdel.AudioVisualPAN', num_heads=3)
CONCAT = dict(type='mmdel.ConcatNeck')
FORMS = {
    'dependency': DEPENDENCY,
    'dependency, window': dict(DEPENDENCY, attn_window=5, num_heads=2),
    'dependency, computed again': dict(DEPENDENCY, with_cp=True),
    'dependency, many classes': dict(DEPENDENCY, num_classes=33),
    'dependency, as many classes as videos': dict(DEPENDENCY, num_classes=4),
    'paths': PAN,
    'paths, window': dict(PAN, attn_window=3),
    'chain': dict(type='mmdel.NeckChain', necks=[PAN, dict(DEPENDENCY, attn_window=5), dict(PAN, num_heads=4)]),
    'guided paths': dict(type='mmdel.GuidedCSPPAN', num_heads=3),
    'concat': CONCAT,
    'concat, layer norm': dict(CONCAT, norm=dict(type='mmdel.ChannelLayerNorm')),
    'concat, group norm': dict(CONCAT, norm=dict(type='mmdel.MaskedGroupNorm', num_groups=3)),
    'concat, plain group norm': dict(CONCAT, norm=dict(type='mmdel.MaskedGroupNorm', num_groups=3, affine=False)),
}
all_forms = pytest.mark.parametrize('form', FORMS)


def build(form):
    torch.manual_seed(0)
    return stir(build_derived(MODELS, 'neck', FORMS[form], in_channels=CHANNELS, num_levels=NUM_LEVELS))


def pyramids(lengths, total=None):
    return ragged_pyramids(CHANNELS, lengths, NUM_LEVELS, total)


@all_forms
@pytest.mark.parametrize('lengths', [[1], [2, 1], [13, 6, 9], [16]])
def test_levels_keep_their_length_and_their_masks(form, lengths):
    neck, (feats, masks) = build(form), pyramids(lengths)
    levels, out_masks = neck(feats, masks)
    assert all(torch.equal(a, b) for a, b in zip(out_masks, masks, strict=True))
    for level, mask in zip(levels, masks, strict=True):
        assert level.shape == (len(lengths), neck.out_channels, mask.shape[1]) and level.isfinite().all()
        assert form == 'concat' or not level.transpose(1, 2)[~mask].any()


@all_forms
def test_padding_and_the_rest_of_the_batch_never_change_a_valid_step(form):
    neck, lengths = build(form).eval(), [21, 1, 10, 2]
    feats, masks = pyramids(lengths, total=37)
    levels, _ = neck(feats, masks)
    tolerance = dict(atol=1e-5, rtol=1e-5) if 'group' in form else {}  # it counts in float32
    for video in range(len(lengths)):
        expected, _ = neck(*pyramids_of(feats, masks, video))
        for level, mask, alone in zip(levels, masks, expected, strict=True):
            torch.testing.assert_close(level[video][:, mask[video]], alone[0], **tolerance)


@all_forms
def test_gradient_reaches_every_parameter_and_valid_step_also_beside_a_video_without_any(form):
    neck, (feats, masks) = build(form).train(), pyramids([16, 0, 9])
    for level in itertools.chain(*feats.values()):
        level.requires_grad_()
    sum(
        (level * mask[:, None] * torch.randn_like(level)).sum()
        for level, mask in zip(neck(feats, masks)[0], masks, strict=True)
    ).backward()
    # A bias of the keys shifts all logits of a query alike, so that nothing depends on it.
    live = [p for n, p in neck.named_parameters() if not n.endswith(('key.norm.bias', 'key.linear.bias'))]
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 1e-9 for p in live)
    for levels in feats.values():
        for level, mask in zip(levels, masks, strict=True):
            assert torch.equal(level.grad.abs().sum(1) > 0, mask)


@all_forms
def test_it_stays_on_the_device_of_its_inputs_and_never_waits_for_it(form):
    levels, _ = run_on_meta(build(form), *pyramids([13, 6]))
    assert all(level.is_meta for level in levels)
