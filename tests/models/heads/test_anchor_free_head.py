import copy
import math

import pytest
import torch
from meta_device import run_on_meta
from mmengine.structures import InstanceData
from ragged import pyramids_of, ragged_pyramids, stir
from torch import nn

from mmdel.models.heads import EventHead
from mmdel.models.losses import sigmoid_focal_loss
from mmdel.models.losses.segment_iou import segment_diou_loss
from mmdel.registry import MODELS
from mmdel.structures import FeatureGrid

INF = float('inf')
NUM_CLASSES, CHANNELS = 3, 6
LENGTHS = [16, 8, 4]
KEEP_ALL = dict(type='mmdel.SegmentNMS', method=None, max_num=2000)
TRIDENT = dict(type='mmdel.TridentRegressor', num_bins=4)
FORMS = [dict(), dict(class_aware=False), dict(class_aware=False, regressor=TRIDENT, iou_power=0.2)]


def build(class_aware=True, loss_weight=1.0, nms=KEEP_ALL, num_classes=NUM_CLASSES, **kwargs):
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='mmdel.AnchorFreeHead',
            num_classes=num_classes,
            in_channels=CHANNELS,
            feat_channels=8,
            class_aware=class_aware,
            point_generator=dict(type='mmdel.PointGenerator', regress_ranges=[(0, 4), (4, 8), (8, INF)]),
            assigner=dict(type='mmdel.PointAssigner'),
            loss_reg=dict(type='mmdel.DIoULoss', loss_weight=loss_weight),
            nms=nms,
            **kwargs,
        )
    )


def pyramid(lengths=(16,)):
    feats, masks = ragged_pyramids(dict(joint=CHANNELS), lengths, num_levels=3, dtype=torch.float32)
    return feats['joint'], masks


def all_valid(batch=1):
    return tuple(torch.ones(batch, length, dtype=torch.bool) for length in LENGTHS)


def blank(class_aware=True, batch=1):
    """Outputs in which nothing scores: (B, P, C) logits, (B, P, R, 2) offsets."""
    num_points = sum(LENGTHS)
    num_regressions = NUM_CLASSES if class_aware else 1
    return torch.full((batch, num_points, NUM_CLASSES), -20.0), torch.zeros(batch, num_points, num_regressions, 2)


def perfect(events, masks, class_aware=True, height=20.0):
    """The outputs that say exactly what a naive assignment wants, by a loop over points and events."""
    logits, offsets = (item[0] for item in blank(class_aware))
    point = 0
    for level, mask in enumerate(masks):
        low, high = [(0, 4), (4, 8), (8, INF)][level]
        for step in range(mask.shape[1]):
            time = step * 2**level
            for start, end, label in sorted(events, key=lambda e: e[0] - e[1]):  # the shortest is written last
                if start <= time <= end and low <= max(time - start, end - time) <= high:
                    if not class_aware:
                        logits[point] = -height
                    logits[point, label] = height
                    slot = label if class_aware else 0
                    offsets[point, slot] = torch.tensor([time - start, end - time]) / 2**level
            point += 1
    return logits[None], offsets[None]


class TestForward:
    def test_it_is_what_a_detector_needs(self):
        assert isinstance(build(), EventHead) and build().num_levels == 3
        assert not isinstance(nn.Linear(1, 1), EventHead)

    @pytest.mark.parametrize('form', FORMS, ids=str)
    def test_shapes_and_prior(self, form):
        head = build(**form, prior_prob=0.02)
        feats, masks = pyramid([16, 9])
        nn.init.zeros_(head.cls_tower.last.weight)
        logits, offsets = head(feats, masks)
        num_regressions = NUM_CLASSES if form != FORMS[1] else 1
        assert offsets.shape == (2, sum(LENGTHS), num_regressions, 2) and (offsets >= 0).all()
        valid = torch.cat(masks, dim=1)
        torch.testing.assert_close(logits[valid].sigmoid(), torch.full((int(valid.sum()), NUM_CLASSES), 0.02))

    @pytest.mark.parametrize('form', FORMS, ids=str)
    def test_padding_never_changes_a_valid_point(self, form):
        head = stir(build(**form))
        feats, masks = ragged_pyramids(dict(joint=CHANNELS), [11, 3], num_levels=3, total=25)
        outputs = head(feats['joint'], masks)
        for video in range(2):
            alone, alone_masks = pyramids_of(feats, masks, video)
            for actual, expected in zip(outputs, head(alone['joint'], alone_masks), strict=True):
                torch.testing.assert_close(actual[video][torch.cat(masks, dim=1)[video]], expected[0])

    def test_the_regressor_must_fit_the_head(self):
        with pytest.raises(ValueError, match=r'head\.regressor\.num_classes is 4 in the config, but 3 follows'):
            build(regressor=dict(TRIDENT, num_classes=4))


class TestPredict:
    @pytest.mark.parametrize('class_aware', [True, False])
    @pytest.mark.parametrize(
        'events',
        [
            [(2.0, 5.0, 1)],
            [(0.0, 15.0, 2), (3.5, 6.25, 0), (10.0, 10.5, 1)],
            [(1.0, 9.0, 0), (2.0, 9.5, 1), (4.0, 15.5, 2)],
        ],
    )
    def test_planted_events_come_back_exactly(self, class_aware, events, make_sample):
        grid = FeatureGrid(stride=8, window=24, fps=25)
        head = build(class_aware, nms=dict(type='mmdel.SegmentNMS', method='hard', iou_threshold=0.95))
        masks = all_valid()
        (result,) = head.predict_by_feat(*perfect(events, masks, class_aware), masks, [make_sample(events, grid=grid)])
        found = sorted(zip(result.labels.tolist(), result.segments_sec.tolist(), strict=True))
        expected = sorted((label, [grid.to_sec(start), grid.to_sec(end)]) for start, end, label in events)
        assert [label for label, _ in found] == [label for label, _ in expected]
        for (_, actual), (_, wanted) in zip(found, expected, strict=True):
            assert actual == pytest.approx(wanted, abs=1e-4)
        assert (result.scores > 0.999).all()

    def test_a_class_reads_its_own_offsets(self, make_sample):
        head, (logits, offsets) = build(True), blank(True)
        logits[0, 4, 0], logits[0, 4, 2], logits[0, 9, 2] = 3.0, 2.0, 1.0
        offsets[0, 4] = torch.tensor([[1.0, 2.0], [9.0, 9.0], [3.0, 4.0]])
        offsets[0, 9, 2] = torch.tensor([0.5, 0.25])
        (result,) = head.predict_by_feat(logits, offsets, all_valid(), [make_sample()])
        assert result.labels.tolist() == [0, 2, 2]
        torch.testing.assert_close(result.scores, torch.tensor([3.0, 2.0, 1.0]).sigmoid())
        # A step of the sample's grid is a second, and the middle of step 0 is half a second.
        torch.testing.assert_close(result.segments_sec, torch.tensor([[3.5, 6.5], [1.5, 8.5], [9.0, 9.75]]))

    def test_seconds_are_those_of_the_grid_clipped_to_the_video(self, make_sample):
        grid = FeatureGrid(stride=8, window=24, fps=25, start_frames=80)
        head, (logits, offsets) = build(), blank()
        logits[0, 3, 0], logits[0, 9, 1], logits[0, 15, 2] = 3.0, 2.0, 1.0
        offsets[0, 3, 0] = torch.tensor([30.0, 1.0])
        offsets[0, 9, 1] = torch.tensor([2.0, 3.0])
        offsets[0, 15, 2] = torch.tensor([1.0, 99.0])
        (result,) = head.predict_by_feat(logits, offsets, all_valid(), [make_sample(grid=grid, duration_sec=9.0)])
        seconds = [[(80 + 8 * t + 12) / 25 for t in times] for times in ([0, 4], [7, 12], [14, 0])]
        expected = [[0.0, seconds[0][1]], seconds[1], [seconds[2][0], 9.0]]
        torch.testing.assert_close(result.segments_sec, torch.tensor(expected))

    def test_short_ones_and_low_scores_are_dropped(self, make_sample):
        head, (logits, offsets) = build(min_length=0.5, pre_nms_score=0.2), blank()
        for point, (score, length) in enumerate([(0.9, 0.4), (0.8, 0.6), (0.7, 3.0), (0.21, 3.0), (0.19, 3.0)]):
            logits[0, point, 0] = math.log(score / (1 - score))
            offsets[0, point, 0] = length / 2
        (result,) = head.predict_by_feat(logits, offsets, all_valid(), [make_sample()])
        torch.testing.assert_close(result.scores, torch.tensor([0.8, 0.7, 0.21]))

    def test_only_the_best_candidates_go_on(self, make_sample):
        head = build(pre_nms_num=4)
        logits, offsets = torch.randn(2, sum(LENGTHS), NUM_CLASSES), torch.ones(2, sum(LENGTHS), NUM_CLASSES, 2)
        results = head.predict_by_feat(logits, offsets, all_valid(2), [make_sample(), make_sample()])
        for result, video in zip(results, logits, strict=True):
            torch.testing.assert_close(result.scores, video.sigmoid().flatten().sort(descending=True).values[:4])

    def test_invalid_points_never_speak(self, make_sample):
        head, masks = build(), pyramid([16, 5])[1]
        logits = torch.full((2, sum(LENGTHS), NUM_CLASSES), 5.0)
        offsets = torch.ones(2, sum(LENGTHS), NUM_CLASSES, 2)
        results = head.predict_by_feat(logits, offsets, masks, [make_sample(), make_sample(num_steps=5)])
        assert [len(result.scores) for result in results] == [NUM_CLASSES * 28, NUM_CLASSES * (5 + 3 + 2)]

    def test_nothing_found_is_an_empty_result(self, make_sample):
        (result,) = build().predict_by_feat(*blank(), all_valid(), [make_sample()])
        assert result.segments_sec.shape == (0, 2) and result.scores.shape == result.labels.shape == (0,)

    @pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
    @pytest.mark.parametrize('form', FORMS, ids=str)
    def test_behind_half_precision_outputs_all_is_float32(self, make_sample, device, form, dtype):
        """Losses, normalizer, scores, times, suppression and voting under autocast, to the last digit."""
        nms = dict(type='mmdel.SegmentNMS', voting_threshold=0.5)
        head = build(nms=nms, balance_losses=True, pre_nms_score=0.0, **{'iou_power': 0.2, **form})
        other = copy.deepcopy(head)
        samples = [make_sample([(1.3, 5.9, 0), (2.0, 14.2, 2), (7.1, 9.8, 1)]), make_sample([(0.2, 15.1, 1)])]
        logits, offsets = (torch.randn_like(x) for x in blank(head.regressor.num_regressions > 1, batch=2))
        logits, offsets = logits.to(dtype), (4 * offsets.abs()).to(dtype)
        with torch.autocast(device.type, dtype):
            losses = head.loss_by_feat(logits, offsets, all_valid(2), samples)
            found = head.predict_by_feat(logits, offsets, all_valid(2), samples)
        expected = other.loss_by_feat(logits.float(), offsets.float(), all_valid(2), samples)
        assert losses.keys() == expected.keys() and all(torch.equal(losses[key], expected[key]) for key in expected)
        assert torch.equal(head.loss_normalizer, other.loss_normalizer) and head.loss_normalizer != 100
        wanted = other.predict_by_feat(logits.float(), offsets.float(), all_valid(2), samples)
        for one, two in zip(found, wanted, strict=True):
            assert len(one.scores) > 20
            assert all(torch.equal(one[key], two[key]) for key in ('segments_sec', 'scores', 'labels'))

    def test_half_precision_outputs_are_decoded_in_float32(self, make_sample):
        head, (logits, offsets) = build(), blank()
        logits[0, 15, 1] = 2.0
        offsets[0, 15, 1] = 1.0078125  # exact in bfloat16; 15 − 1.0078125 is not
        (result,) = head.predict_by_feat(logits.bfloat16(), offsets.bfloat16(), all_valid(), [make_sample()])
        assert result.segments_sec.dtype == result.scores.dtype == torch.float32
        torch.testing.assert_close(result.segments_sec, torch.tensor([[14.4921875, 16.5]]))


class TestVideoScores:
    def test_an_event_is_repeated_for_the_best_classes_of_its_video(self, make_sample):
        head, (logits, offsets) = build(False, video_score_topk=2), blank(False)
        logits[0, 4, 0], logits[0, 9, 0] = 3.0, 1.0
        offsets[0, 4], offsets[0, 9] = 1.0, 2.0
        sample = make_sample()
        sample.video_scores = torch.tensor([0.01, 0.9, 0.4])
        (result,) = head.predict_by_feat(logits, offsets, all_valid(), [sample])
        products = [(0.9, 3.0, 1, 4), (0.9, 1.0, 1, 9), (0.4, 3.0, 2, 4), (0.4, 1.0, 2, 9)]
        wanted = sorted([(math.sqrt(p / (1 + math.exp(-x))), label, t) for p, x, label, t in products], reverse=True)
        torch.testing.assert_close(result.scores, torch.tensor([score for score, _, _ in wanted]))
        assert result.labels.tolist() == [label for _, label, _ in wanted]
        reach = {4: [3.5, 5.5], 9: [7.5, 11.5]}
        torch.testing.assert_close(result.segments_sec, torch.tensor([reach[t] for _, _, t in wanted]))

    def test_a_single_class_takes_events_of_every_label(self, make_sample):
        events = [(2.0, 5.0, 7), (0.0, 14.0, 150)]
        head, masks = build(False, num_classes=1), all_valid()
        outputs = torch.randn(1, sum(LENGTHS), 1), torch.rand(1, sum(LENGTHS), 1, 2)
        losses = head.loss_by_feat(*outputs, masks, [make_sample(events)])
        head = build(False, num_classes=1)
        same = head.loss_by_feat(*outputs, masks, [make_sample([(*event[:2], 0) for event in events])])
        assert losses == same and losses['num_pos'] > 0


class TestLoss:
    EVENTS = ((2.0, 5.0, 1), (3.0, 12.0, 0), (0.0, 14.0, 1))

    @pytest.mark.parametrize('class_aware', [True, False])
    def test_a_perfect_prediction_costs_nothing(self, class_aware, make_sample):
        head, masks = build(class_aware), all_valid()
        losses = head.loss_by_feat(*perfect(self.EVENTS, masks, class_aware), masks, [make_sample(self.EVENTS)])
        assert losses['num_pos'] > 5
        assert losses['loss_cls'] < 1e-5 and losses['loss_reg'] < 1e-5

    def test_values_by_hand(self, make_sample):
        """One event of 0.5 steps around time 3: a single positive point, at the finest level."""
        head, masks = build(normalizer_init=10.0).eval(), all_valid()
        logits, offsets = torch.randn(1, 28, NUM_CLASSES), torch.rand(1, 28, NUM_CLASSES, 2)
        losses = head.loss_by_feat(logits, offsets, masks, [make_sample([(2.75, 3.25, 2)])])
        targets = torch.zeros(1, 28, NUM_CLASSES)
        targets[0, 3, 2] = 1.0
        pred = torch.stack([3 - offsets[0, 3, 2, 0], 3 + offsets[0, 3, 2, 1]])
        assert losses['num_pos'] == 1
        torch.testing.assert_close(losses['loss_cls'], sigmoid_focal_loss(logits, targets).sum() / 10)
        torch.testing.assert_close(losses['loss_reg'], segment_diou_loss(pred, torch.tensor([2.75, 3.25])) / 10)

    def test_padding_and_padded_events_cost_nothing(self, make_sample):
        head = build().eval()
        masks = pyramid([16, 16])[1]
        outputs = torch.randn(2, 28, NUM_CLASSES), torch.rand(2, 28, NUM_CLASSES, 2)
        samples = [make_sample(self.EVENTS), make_sample(self.EVENTS[:1])]
        both = head.loss_by_feat(*outputs, masks, samples)
        each = [
            head.loss_by_feat(*(x[i : i + 1] for x in outputs), tuple(m[i : i + 1] for m in masks), samples[i : i + 1])
            for i in range(2)
        ]
        for key in both:
            torch.testing.assert_close(both[key], each[0][key] + each[1][key])

        short = pyramid([16, 0])[1]
        padded = head.loss_by_feat(*outputs, short, samples)
        for key in both:
            torch.testing.assert_close(padded[key], each[0][key])

    @pytest.mark.parametrize('form', FORMS, ids=str)
    def test_points_in_an_ignored_event_and_in_no_true_one_teach_nothing(self, form, make_sample):
        head, masks = build(**form).eval(), all_valid(2)
        ignored = [(4.0, 9.0), (-3.0, 0.5)]
        samples = [make_sample([(2.0, 5.0, 1)]), make_sample()]  # the second knows of no ignored events
        samples[0].ignored_instances = InstanceData(segments=torch.tensor(ignored))
        times = [step * 2**level for level, length in enumerate(LENGTHS) for step in range(length)]
        left_out = torch.tensor([5 < time <= 9 or time == 0 for time in times])
        outputs = [x.repeat(2, *[1] * (x.dim() - 1)).requires_grad_() for x in blank(form != FORMS[1])]
        outputs[0] = torch.zeros_like(outputs[0], requires_grad=True)
        head.loss_by_feat(*outputs, masks, samples)['loss_cls'].backward()
        touched = outputs[0].grad.abs().sum(2) > 0
        assert touched[1].all() and torch.equal(touched[0], ~left_out)

    @pytest.mark.parametrize('form', FORMS, ids=str)
    def test_gradient_reaches_every_parameter(self, form, make_sample):
        head = build(**form)
        losses = head.loss(*pyramid(), [make_sample(self.EVENTS)])
        (losses['loss_cls'] + losses['loss_reg']).backward()
        assert [name for name, p in head.named_parameters() if not p.grad.abs().sum() > 0] == []

    @pytest.mark.parametrize('form', FORMS, ids=str)
    def test_a_batch_without_events_has_finite_losses_and_gradients(self, form, make_sample):
        head = build(**form)
        losses = head.loss(*pyramid([16, 9]), [make_sample(), make_sample()])
        (losses['loss_cls'] + losses['loss_reg']).backward()
        assert losses['loss_reg'] == 0 and losses['loss_cls'] > 0 and losses['num_pos'] == 0
        assert all(param.grad is not None and param.grad.isfinite().all() for param in head.parameters())

    @pytest.mark.parametrize('weight', [0.0, 2.0])
    def test_the_weight_of_the_regression_is_a_factor_and_0_is_off(self, weight, make_sample):
        feats, masks = pyramid()
        plain, weighted = build(), build(loss_weight=weight)
        losses, changed = (head.loss(feats, masks, [make_sample(self.EVENTS)]) for head in (plain, weighted))
        torch.testing.assert_close(changed['loss_reg'], weight * losses['loss_reg'])
        torch.testing.assert_close(changed['loss_cls'], losses['loss_cls'])
        for terms in (losses, changed):
            (terms['loss_cls'] + terms['loss_reg']).backward()
        for name in ('regressor.tower.scales', 'regressor.tower.convs.0.weight'):
            torch.testing.assert_close(
                weighted.get_parameter(name).grad, weight * plain.get_parameter(name).grad, msg=name
            )

    def test_the_regression_is_balanced_against_the_classification(self, make_sample):
        feats, masks = pyramid()
        plain, balanced = build(), build(balance_losses=True)
        before = plain.loss(feats, masks, [make_sample(self.EVENTS)])
        after = balanced.loss(feats, masks, [make_sample(self.EVENTS)])
        torch.testing.assert_close(after['loss_reg'], before['loss_cls'])
        # A factor, not a function: the gradient is that of the plain loss times it, and none reaches the other tower.
        before['loss_reg'].backward()
        after['loss_reg'].backward()
        factor = (before['loss_cls'] / before['loss_reg']).detach()
        scales, expected = (head.regressor.tower.scales.grad for head in (balanced, plain))
        torch.testing.assert_close(scales, expected * factor)
        assert balanced.cls_tower.last.bias.grad is None

    def test_an_all_but_perfect_regression_is_not_blown_up(self, make_sample):
        head, masks = build(balance_losses=True), all_valid()
        logits, offsets = perfect(self.EVENTS, masks)
        losses = head.loss_by_feat(torch.zeros_like(logits), offsets * 1.001, masks, [make_sample(self.EVENTS)])
        assert 0 < losses['loss_reg'] < 0.1 * losses['loss_cls']

    def test_positives_count_their_tiou_to_the_power(self, make_sample):
        masks, sample = all_valid(), make_sample([(2.0, 5.0, 0)])
        logits, offsets = blank()
        logits[0, 2:6, 0] = 0.0  # of the negatives nothing is left, of the positives 0.25 · 0.25 · log 2 each
        offsets[0, 3, 0] = torch.tensor([1.0, 2.0])  # exactly (2, 5)
        offsets[0, 4, 0] = torch.tensor([2.0, 4.0])  # (2, 8): tIoU 1 / 2; points 2 and 5 say nothing: 0
        offsets.requires_grad_()
        weighted, full = (
            build(iou_power=power).eval().loss_by_feat(logits, offsets, masks, [sample])['loss_cls']
            for power in (0.5, 0.0)
        )
        assert float(weighted / full) == pytest.approx((1 + math.sqrt(0.5)) / 4, abs=1e-4)
        assert not weighted.requires_grad  # the weight teaches nothing

    def test_each_label_of_a_point_regresses_with_offsets_of_its_own_class(self, make_sample):
        """Two events of one place: both classes of the points are regressed, the third is not."""
        head, masks = build(class_aware=False, regressor=TRIDENT), all_valid()
        sample = make_sample([(2.0, 5.0, 0), (2.0, 5.0, 2)])
        offsets = torch.rand(1, 28, NUM_CLASSES, 2, requires_grad=True)
        losses = head.loss_by_feat(torch.zeros(1, 28, NUM_CLASSES), offsets, masks, [sample])
        losses['loss_reg'].backward()
        touched = offsets.grad.abs().sum(-1)[0] > 0
        assert touched[2:6, [0, 2]].all() and not touched[:, 1].any() and not touched[6:].any()
        assert losses['num_pos'] == 4

    @pytest.mark.parametrize('form', FORMS, ids=str)
    def test_nothing_is_made_beside_the_device_or_waited_for(self, form, make_sample):
        class Losses(nn.Module):
            def __init__(self):
                super().__init__()
                self.head = build(**form)

            def forward(self, *args):
                return self.head.loss(*args)

        losses = run_on_meta(Losses(), *pyramid([16, 9]), [make_sample(self.EVENTS), make_sample()])
        assert all(value.is_meta for value in losses.values())


class TestNormalizer:
    EVENTS = ((2.75, 3.25, 2), (6.75, 7.25, 0), (10.75, 11.25, 1))  # each with one positive point

    def run(self, head, make_sample, num_events):
        return head.loss_by_feat(*blank(), all_valid(), [make_sample(self.EVENTS[:num_events])])

    def test_it_is_a_moving_average_of_the_positives_in_training(self, make_sample):
        head = build(normalizer_init=100.0)
        expected = 100.0
        for num_events in (3, 1, 0, 2):
            losses = self.run(head, make_sample, num_events)
            assert losses['num_pos'] == num_events
            expected = 0.9 * expected + 0.1 * max(num_events, 1)
            assert head.loss_normalizer.item() == pytest.approx(expected)
        self.run(head.eval(), make_sample, 3)
        assert head.loss_normalizer.item() == pytest.approx(expected)  # it rests

    def test_it_lives_in_the_checkpoint(self, make_sample):
        head, fresh = build(), build()
        self.run(head, make_sample, 3)
        fresh.load_state_dict(head.state_dict())
        assert fresh.loss_normalizer == head.loss_normalizer != build().loss_normalizer
        assert 'loss_normalizer' not in dict(head.named_parameters())
