"""MMAction2's localizers behind mmdel's interface, compared with direct calls of them."""

import numpy as np
import pytest
import torch
from meta_device import run_on_meta
from mmengine.structures import BaseDataElement, InstanceData

from mmdel.models.detectors import MMActionLocalizer, MMActionTCANet
from mmdel.registry import MODELS
from mmdel.structures import FeatureGrid, StreamBatch
from mmdel.utils.errors import UserInputError

LENGTH, CHANNELS = 16, 12
# 16 steps of 0.5 s side by side: 8 s.
GRID = FeatureGrid(stride=4, window=4, fps=8)
BMN = dict(
    type='mmaction.BMN',
    loss_cls=dict(type='mmaction.BMNLoss'),
    temporal_dim=LENGTH,
    feat_dim=CHANNELS,
    boundary_ratio=0.5,
    num_samples=4,
    num_samples_per_bin=2,
    soft_nms_alpha=0.4,
    soft_nms_low_threshold=0.5,
    soft_nms_high_threshold=0.9,
    post_process_top_k=20,
    hidden_dim_1d=8,
    hidden_dim_2d=8,
    hidden_dim_3d=8,
)
TCANET = dict(type='mmaction.TCANet', feat_dim=CHANNELS, se_sample_num=8, action_sample_num=16, temporal_dim=LENGTH)
EVENTS = [(0.5, 4.5, 2), (7.5, 11.5, 0)]
PARTS = [[1.0 / LENGTH, 5.0 / LENGTH], [8.0 / LENGTH, 12.0 / LENGTH]]
STREAMS = ['visual', 'audio']


def batch(**streams):
    mask = torch.ones(next(iter(streams.values())).shape[:2], dtype=torch.bool)
    return StreamBatch(streams, mask)


@pytest.fixture
def sample(make_sample):
    return make_sample(EVENTS, num_steps=LENGTH, grid=GRID, duration_sec=7.9)


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    return batch(visual=torch.randn(1, LENGTH, 8), audio=torch.randn(1, LENGTH, 4))


@pytest.fixture
def bmn():
    torch.manual_seed(0)
    return MMActionLocalizer(BMN, streams=STREAMS).eval()


def joined(inputs):
    return torch.cat([inputs.streams['visual'], inputs.streams['audio']], dim=2)[0].T


def mmaction_sample(boxes, duration=1.0, proposals=None):
    sample = BaseDataElement(metainfo=dict(video_name='video', duration_second=duration, duration_frame=16))
    sample.gt_instances = InstanceData(gt_bbox=torch.tensor(boxes))
    if proposals is not None:
        sample.proposals = InstanceData(proposals=proposals)
    return sample


def test_loss_is_that_of_bmn(bmn, inputs, sample):
    torch.manual_seed(1)
    losses = bmn(inputs, [sample], mode='loss')
    published = MODELS.build(BMN).eval()
    published.load_state_dict(bmn.localizer.state_dict())
    torch.manual_seed(1)
    direct = published([joined(inputs)], [mmaction_sample(PARTS)], mode='loss')
    assert losses.keys() == direct.keys() == {'loss'}
    assert losses['loss'].item() == pytest.approx(direct['loss'].item())


@torch.no_grad()
def test_proposals_are_those_of_bmn_in_seconds(bmn, inputs, sample):
    (predicted,) = bmn(inputs, [sample], mode='predict')
    (direct,) = bmn.localizer([joined(inputs)], [mmaction_sample(PARTS, duration=8.0)], mode='predict')
    segments = np.array([proposal['segment'] for proposal in direct['proposal_list']])
    found = predicted.pred_instances
    np.testing.assert_allclose(found.segments_sec.cpu(), segments.clip(max=7.9), atol=1e-5)  # where the video ends
    np.testing.assert_allclose(
        found.scores.cpu(), [proposal['score'] for proposal in direct['proposal_list']], rtol=1e-5
    )
    assert len(found) > 3 and not found.labels.any()


@torch.no_grad()
def test_videos_of_a_batch_are_independent(bmn, make_sample):
    torch.manual_seed(1)
    inputs = batch(visual=torch.randn(2, LENGTH, 8), audio=torch.randn(2, LENGTH, 4))
    samples = [make_sample(num_steps=LENGTH, grid=GRID) for _ in range(4)]
    together = bmn(inputs, samples[:2], mode='predict')
    for index in range(2):
        one = batch(**{name: x[index : index + 1] for name, x in inputs.streams.items()})
        alone = bmn(one, [samples[2 + index]], mode='predict')
        torch.testing.assert_close(together[index].pred_instances.scores, alone[0].pred_instances.scores)
    assert not torch.equal(together[0].pred_instances.segments_sec, together[1].pred_instances.segments_sec)


def test_a_video_without_events_has_empty_targets(bmn, make_sample):
    packed = bmn._pack(make_sample(num_steps=LENGTH, grid=GRID))
    confidence, start, end = bmn.localizer.generate_labels([packed.gt_instances.gt_bbox, torch.tensor(PARTS)])
    assert not confidence[0].any() and not start[0].any() and not end[0].any()
    assert confidence[1].max() == 1 and start[1].any() and end[1].any()


@pytest.mark.parametrize('events', [[], [(3.0, 3.2, 0)], [(LENGTH + 2.0, LENGTH + 4.0, 0)]], ids=str)
def test_without_a_positive_the_regression_of_bmn_is_zero_and_all_else_as_it_was(events, bmn, inputs, make_sample):
    samples = [make_sample(events, LENGTH, GRID)]
    loss = bmn(inputs, samples, mode='loss')['loss']
    loss.backward()
    confidence, start, end = bmn(inputs)
    published, mask = type(bmn.localizer.loss_cls), bmn.localizer.bm_mask
    targets = bmn.localizer.generate_labels([bmn._pack(samples[0]).gt_instances.gt_bbox])
    overlaps, *boundaries = (x.to(confidence) for x in targets)
    assert published.pem_reg_loss(confidence[:, 0], overlaps, mask).isnan()  # if not, MMAction2 was repaired
    expected = published.tem_loss(start, end, *boundaries) + published.pem_cls_loss(confidence[:, 1], overlaps, mask)
    torch.testing.assert_close(loss, expected)
    assert all(param.grad.isfinite().all() for param in bmn.parameters() if param.requires_grad)


@torch.no_grad()
def test_with_class_scores_of_the_video_they_are_detections(inputs, sample):
    torch.manual_seed(0)
    model = MMActionLocalizer(BMN, streams=STREAMS, video_score_topk=2).eval()
    sample.video_scores = torch.tensor([0.1, 0.9, 0.4])
    found = model(inputs, [sample], mode='predict')[0].pred_instances
    model.video_score_topk = None
    proposals = model(inputs, [sample], mode='predict')[0].pred_instances
    assert set(found.labels.tolist()) == {1, 2} and len(found) == 2 * len(proposals)
    assert (found.scores.diff() <= 0).all()
    best = found.labels == 1
    torch.testing.assert_close(found.segments_sec[best], proposals.segments_sec)
    torch.testing.assert_close(found.scores[best], (proposals.scores * 0.9).sqrt())


@pytest.mark.parametrize('mode', ['loss', 'predict'])
@pytest.mark.parametrize('num_steps', [LENGTH - 1, LENGTH + 1])
def test_another_length_is_refused(bmn, num_steps, mode, make_sample):
    padded = max(num_steps, LENGTH)
    inputs = batch(visual=torch.randn(1, padded, 8), audio=torch.randn(1, padded, 4))
    with pytest.raises(UserInputError, match=rf'needs 16 steps.* has {num_steps}: .*ResizeStreams.*length=16'):
        bmn(inputs, [make_sample(num_steps=num_steps)], mode=mode)


def test_an_unknown_mode_is_refused(bmn, inputs):
    with pytest.raises(ValueError, match="got 'train'"):
        bmn(inputs, mode='train')


@torch.no_grad()
def test_streams_are_read_in_the_order_that_is_given(bmn, inputs):
    expected = bmn(inputs)
    swapped = bmn(batch(**dict(reversed(inputs.streams.items()))))
    bmn.streams = None  # a single stream needs no name
    joint = bmn(batch(joint=inputs.concat(STREAMS)))
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(expected, swapped, joint, strict=True))


@pytest.mark.parametrize('streams', [None, ['visual', 'flow']])
def test_streams_that_are_not_named_or_not_there_are_refused(streams, inputs):
    with pytest.raises(UserInputError, match=r"streams=.* \['audio', 'visual'\]"):
        MMActionLocalizer(BMN, streams=streams)(inputs)


def test_nothing_is_read_back_from_the_device(bmn, inputs):
    assert all(out.is_meta for out in run_on_meta(bmn, inputs))


def test_it_computes_in_float32_under_autocast(bmn, inputs, sample):
    found = []
    for enabled in (False, True):
        torch.manual_seed(1)  # the loss draws its negatives
        with torch.no_grad(), torch.autocast(inputs.mask.device.type, torch.bfloat16, enabled=enabled):
            losses, (result,) = bmn(inputs, [sample], mode='loss'), bmn(inputs, [sample], mode='predict')
        found.append((losses, result.pred_instances.segments_sec, result.pred_instances.scores))
    torch.testing.assert_close(*found)


def test_a_backbone_in_front(inputs, sample):
    """Its finest levels are read, and it learns."""
    backbone = dict(
        type='mmdel.EventAlignedBackbone',
        in_channels=dict(audio=4, visual=8),
        streams=STREAMS,
        embed_dims=8,
        num_levels=2,
        align=dict(num_layers=1),
    )
    with pytest.raises(UserInputError, match='belongs into the backbone'):
        MMActionLocalizer(BMN, streams=STREAMS, backbone=backbone)
    model = MMActionLocalizer({**BMN, 'feat_dim': 16}, backbone=backbone)
    model.eval()
    levels = model.backbone(inputs)[0]
    direct = model.localizer([torch.cat([levels['visual'][0], levels['audio'][0]], 1)[0]], None, mode='tensor')
    for found, expected in zip(model(inputs), direct, strict=True):
        torch.testing.assert_close(found, expected)
    model.train()(inputs, [sample], mode='loss')['loss'].backward()
    assert all(parameter.grad is not None for parameter in model.backbone.align.parameters())


PROPOSALS_SEC = [[4.0, 7.0], [0.0, 8.0], [0.5, 2.0], [3.0, 3.4]]
SCORES = [0.9, 0.7, 0.5, 0.3]


def proposals():
    """(K, 3): parts and score."""
    return torch.cat([torch.tensor(PROPOSALS_SEC) / 8, torch.tensor(SCORES)[:, None]], dim=1)


@pytest.fixture
def refined(sample):
    sample.proposals = InstanceData(segments_sec=torch.tensor(PROPOSALS_SEC), scores=torch.tensor(SCORES))
    return sample


@pytest.fixture
def tcanet():
    torch.manual_seed(0)
    return MMActionTCANet(TCANET, streams=STREAMS).eval()


def test_each_proposal_is_compared_with_the_event_it_overlaps_most(tcanet, inputs, refined):
    packed = tcanet._pack(refined)
    # The events: 0.5 to 2.5 s and 4 to 6 s. The whole video overlaps both alike, and the last proposal none.
    matched = [PARTS[1], PARTS[0], PARTS[0], PARTS[0]]
    torch.testing.assert_close(packed.gt_instances.gt_bbox, torch.tensor(matched))
    torch.testing.assert_close(packed.proposals.proposals, proposals())
    torch.manual_seed(1)
    losses = tcanet.train()(inputs, [refined], mode='loss')
    torch.manual_seed(1)
    direct = tcanet.localizer([joined(inputs)], [mmaction_sample(matched, 1.0, proposals())], mode='loss')
    assert losses.keys() == {'rloss1', 'rloss2', 'rloss3', 'iloss1', 'iloss2', 'iloss3'}
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(direct[name].item())
    assert losses['rloss1'] > 0


@torch.no_grad()
def test_the_published_predict_loses_the_scores(tcanet, inputs):
    """Why it is not called. If this fails, MMAction2 was repaired."""
    (output,) = tcanet.localizer([joined(inputs)], [mmaction_sample(PARTS, 1.0, proposals())], mode='predict')
    assert {proposal['score'] for proposal in output['proposal_list']} == {0.0}


@torch.no_grad()
def test_regressors_that_say_nothing_keep_the_proposals(tcanet, inputs, refined):
    for stage in (tcanet.localizer.tbr1, tcanet.localizer.tbr2, tcanet.localizer.tbr3):
        for last in (stage.reg1xw[-1], stage.reg1se[-2]):
            last.weight.zero_()
            last.bias.zero_()
    tcanet.nms.method = 'hard'
    tcanet.nms.iou_threshold = 0.99
    found = tcanet(inputs, [refined], mode='predict')[0].pred_instances
    torch.testing.assert_close(found.segments_sec, torch.tensor(PROPOSALS_SEC).clamp(max=7.9))
    torch.testing.assert_close(found.scores, torch.tensor(SCORES) * 0.5)  # times the sigmoid of 0


@torch.no_grad()
def test_the_three_stages_are_those_of_tcanet(tcanet, inputs, refined):
    """The segments are those that the published class predicts, whose scores are lost."""
    tcanet.nms.method = None
    found = tcanet(inputs, [refined], mode='predict')[0].pred_instances
    (output,) = tcanet.localizer([joined(inputs)], [mmaction_sample(PARTS, 8.0, proposals())], mode='predict')
    expected = np.array([proposal['segment'] for proposal in output['proposal_list']]).clip(max=7.9)
    assert len(found) == len(expected) == 3 * len(SCORES)
    np.testing.assert_allclose(sorted(found.segments_sec.tolist()), sorted(expected.tolist()), atol=1e-4)
    assert (found.scores > 0).all()


def test_the_suppression_is_that_of_tcanet(tcanet):
    """With its thresholds of 0, MMAction2's soft-NMS is the Gaussian one."""
    from mmaction.models.localizers.utils import post_processing

    rng = np.random.default_rng(0)
    start = rng.uniform(0, 0.8, 60)
    table = np.stack([start, start + rng.uniform(0.05, 0.2, 60), rng.uniform(0.1, 1, 60)], 1)
    video = dict(duration_frame=16, duration_second=1.0)
    expected = post_processing(table, video, 0.4, 0.0, 0.0, 100, 16)
    segments, scores = torch.from_numpy(table[:, :2]), torch.from_numpy(table[:, 2])
    ((segments, scores, _),) = tcanet.nms(segments[None], scores[None], torch.zeros(1, 60, dtype=torch.long))
    np.testing.assert_allclose(scores, [proposal['score'] for proposal in expected][: len(scores)], rtol=1e-6)
    np.testing.assert_allclose(segments, [proposal['segment'] for proposal in expected][: len(scores)], rtol=1e-6)
    assert len(scores) == 60


@pytest.mark.parametrize('segments', [[], [[0.0, 0.0]]], ids=str)
def test_a_video_without_proposals_trains_and_predicts_nothing(segments, tcanet, inputs, sample):
    segments = torch.tensor(segments).reshape(-1, 2)
    sample.proposals = InstanceData(segments_sec=segments, scores=torch.ones(len(segments)))
    losses = tcanet(inputs, [sample], mode='loss')
    sum(losses.values()).backward()
    grads = [param.grad for param in tcanet.parameters()]
    assert all(loss.isfinite() for loss in losses.values()) and all(grad.isfinite().all() for grad in grads)
    assert len(tcanet(inputs, [sample], mode='predict')[0].pred_instances) == 0


def test_without_proposals_it_says_what_to_do(tcanet, inputs, sample):
    with pytest.raises(UserInputError, match='LoadProposals'):
        tcanet(inputs, [sample], mode='loss')
