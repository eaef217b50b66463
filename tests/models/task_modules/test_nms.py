"""SegmentNMS against a plain-Python reference, one candidate at a time."""

import math
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from postprocessing_oracle import plain_nms

from mmdel.models.task_modules import SegmentNMS, fuse_video_scores
from mmdel.registry import TASK_UTILS
from mmdel.utils import suppression
from mmdel.utils.errors import UserInputError


def random_batch(seed, num_videos, num_candidates, num_classes, dtype=torch.float64, span=30.0):
    torch.manual_seed(seed)
    shape = (num_videos, num_candidates)
    start = torch.rand(shape, dtype=torch.float64) * span
    length = torch.rand(shape, dtype=torch.float64) * 10
    scores = torch.rand(shape, dtype=torch.float64)
    padding = torch.rand(shape) < 0.1
    labels = torch.randint(num_classes, shape)
    segments = torch.stack([start, start + length], -1)
    return segments.to(dtype), scores.masked_fill(padding, -1 if seed % 2 else 0).to(dtype), labels


def assert_same_as_plain(batch, many=False, **options):
    """``many``: suppressed as if the candidates were as many as those of a long video."""
    defaults = dict(
        method='soft_gaussian',
        sigma=0.5,
        iou_threshold=0.3,
        min_score=0.001,
        max_num=200,
        class_aware=True,
        voting_threshold=None,
    )
    options = defaults | options
    with mock.patch.object(suppression, 'MANY', 0 if many else suppression.MANY):
        results = SegmentNMS(**options)(*batch)
    assert len(results) == len(batch[0])
    for (segments, scores, labels), *video in zip(results, *(x.tolist() for x in batch), strict=True):
        expected = plain_nms(list(zip(*video, strict=True)), **options)
        assert labels.tolist() == [label for _, _, label in expected]
        assert scores.tolist() == pytest.approx([score for _, score, _ in expected], abs=1e-6)
        assert segments.flatten().tolist() == pytest.approx(
            [t for segment, _, _ in expected for t in segment], abs=1e-5
        )


@pytest.mark.parametrize('method', ['soft_gaussian', 'soft_linear', 'hard', None])
@pytest.mark.parametrize('class_aware', [True, False])
@pytest.mark.parametrize('voting_threshold', [None, 0.7])
@pytest.mark.parametrize(('dtype', 'many'), [(torch.float32, False), (torch.float64, False), (torch.float64, True)])
def test_equals_the_plain_reference_for_every_option(method, class_aware, voting_threshold, dtype, many):
    options = dict(method=method, class_aware=class_aware, voting_threshold=voting_threshold)
    assert_same_as_plain(random_batch(3, 3, 120, 4, dtype), many, **options)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    num_videos=st.integers(1, 4),
    num_candidates=st.integers(0, 60),
    num_classes=st.integers(1, 6),
    method=st.sampled_from(['soft_gaussian', 'soft_linear', 'hard', None]),
    sigma=st.floats(0.05, 2),
    iou_threshold=st.floats(0.05, 1),
    min_score=st.sampled_from([0.0, 0.001, 0.1, 0.6]),
    max_num=st.integers(1, 80),
    class_aware=st.booleans(),
    many=st.booleans(),
    voting_threshold=st.one_of(st.none(), st.floats(0.1, 0.95)),
)
def test_equals_the_plain_reference_at_random(seed, num_videos, num_candidates, num_classes, **options):
    assert_same_as_plain(random_batch(seed, num_videos, num_candidates, num_classes), **options)


@pytest.mark.parametrize('method', ['soft_gaussian', 'soft_linear', 'hard'])
def test_groups_of_very_unequal_size(method):
    segments, scores, labels = random_batch(5, 2, 400, 1)
    labels[:, ::17] = torch.arange(1, 1 + len(labels[0, ::17]))
    labels[1, :60] = 3
    assert_same_as_plain((segments, scores, labels), method=method, max_num=50)


@pytest.mark.parametrize('many', [0, 10**6])
def test_a_video_of_several_windows_may_keep_as_many_times_more(many):
    batch = random_batch(7, 2, 200, 3)
    with mock.patch.object(suppression, 'MANY', many):
        expected, found = SegmentNMS(max_num=38)(*batch), SegmentNMS(max_num=15)(*batch, num_windows=2.5)
    for video, other in zip(found, expected, strict=True):
        assert len(video[1]) == 38 and all(torch.equal(a, b) for a, b in zip(video, other, strict=True))


def test_by_hand():
    segments = torch.tensor([[[0.0, 10.0], [5.0, 15.0], [20.0, 30.0], [0.0, 10.0]]])
    scores = torch.tensor([[0.9, 0.8, 0.7, 0.6]])
    labels = torch.tensor([[0, 0, 0, 1]])
    ((kept, decayed, classes),) = SegmentNMS('soft_gaussian', sigma=0.5)(segments, scores, labels)
    # tIoU of the first two is 5 / 15; nothing else of their class overlaps.
    assert decayed.tolist() == pytest.approx([0.9, 0.7, 0.8 * math.exp(-(1 / 9) / 0.5), 0.6])
    assert classes.tolist() == [0, 0, 0, 1]
    assert kept.tolist() == [[0, 10], [20, 30], [5, 15], [0, 10]]
    ((_, hard, _),) = SegmentNMS('hard', iou_threshold=1 / 3, class_aware=False)(segments, scores, labels)
    assert hard.tolist() == pytest.approx([0.9, 0.7])


def test_voting_uses_the_original_candidates():
    segments = torch.tensor([[[0.0, 10.0], [1.0, 11.0], [30.0, 40.0]]])
    scores = torch.tensor([[0.6, 0.2, 0.1]])
    labels = torch.zeros(1, 3, dtype=torch.long)
    ((kept, _, _),) = SegmentNMS('hard', iou_threshold=0.5, voting_threshold=0.8)(segments, scores, labels)
    assert kept.flatten().tolist() == pytest.approx([0.25, 10.25, 30, 40])


def test_equal_scores_keep_the_order_of_the_input():
    segments = torch.tensor([[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]])
    for method in ('soft_gaussian', 'soft_linear', 'hard', None):
        ((kept, _, labels),) = SegmentNMS(method)(segments, torch.full((1, 3), 0.5), torch.tensor([[2, 0, 1]]))
        assert labels.tolist() == [2, 0, 1]
        assert torch.equal(kept, segments[0])


def test_padding_and_broken_candidates_are_ignored():
    segments, scores, labels = random_batch(1, 2, 30, 3)
    expected = SegmentNMS(voting_threshold=0.5)(segments, scores, labels)
    nan = float('nan')
    more = (
        torch.cat([segments, segments.new_full((2, 3, 2), nan)], 1),
        torch.cat([scores, scores.new_tensor([0.0, nan, 0.9]).expand(2, 3)], 1),
        torch.cat([labels, labels.new_zeros(2, 3)], 1),
    )
    for a, b in zip(expected, SegmentNMS(voting_threshold=0.5)(*more), strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_nothing_to_keep():
    empty = torch.zeros(2, 0, 2), torch.zeros(2, 0), torch.zeros(2, 0, dtype=torch.long)
    padding = torch.zeros(2, 5, 2), torch.zeros(2, 5), torch.zeros(2, 5, dtype=torch.long)
    for batch in (empty, padding):
        for segments, scores, labels in SegmentNMS(voting_threshold=0.5)(*batch):
            assert segments.shape == (0, 2) and scores.shape == (0,) and labels.shape == (0,)


@pytest.mark.parametrize('topk', [1, 2, 3])
def test_fusion_takes_the_best_classes_of_the_video(topk, make_sample):
    sample, video_scores = make_sample(), [0.1, 0.7, 0.2]
    sample.video_scores = torch.tensor(video_scores)
    (segments,), (scores,), _ = random_batch(2, 1, 6, 3)
    fused = fuse_video_scores(sample, segments, scores, topk)
    products = [
        (float(scores[k]) * video_scores[c], c, segments[k].tolist()) for c in [1, 2, 0][:topk] for k in range(6)
    ]
    expected = sorted(products, key=lambda item: -item[0])  # stable, as the sort of the fused
    assert fused[1].tolist() == pytest.approx([math.sqrt(product) for product, _, _ in expected])
    assert fused[2].tolist() == [c for _, c, _ in expected] and fused[0].tolist() == [s for _, _, s in expected]


@pytest.mark.parametrize(
    'options',
    [dict(method='softmax'), dict(sigma=0), dict(max_num=0), dict(iou_threshold=1.5), dict(voting_threshold=0)],
)
def test_refuses_wrong_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        TASK_UTILS.build(dict(type='mmdel.SegmentNMS', **options))


def test_refuses_what_does_not_fit(make_sample):
    segments, scores, labels = random_batch(0, 2, 4, 2)
    with pytest.raises(ValueError, match=r'\(B, K, 2\)'):
        SegmentNMS()(segments[0], scores, labels)
    sample = make_sample()
    with pytest.raises(UserInputError, match=r'video video: .*LoadVideoScores'):
        fuse_video_scores(sample, segments[0], scores[0], topk=1)
    sample.video_scores = torch.rand(2)
    for topk in (0, 3):
        with pytest.raises(UserInputError, match=f'video_score_topk={topk} needs .*scores of 2'):
            fuse_video_scores(sample, segments[0], scores[0], topk)


@pytest.mark.parametrize('method', ['soft_gaussian', 'soft_linear', 'hard'])
def test_fewer_are_the_best_of_more(method):
    """Groups end as soon as what is left of them is worse than what others have: nothing else may change."""
    g = torch.Generator().manual_seed(0)
    starts = torch.rand(3, 600, generator=g) * 40
    segments = torch.stack([starts, starts + 1 + 9 * torch.rand(3, 600, generator=g)], dim=-1)
    scores, labels = torch.rand(3, 600, generator=g) ** 3, torch.randint(0, 4, (3, 600), generator=g)
    scores[1] *= torch.rand(600, generator=g) < 0.02  # a video with fewer than are asked for
    every = SegmentNMS(method, max_num=1000)(segments, scores, labels)
    best = SegmentNMS(method, max_num=40)(segments, scores, labels)
    assert len(every[0][1]) > 40 and len(every[1][1]) < 40
    for all_of, best_of in zip(every, best, strict=True):
        for whole, part in zip(all_of, best_of, strict=True):
            assert torch.equal(whole[:40], part)
