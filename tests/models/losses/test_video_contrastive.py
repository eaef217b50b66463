"""The oracle below is the docstring written as loops over videos and steps, in float64."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.models.losses import VideoContrastiveLoss

STREAMS = ('visual', 'audio')
CLASSES, DIMS = 3, 6
WEIGHTS = dict(intra_weight=0.9, inter_weight=0.7, score_weight=0.5)


def focal(logit, target):
    p = logit.sigmoid()
    return -0.25 * (1 - p) ** 2 * p.log() if target else -0.75 * p**2 * (1 - p).log()


def cosine(a, b):
    return a @ b / (a.norm() * b.norm())


def info_nce(positive, negatives):
    return -(positive.exp() / (positive.exp() + sum(negative.exp() for negative in negatives))).log()


def oracle(loss, streams, lengths, labels, cls):
    """All terms of ``loss``, a module in float64, and the numbers of anchors and negatives."""
    scale_visual, scale_audio, scale_inter = loss.logit_scales.exp()
    terms, intra, num_negatives = {f'loss_score_{name}': 0.0 for name in STREAMS}, [], 0
    vectors = []
    for b, length in enumerate(lengths):
        x, y = {name: streams[name][b, :length] for name in STREAMS}, labels[b, :length]
        for name in STREAMS:
            for t in range(length):
                term = focal(loss.score_heads[name](x[name][t])[0], y[t].any())
                terms[f'loss_score_{name}'] = terms[f'loss_score_{name}'] + WEIGHTS['score_weight'] * term
        vectors.append({name: cls[name][b] if name in cls else x[name].mean(0) for name in STREAMS})
        active = [t for t in range(length) if y[t].any()]
        if not active:
            continue
        mean = {name: sum(x[name][t] for t in active) / len(active) for name in STREAMS}
        first_class = min(c for c in range(CLASSES) if y[active[0], c])
        far = [t for t in range(length) if all(abs(t - u) > loss.dilation for u in active)]
        for name, scale in zip(STREAMS, (scale_visual, scale_audio), strict=True):
            taken = [t for t in far if loss.class_heads[name](x[name][t]).argmax() == first_class]
            positive = scale * cosine(mean['visual'], mean['audio'])
            intra.append(info_nce(positive, [scale * cosine(mean[name], x[name][t]) for t in taken]))
            num_negatives += len(taken)
    terms['loss_intra'] = WEIGHTS['intra_weight'] * sum(intra) / max(len(intra), 1)
    inter = 0.0
    for b, own in enumerate(vectors):
        others = vectors[:b] + vectors[b + 1 :]
        for a, c in (STREAMS, STREAMS[::-1]):
            negatives = [scale_inter * cosine(own[a], other[c]) for other in others]
            inter = inter + 0.5 * info_nce(scale_inter * cosine(own[a], own[c]), negatives)
    terms['loss_inter'] = WEIGHTS['inter_weight'] * inter
    return terms, len(intra) // 2, num_negatives


def build(seed=0, **kwargs):
    torch.manual_seed(seed)
    return VideoContrastiveLoss(CLASSES, DIMS, STREAMS, **{**WEIGHTS, **kwargs})


def batch(lengths, events, seed=0):
    """Streams and [CLS] vectors, noise behind each video; ``events``: (video, first, last, class)."""
    torch.manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    labels = torch.zeros(*mask.shape, CLASSES, dtype=torch.bool)
    for video, first, last, label in events:
        labels[video, first : last + 1, label] = True
    streams = {name: torch.randn(*mask.shape, DIMS, requires_grad=True) for name in STREAMS}
    cls = {name: torch.randn(len(lengths), DIMS, requires_grad=True) for name in STREAMS}
    return streams, mask, labels, cls


def leaves_of(loss, streams, cls):
    return [*streams.values(), *cls.values(), loss.logit_scales, *loss.score_heads.parameters()]


def total(terms):
    return sum(value for name, value in terms.items() if 'loss' in name)


event = st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(0, 6), st.integers(0, CLASSES - 1))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    lengths=st.lists(st.integers(1, 24), min_size=1, max_size=3),
    events=st.lists(event, max_size=4),
    dilation=st.integers(0, 4),
    with_cls=st.booleans(),
)
def test_agrees_with_the_loops_in_value_and_gradient(seed, lengths, events, dilation, with_cls):
    events = [(video % len(lengths), first, first + more, label) for video, first, more, label in events]
    streams, mask, labels, cls = batch(lengths, events, seed)
    cls = cls if with_cls else {}
    loss = build(seed, dilation=dilation)
    double = copy.deepcopy(loss).double()
    terms, leaves = loss(streams, mask, labels, cls), leaves_of(loss, streams, cls)
    copies = [{name: x.detach().double().requires_grad_() for name, x in group.items()} for group in (streams, cls)]
    expected, num_positives, num_negatives = oracle(double, copies[0], lengths, labels, copies[1])
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(torch.as_tensor(value).item(), abs=1e-5), name
    assert (terms['num_positives'], terms['num_negatives']) == (num_positives, num_negatives)
    actual = torch.autograd.grad(total(terms), leaves)
    wanted = torch.autograd.grad(total(expected), leaves_of(double, *copies), allow_unused=True)
    for one, two in zip(actual, wanted, strict=True):
        two = torch.zeros_like(one) if two is None else two.float()
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4)


def test_a_negative_is_far_from_every_event_and_taken_for_the_first_event_s_class():
    """Two events; the head takes every third step for class 2, that of the first one."""
    loss = build(dilation=2)
    streams, mask, labels, cls = batch([20], [(0, 4, 5, 2), (0, 13, 13, 0)])
    with torch.no_grad():
        for name, head in loss.class_heads.items():
            head.weight.zero_()
            head.weight[2, 0] = head.weight[1, 1] = 1.0
            streams[name][0, :, :2] = torch.tensor([-1.0, 1.0])
            streams[name][0, ::3, :2] = torch.tensor([1.0, -1.0])
    far = [0, 1, 8, 9, 10, 16, 17, 18, 19]
    assert loss(streams, mask, labels, cls)['num_negatives'] == 2 * len([t for t in far if t % 3 == 0])


def test_a_video_without_a_negative_gives_no_contrast_within_it_and_one_video_none_across():
    loss = build()
    streams, mask, labels, cls = batch([16], [(0, 0, 15, 1)])
    terms = loss(streams, mask, labels, cls)
    assert terms['num_positives'] == 1 and terms['num_negatives'] == terms['hard_negatives'] == 0
    assert terms['loss_intra'].item() == pytest.approx(0, abs=1e-6) and terms['loss_inter'].item() == 0


def test_hard_negatives_are_those_more_similar_than_the_positive():
    loss = build(dilation=0)
    for head in loss.class_heads.values():  # every step is taken for class 0
        torch.nn.init.zeros_(head.weight)
        head.bias.data.copy_(torch.tensor([1.0, 0.0, 0.0]))
    _, mask, labels, _ = batch([4], [(0, 0, 0, 0)])
    steps = dict(visual=[(1.0, 0), (1, 0.1), (0.5, 1), (-1, 0)], audio=[(1.0, 1), (1, 1), (0, 1), (-1, 0)])
    streams = {name: F.pad(torch.tensor([columns]), (0, DIMS - 2)) for name, columns in steps.items()}
    terms = loss(streams, mask, labels)
    # The anchors are at 45°, cosine 0.71: harder are visual step 1 and audio step 1.
    assert terms['num_negatives'] == 6 and terms['hard_negatives'].item() == pytest.approx(2 / 6)


def test_the_class_head_is_never_trained_and_the_scales_stay_below_their_bound():
    loss = build()
    loss.logit_scales.data.fill_(9.0)
    total(loss(*batch([20, 9], [(0, 2, 5, 1), (1, 0, 1, 0)]))).backward()
    torch.testing.assert_close(loss.logit_scales, torch.full_like(loss.logit_scales, math.log(100)))
    without = {name for name, parameter in loss.named_parameters() if parameter.grad is None}
    assert without == {f'class_heads.{name}.{kind}' for name in STREAMS for kind in ('weight', 'bias')}
    assert all(name in loss.state_dict() for name in without)


@pytest.mark.parametrize(
    ('streams', 'dims'), [(['a'], 6), (['a', 'a'], 6), (['a', 'b', 'c'], 6), (['a', 'b'], dict(a=6, b=4))]
)
def test_other_than_two_streams_of_one_width_are_refused(streams, dims):
    with pytest.raises(ValueError, match='two streams of one width'):
        VideoContrastiveLoss(CLASSES, dims, streams)
