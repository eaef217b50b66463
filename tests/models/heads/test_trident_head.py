import math

import pytest
import torch

from mmdel.models.heads.trident_head import expected_distances
from mmdel.registry import MODELS

NUM_CLASSES, CHANNELS, BINS = 3, 6, 4


def build(**kwargs):
    torch.manual_seed(0)
    default = dict(
        type='mmdel.TridentHead',
        num_classes=NUM_CLASSES,
        in_channels=CHANNELS,
        feat_channels=8,
        num_bins=BINS,
        point_generator=dict(type='mmdel.PointGenerator', regress_ranges=[(0, 4), (4, 8), (8, 10000)]),
        assigner=dict(type='mmdel.PointAssigner'),
        nms=dict(type='mmdel.SegmentNMS', method=None, max_num=2000),
    )
    return MODELS.build({**default, **kwargs})


def pyramid(lengths, total=None):
    mask = torch.arange(total or max(lengths)) < torch.tensor(lengths)[:, None]
    masks = (mask, mask[:, ::2], mask[:, ::4])
    return tuple(torch.randn(len(mask), CHANNELS, mask.shape[1]) for mask in masks), masks


def softmax(values):
    exponents = [math.exp(value) for value in values]
    return [value / sum(exponents) for value in exponents]


def naive_distances(start, end, centre):
    """The formula by loops, for one video: (T, C), (T, C), (T, 2, K + 1)."""
    num_steps, num_classes, num_bins = *start.shape, centre.shape[-1] - 1
    out = torch.zeros(num_steps, num_classes, 2)
    for t in range(num_steps):
        for c in range(num_classes):
            before = [float(start[t - b, c]) if t - b >= 0 else 0.0 for b in range(num_bins + 1)]
            after = [float(end[t + b, c]) if t + b < num_steps else 0.0 for b in range(num_bins + 1)]
            for side, boundary in enumerate((before, after)):
                probability = softmax([x + float(centre[t, side, b]) for b, x in enumerate(boundary)])
                out[t, c, side] = sum(b * p for b, p in enumerate(probability))
    return out


@pytest.mark.parametrize('num_steps', [1, 3, 12])
def test_distances_are_the_formulas(num_steps):
    torch.manual_seed(0)
    start, end = torch.randn(2, num_steps, NUM_CLASSES), torch.randn(2, num_steps, NUM_CLASSES)
    centre = torch.randn(2, num_steps, 2, BINS + 1)
    actual = expected_distances(start, end, centre)
    for video in range(2):
        torch.testing.assert_close(actual[video], naive_distances(start[video], end[video], centre[video]))


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_distances_are_exact_under_autocast(dtype):
    """Far below the 1/16 of a step that lies between two bfloat16 numbers near 16."""
    torch.manual_seed(0)
    logits = [torch.randn(1, 20, 2), torch.randn(1, 20, 2), torch.randn(1, 20, 2, 17)]
    logits = [x.to(dtype) for x in logits]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        actual = expected_distances(*logits)
    expected = naive_distances(*(x[0].float() for x in logits))
    torch.testing.assert_close(actual[0], expected, atol=5e-4, rtol=0)


def test_sure_boundaries_are_found_where_they_are():
    """An event from step 3 to step 8: what each step in reach says, by hand."""
    start, end = torch.zeros(1, 12, 1), torch.zeros(1, 12, 1)
    start[0, 3], end[0, 8] = 50.0, 50.0
    distances = expected_distances(start, end, torch.zeros(1, 12, 2, BINS + 1))[0, :, 0]
    torch.testing.assert_close(distances[3:8, 0], torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0]))
    torch.testing.assert_close(distances[4:9, 1], torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0]))
    # Out of reach every distance is as probable as any other.
    assert distances[10, 0] == distances[0, 1] == BINS / 2


def test_the_point_itself_may_choose_the_distance():
    centre = torch.zeros(1, 2, 2, BINS + 1)
    centre[0, 0, 0, 3], centre[0, 0, 1, 1] = 50.0, 50.0
    distances = expected_distances(torch.zeros(1, 2, 1), torch.zeros(1, 2, 1), centre)
    torch.testing.assert_close(distances[0, 0, 0], torch.tensor([3.0, 1.0]))


def test_neighbours_are_those_of_the_same_level():
    """A level's offsets do not change with the other levels."""
    head, (feats, masks) = build().eval(), pyramid([13])
    _, offsets = head(feats, masks)
    other = tuple(torch.randn_like(feat) if level != 1 else feat for level, feat in enumerate(feats))
    _, changed = head(other, masks)
    second = slice(13, 13 + 7)
    torch.testing.assert_close(offsets[:, second], changed[:, second])
    assert not torch.allclose(offsets[:, :13], changed[:, :13])


def test_shapes_and_reach():
    head, (feats, masks) = build(), pyramid([16, 9])
    logits, offsets = head(feats, masks)
    assert logits.shape == (2, 28, NUM_CLASSES) and offsets.shape == (2, 28, NUM_CLASSES, 2)
    assert (offsets >= 0).all() and (offsets <= BINS).all()


def test_padding_never_changes_a_valid_point():
    head, (feats, masks) = build().eval(), pyramid([13, 5], total=20)
    outputs = head(feats, masks)
    for video, length in enumerate([13, 5]):
        sizes = [length, -(-length // 2), -(-length // 4)]
        alone = head(
            tuple(feat[video : video + 1, :, :size] for feat, size in zip(feats, sizes, strict=True)),
            tuple(mask[video : video + 1, :size] for mask, size in zip(masks, sizes, strict=True)),
        )
        valid = torch.cat(masks, dim=1)[video]
        for actual, expected in zip(outputs, alone, strict=True):
            torch.testing.assert_close(actual[video][valid], expected[0], atol=1e-5, rtol=1e-4)


def test_gradient_reaches_every_parameter(make_sample):
    head, (feats, masks) = build(), pyramid([16])
    losses = head.loss(feats, masks, [make_sample([(2.0, 5.0, 1), (1.0, 14.0, 0)])])
    (losses['loss_cls'] + losses['loss_reg']).backward()
    assert [name for name, p in head.named_parameters() if not p.grad.abs().sum() > 0] == []


def test_boundary_branches_learn_but_do_not_teach_the_features():
    head, (feats, masks) = build(), pyramid([16])
    feats = tuple(feat.requires_grad_() for feat in feats)
    for parameter in head.reg_tower.parameters():
        parameter.data.zero_()  # the centre branch is constant: what is left comes from the boundary branches
    head(feats, masks)[1].square().sum().backward()
    assert head.start_tower.last.weight.grad.any() and head.end_tower.last.weight.grad.any()
    assert not any(feat.grad is not None and feat.grad.any() for feat in feats)


def test_each_label_of_a_point_regresses_with_offsets_of_its_own_class(make_sample):
    """Two events of one place and different classes: both classes of the points are regressed, the third is not."""
    head, masks = build(), pyramid([16])[1]
    sample = make_sample([(2.0, 5.0, 0), (2.0, 5.0, 2)])
    logits = torch.zeros(1, 28, NUM_CLASSES)
    offsets = torch.rand(1, 28, NUM_CLASSES, 2, requires_grad=True)
    losses = head.loss_by_feat(logits, offsets, masks, [sample])
    losses['loss_reg'].backward()
    touched = offsets.grad.abs().sum(-1)[0] > 0
    assert touched[2:6, [0, 2]].all() and not touched[:, 1].any() and not touched[6:].any()
    assert losses['num_pos'] == 4


def test_positives_count_their_tiou_to_the_power(make_sample):
    head, masks = build(iou_power=0.5), pyramid([16])[1]
    plain = build(iou_power=0.0)
    sample = make_sample([(2.0, 5.0, 0)])
    logits = torch.full((1, 28, NUM_CLASSES), -20.0)
    logits[0, 2:6, 0] = 0.0  # of the negatives nothing is left, of the positives 0.25 · 0.25 · log 2 each
    offsets = torch.zeros(1, 28, NUM_CLASSES, 2)
    offsets[0, 3, 0] = torch.tensor([1.0, 2.0])  # exactly (2, 5)
    offsets[0, 4, 0] = torch.tensor([2.0, 4.0])  # (2, 8): tIoU 1 / 2; points 2 and 5 say nothing: 0
    weighted, full = (h.eval().loss_by_feat(logits, offsets, masks, [sample])['loss_cls'] for h in (head, plain))
    assert float(weighted / full) == pytest.approx((1 + math.sqrt(0.5)) / 4, abs=1e-4)


def test_planted_boundaries_are_decoded_to_seconds(make_sample):
    head, masks = build().eval(), pyramid([16])[1]
    logits = torch.full((1, 28, NUM_CLASSES), -20.0)
    logits[0, 5, 1] = 3.0
    start, end = torch.zeros(1, 16, NUM_CLASSES), torch.zeros(1, 16, NUM_CLASSES)
    start[0, 3, 1], end[0, 9, 1] = 50.0, 50.0
    offsets = torch.zeros(1, 28, NUM_CLASSES, 2)
    offsets[:, :16] = expected_distances(start, end, torch.zeros(1, 16, 2, BINS + 1))
    (result,) = head.predict_by_feat(logits, offsets, masks, [make_sample()])
    # A step of the sample's grid is a second, and the middle of step 0 is half a second.
    torch.testing.assert_close(result.segments_sec, torch.tensor([[3.5, 9.5]]))
    assert result.labels.tolist() == [1]
