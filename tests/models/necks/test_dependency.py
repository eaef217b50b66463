import pytest
import torch
from conv_block_oracle import one_by_one
from ragged import pyramids_of, ragged_pyramids, stir

from mmdel.registry import MODELS

CHANNELS = dict(visual=3, audio=3)
FORMS = [
    pytest.param({}, id='global'),
    pytest.param(dict(attn_window=5, num_heads=2), id='window, two heads'),
    pytest.param(dict(with_cp=True), id='computed again'),
]


def build(num_classes=5, **kwargs):
    torch.manual_seed(0)
    default = dict(in_channels=CHANNELS, num_classes=num_classes, feat_channels=4, drop_path=0.0)
    return stir(MODELS.build(dict(type='mmdel.DependencyNeck', **{**default, **kwargs})))


def pyramid(lengths, num_levels=3, total=None):
    return ragged_pyramids(CHANNELS, lengths, num_levels, total)


def convolve(conv, steps, t):
    """Step ``t`` of the convolution of a list of steps (C_in,)."""
    return sum(conv.weight[:, :, tap] @ steps[t + tap - 1] for tap in range(3) if 0 <= t + tap - 1 < len(steps))


def formulas(neck, steps):
    """One level of one video, a list of steps (D,): what each class and each step becomes, one at a time."""
    classes, times = range(neck.num_classes), range(len(steps))
    channels = neck.expand.out_channels // neck.num_classes
    own = {}  # the channels of a class at a step
    for t in times:
        y = convolve(neck.expand, steps, t).clamp(min=0)
        own |= {(c, t): y[c * channels : (c + 1) * channels] for c in classes}
    through_time, among_classes = {}, {}
    for c in classes:
        sequence = [own[c, t] for t in times]
        through_time |= {(c, t): y for t, y in zip(times, one_by_one(neck.temporal, sequence, sequence).T, strict=True)}
    for t in times:
        row = [own[c, t] for c in classes]
        among_classes |= {(c, t): y for c, y in zip(classes, one_by_one(neck.cooccurrence, row, row).T, strict=True)}
    merged = [torch.cat([through_time[c, t] + among_classes[c, t] for c in classes]) for t in times]
    return torch.stack([convolve(neck.squeeze, merged, t) for t in times], dim=1)


@pytest.mark.parametrize('kwargs', FORMS)
@pytest.mark.parametrize('num_classes', [1, 2, 7])
def test_levels_are_what_the_formulas_say_for_each_video_alone(kwargs, num_classes):
    neck, lengths = build(num_classes, **kwargs), [9, 1, 6]
    feats, masks = pyramid(lengths, total=11)
    levels, out_masks = neck(feats, masks)
    assert out_masks is masks and {level.shape[1] for level in levels} == {neck.out_channels}
    for video in range(len(lengths)):
        cut, _ = pyramids_of(feats, masks, video)
        for i, (level, mask) in enumerate(zip(levels, masks, strict=True)):
            steps = list(torch.cat([cut['visual'][i][0], cut['audio'][i][0]]).T)
            torch.testing.assert_close(level[video][:, mask[video]], formulas(neck, steps))
            assert not level[video][:, ~mask[video]].any()


@pytest.mark.parametrize(('attn_window', 'steps'), [(None, slice(None)), (3, slice(1, 6))])
def test_one_branch_joins_the_steps_of_a_class_and_the_other_the_classes_of_a_step(attn_window, steps):
    """A window, and a step more at each side by the convolutions, is one of steps; all classes see each other."""
    neck = build(num_classes=6, attn_window=attn_window)
    x = torch.randn(1, 6, 4, 9, dtype=torch.float64, requires_grad=True)  # (B, C, H, T)
    mask = torch.ones(1, 9, dtype=torch.bool)
    for branch, expected in ((neck._over_steps, (2, steps)), (neck._over_classes, (slice(None), 3))):
        (grad,) = torch.autograd.grad(branch(x, mask)[0, 2, :, 3].sum(), x)
        reached = torch.zeros(6, 9, dtype=torch.bool)
        reached[expected] = True
        assert torch.equal(grad[0].abs().sum(1) > 0, reached)


def saved_numbers(neck, feats, masks):
    """How many numbers a forward pass keeps for the backward pass, and the gradients of the parameters."""
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.update({x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() // x.element_size()}) or x,
        lambda x: x,
    ):
        levels, _ = neck(feats, masks)
    torch.manual_seed(3)
    sum((level * torch.randn_like(level)).sum() for level in levels).backward()
    return sum(kept.values()), [parameter.grad for parameter in neck.parameters()]


def test_computing_again_gives_the_same_gradients_from_less_memory():
    """Also when branches are dropped at random."""
    results = []
    for with_cp in (False, True):
        neck = build(num_classes=16, with_cp=with_cp, drop_path=0.3, dropout=0.2).train()
        torch.manual_seed(2)
        results.append(saved_numbers(neck, *pyramid([64, 50])))
    (much, expected), (little, grads) = results
    torch.testing.assert_close(grads, expected)
    activations = 16 * 4 * 2 * (64 + 32 + 16)
    weights = sum(parameter.numel() for parameter in build(num_classes=16).parameters())
    assert much > weights + 35 * activations
    assert little < weights + 3 * activations


def test_published_number_of_parameters():
    with torch.device('meta'):
        neck = MODELS.build(dict(type='mmdel.DependencyNeck', in_channels=dict(visual=512, audio=512), num_classes=100))
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in neck.named_children()}
    assert counts['expand'] == counts['squeeze'] == 1024 * 128 * 100 * 3 == 39_321_600
    projections = 3 * (3 * 128 + 2 * 128) + 4 * (128 * 128 + 128)
    branch = projections + 2 * (128 * 128 + 128) + 3 * 2 * 128 + 2 * 128  # attention, MLP, norms, scales
    assert counts['temporal'] == counts['cooccurrence'] == branch == 102_016
    assert sum(counts.values()) == 78_847_232


def test_streams_are_read_in_the_order_of_in_channels():
    feats, masks = pyramid([7])
    for order in (['visual', 'audio'], ['audio', 'visual']):
        neck = build(in_channels={name: CHANNELS[name] for name in order}).eval()
        joined = tuple(torch.cat([feats[name][level] for name in order], dim=1) for level in range(3))
        alone = build(in_channels=dict(joint=6)).eval()
        torch.testing.assert_close(neck(feats, masks), alone(dict(joint=joined), masks), rtol=0, atol=0)
