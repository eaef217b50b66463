"""The oracle below is the specification written as loops over videos, classes and steps, in float64."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.models.losses import ScoreContrastiveLoss
from mmdel.models.losses.score_contrastive import mine_hard_negatives
from mmdel.registry import MODELS

WEIGHTS = dict(intra_weight=1.0, inter_weight=0.7, score_weight=0.5, token_cls_weight=0.3)


def focal(logit, target, alpha=0.25, gamma=2.0):
    p = logit.sigmoid()
    return -alpha * (1 - p) ** gamma * p.log() if target else -(1 - alpha) * p**gamma * (1 - p).log()


def cosine(a, b):
    return (a * b).sum() / (a.norm().clamp(min=1e-12) * b.norm().clamp(min=1e-12))


def mine_one(c, y, num_valid, s, p, dilation, divisor):
    """Steps of one video mined for class ``c``: y (T, C), s (T,), p (T, C)."""
    active = [t for t in range(num_valid) if y[t, c]]
    candidates = [t for t in range(num_valid) if all(abs(t - u) > dilation for u in active)]

    def rank(t):
        taken = p[t].argmax().item() == c
        return (taken, s[t].item() if taken else p[t, c].item())

    return sorted(candidates, key=rank, reverse=True)[: max(1, num_valid // divisor)]


def oracle(loss, streams, mask, labels, cls):
    """All terms of ``loss`` (a module in float64), by loops."""
    names = list(streams)
    num_steps = sum(int(m.sum()) for m in mask)
    scale = loss.logit_scale.exp()
    terms, intra, pairs = {}, [], 0
    for name in names:
        terms[f'loss_score_{name}'] = terms[f'loss_token_cls_{name}'] = 0.0
    pooled = {name: [] for name in names}
    for b in range(len(mask)):
        num_valid = int(mask[b].sum())
        y = labels[b, :num_valid]
        x = {name: streams[name][b, :num_valid] for name in names}
        s = {name: loss.score_heads[name](x[name])[:, 0] for name in names}
        p = {name: loss.class_heads[name](x[name]) for name in names}
        z = {name: loss.projections[name](x[name]) for name in names}
        for name in names:
            for t in range(num_valid):
                terms[f'loss_score_{name}'] += WEIGHTS['score_weight'] * focal(s[name][t], y[t].any()) / num_steps
                for c in range(y.shape[1]):
                    terms[f'loss_token_cls_{name}'] += (
                        WEIGHTS['token_cls_weight'] * focal(p[name][t, c], y[t, c]) / num_steps
                    )
            vector = cls[name][b] if name in cls else x[name].mean(0)
            pooled[name].append(loss.projections[name](vector))
        for c in range(y.shape[1]):
            active = [t for t in range(num_valid) if y[t, c]]
            if not active:
                continue
            pairs += 1
            prototype = {}
            for name in names:
                weight = torch.stack([s[name][t] for t in active]).softmax(0)
                prototype[name] = sum(w * x[name][t] for w, t in zip(weight, active, strict=True))
                prototype[name] = loss.projections[name](prototype[name])
            for name in names:
                if len(names) == 2:
                    positive = scale * cosine(*prototype.values())
                else:
                    positive = scale * sum(cosine(prototype[name], z[name][t]) for t in active) / len(active)
                mined = mine_one(c, y, num_valid, s[name], p[name], loss.dilation, loss.negative_divisor)
                negative = [scale * cosine(prototype[name], z[name][t]) for t in mined]
                intra.append(-(positive.exp() / sum(v.exp() for v in [positive, *negative])).log())
    terms['loss_intra'] = sum(intra) / max(pairs * len(names), 1)
    terms['num_positives'] = pairs
    if len(names) == 2:
        inter = []
        for left, right in (names, names[::-1]):
            for b in range(len(mask)):
                logits = [scale * cosine(pooled[left][b], other) for other in pooled[right]]
                inter.append(-(logits[b].exp() / sum(v.exp() for v in logits)).log())
        terms['loss_inter'] = WEIGHTS['inter_weight'] * sum(inter) / len(inter)
    return terms


def random_batch(seed, lengths, num_classes, dims, names, num_events, one_class=False, with_cls=True):
    """Random streams with ``num_events`` possibly overlapping events in each video; features behind it are noise."""
    torch.manual_seed(seed)
    batch, steps = len(lengths), max(lengths)
    mask = torch.arange(steps) < torch.tensor(lengths)[:, None]
    labels = torch.zeros(batch, steps, num_classes, dtype=torch.bool)
    for b, (length, events) in enumerate(zip(lengths, num_events, strict=True)):
        for _ in range(events):
            first, last = sorted(torch.randint(0, length, (2,)).tolist())
            labels[b, first : last + 1, torch.randint(0, num_classes, (1,)).item()] = True
    if one_class:
        labels[:] = False
        labels[..., 0] = True
    streams = {name: torch.randn(batch, steps, dims) for name in names}
    cls = {name: torch.randn(batch, dims) for name in names} if with_cls else {}
    return streams, mask, labels & mask[..., None], cls


def make_loss(num_classes, dims, names, seed=0, **kwargs):
    torch.manual_seed(seed)
    loss = ScoreContrastiveLoss(num_classes, dims, names, proj_dims=5, **{**WEIGHTS, **kwargs})
    for head in (*loss.class_heads.values(), *loss.score_heads.values()):
        torch.nn.init.normal_(head.weight)
        torch.nn.init.normal_(head.bias, std=0.3)
    return loss


def optimised(terms):
    return sum(value for name, value in terms.items() if 'loss' in name)


def assert_agrees_with_oracle(loss, streams, mask, labels, cls):
    leaves = [*streams.values(), *cls.values()]
    for leaf in leaves:
        leaf.requires_grad_()
    terms = loss(streams, mask, labels, cls)
    optimised(terms).backward()

    double = make_loss(loss.num_classes, next(iter(loss.embed_dims.values())), loss.streams, dilation=loss.dilation)
    double.negative_divisor = loss.negative_divisor
    double.load_state_dict(loss.state_dict())
    double.double()
    copies = [leaf.detach().double().requires_grad_() for leaf in leaves]
    expected = oracle(
        double,
        dict(zip(streams, copies, strict=False)),
        mask,
        labels,
        dict(zip(cls, copies[len(streams) :], strict=True)),
    )
    optimised(expected).backward()

    assert expected.keys() <= terms.keys()
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(torch.as_tensor(value).item(), abs=1e-5), name
    pairs = [*zip(leaves, copies, strict=True), *zip(loss.parameters(), double.parameters(), strict=True)]
    for leaf, copy in pairs:
        if copy.grad is None:
            assert leaf.grad is None or leaf.grad.abs().max() == 0
        else:
            torch.testing.assert_close(leaf.grad.double(), copy.grad, atol=1e-5, rtol=1e-4)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    videos=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 4)), min_size=1, max_size=3),
    num_classes=st.integers(1, 4),
    num_streams=st.integers(1, 2),
    dilation=st.integers(0, 4),
    with_cls=st.booleans(),
)
def test_agrees_with_the_loops_in_value_and_gradient(seed, videos, num_classes, num_streams, dilation, with_cls):
    lengths, num_events = zip(*videos, strict=True)
    names = ['visual', 'audio'][:num_streams]
    batch = random_batch(seed, lengths, num_classes, 6, names, num_events, with_cls=with_cls)
    loss = make_loss(num_classes, 6, names, seed, dilation=dilation, negative_divisor=4)
    assert_agrees_with_oracle(loss, *batch)


@pytest.mark.parametrize('names', [['visual', 'audio'], ['audio']])
@pytest.mark.parametrize(
    'case',
    [
        dict(lengths=[40, 25], num_events=[6, 6]),  # many overlaps
        dict(lengths=[40, 25, 8], num_events=[3, 0, 0]),  # empty videos
        dict(lengths=[33], num_events=[2]),  # one video
        dict(lengths=[16, 9], num_events=[0, 0], one_class=True),  # one class everywhere: no negatives
        dict(lengths=[1, 1], num_events=[1, 0]),  # one step
    ],
)
def test_agrees_with_the_loops_in_the_extreme_cases(case, names):
    assert_agrees_with_oracle(
        make_loss(3, 6, names), *random_batch(1, num_classes=3, dims=6, names=names, with_cls=True, **case)
    )


def test_mining_takes_the_steps_that_the_rule_names():
    labels = torch.zeros(1, 2, 16, dtype=torch.bool)
    labels[0, 0, 5:7] = True
    mask = (torch.arange(16) < 15)[None]
    class_logits = torch.zeros(1, 2, 16)
    class_logits[0, 1] = 1.0  # every step is taken for class 1 …
    class_logits[0, 0, [1, 7, 11, 15]] = 2.0  # … but these for class 0
    class_logits[0, 0, 13] = 0.9
    score_logits = torch.zeros(1, 16)
    score_logits[0, 11] = 1.0
    index, valid = mine_hard_negatives(labels, mask, score_logits, class_logits, dilation=2, divisor=4)
    # Class 0: 11 and 1 are taken for it (11 scores higher; 7 is too near, 15 padded), then 13 by its class score.
    assert index[0, 0][valid[0, 0]].tolist() == [11, 1, 13]
    assert valid.sum(2).tolist() == [[3, 3]]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 60), events=st.integers(0, 8), dilation=st.integers(0, 5))
def test_a_step_where_the_class_happens_is_never_mined(seed, length, events, dilation):
    streams, mask, labels, _ = random_batch(seed, [length, 60], 3, 3, ['x'], [events, 2])
    labels = labels.transpose(1, 2)
    logits = streams['x'].transpose(1, 2)
    index, valid = mine_hard_negatives(labels, mask, logits[:, 0], logits, dilation, 4)
    assert not (labels.gather(2, index) & valid).any()
    assert not (~mask[:, None].expand(-1, 3, -1).gather(2, index) & valid).any()
    assert (valid.sum(2) <= (mask.sum(1) // 4).clamp(min=1)[:, None]).all()


def test_a_batch_without_events_gives_zero_intra_with_gradient():
    loss = make_loss(3, 6, ['visual', 'audio'])
    streams, mask, labels, cls = random_batch(0, [20, 12], 3, 6, ['visual', 'audio'], [0, 0])
    terms = loss(streams, mask, labels, cls)
    optimised(terms).backward()
    assert terms['loss_intra'].item() == 0 and terms['num_negatives'].item() == 0
    assert terms['hard_negatives'].item() == 0
    for name, parameter in loss.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_hard_negatives_are_those_more_similar_than_the_positive():
    loss = ScoreContrastiveLoss(1, 2, ['visual', 'audio'], proj_dims=2, dilation=0, negative_divisor=2)
    for projection in loss.projections.values():
        torch.nn.init.eye_(projection.weight)
    for head in loss.score_heads.values():
        head.weight.data = torch.tensor([[1.0, 0.0]])
    visual = torch.tensor([[[1.0, 0], [1, 0.1], [0.5, 1], [-1, 0]]])  # event, cosine 0.99, 0.45, −1
    audio = torch.tensor([[[1.0, 1], [-1, -1], [-1, 0], [0, -1]]])  # the event is at 45°: cosine 0.71 with visual's
    labels = torch.tensor([[[True], [False], [False], [False]]])
    terms = loss(dict(visual=visual, audio=audio), torch.ones(1, 4, dtype=torch.bool), labels)
    # Mined by score: visual steps 1 and 2, audio step 3 and another. Only visual step 1 is harder than 0.71.
    assert terms['num_positives'].item() == 1 and terms['num_negatives'].item() == 4
    assert terms['hard_negatives'].item() == 0.25


def test_the_logit_scale_stays_below_its_bound():
    loss = make_loss(3, 6, ['x'])
    loss.logit_scale.data.fill_(9.0)
    streams, mask, labels, _ = random_batch(3, [20], 3, 6, ['x'], [2])
    optimised(loss(streams, mask, labels)).backward()
    assert loss.logit_scale.item() == pytest.approx(math.log(100))
    assert loss.logit_scale.grad.abs() > 0


def test_half_precision_features_under_autocast_are_computed_in_float32():
    names = ['visual', 'audio']
    loss = make_loss(3, 6, names)
    streams, mask, labels, cls = random_batch(0, [20, 13], 3, 6, names, [3, 2])
    halves = [{name: x.bfloat16() for name, x in group.items()} for group in (streams, cls)]
    with torch.autocast(mask.device.type, dtype=torch.bfloat16):
        terms = loss(halves[0], mask, labels, halves[1])
    expected = loss(
        {k: x.float() for k, x in halves[0].items()}, mask, labels, {k: x.float() for k, x in halves[1].items()}
    )
    for name, value in terms.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, expected[name])


def test_streams_may_differ_in_width():
    loss = MODELS.build(
        dict(
            type='mmdel.ScoreContrastiveLoss',
            num_classes=2,
            embed_dims=dict(visual=6, audio=4),
            streams=['visual', 'audio'],
        )
    )
    wide, mask, labels, _ = random_batch(0, [20, 13], 2, 6, ['visual'], [3, 2])
    narrow = random_batch(1, [20, 13], 2, 4, ['audio'], [3, 2])[0]
    assert optimised(loss({**wide, **narrow}, mask, labels)).isfinite()


@pytest.mark.parametrize('streams', [[], ['a', 'b', 'c'], ['a', 'a']])
def test_other_than_one_or_two_streams_are_refused(streams):
    with pytest.raises(ValueError, match='one or two streams'):
        ScoreContrastiveLoss(3, 6, streams)
