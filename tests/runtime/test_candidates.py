"""Candidates in numpy are those of ``AnchorFreeHead``, and so are the events that are made of them."""

import numpy as np
import pytest
import torch
from tiny_bundle import CLASSES, make_bundle

from mmdel.inference.onnx_bundle import settings_of
from mmdel.runtime.candidates import find_candidates, likely, sigmoid
from mmdel.runtime.suppression import SegmentSuppression
from mmdel.structures import EventDataSample, FeatureGrid


@pytest.mark.parametrize('num_steps', [1, 2, 7, 50])
@pytest.mark.parametrize('num_regressions', [1, len(CLASSES)])
def test_equal_those_of_the_head(num_steps, num_regressions):
    model = make_bundle().build_model()
    head = model.head
    head.pre_nms_num, head.nms.max_num, head.regressor.num_regressions = 40, 9, num_regressions
    rng, grid = np.random.default_rng(num_steps), FeatureGrid(2.0, 4.0, 8.0)
    own = np.arange(num_steps) % 5 != 3
    masks = tuple(torch.from_numpy(own[None, :: 2**level]) for level in range(head.num_levels))
    num_points = sum(mask.shape[1] for mask in masks)
    logits = rng.normal(scale=3, size=(1, num_points, len(CLASSES))).astype(np.float32)
    offsets = rng.uniform(0, 3, (1, num_points, num_regressions, 2)).astype(np.float32)
    segments, scores, labels = head.candidates(torch.from_numpy(logits), torch.from_numpy(offsets), masks)
    (expected,) = head.finish(segments, scores, labels, [EventDataSample(metainfo=dict(duration_sec=9.0, grid=grid))])

    settings = settings_of(model, '')
    found = find_candidates(logits[0], offsets[0], own, settings.num_levels, settings.pre_nms_num)
    valid = scores[0] > 0
    assert found.labels.tolist() == labels[0][valid].tolist()
    np.testing.assert_allclose(found.scores, scores[0][valid], atol=1e-6)
    np.testing.assert_allclose(found.segments, segments[0][valid], atol=1e-5)
    events = SegmentSuppression(**settings.nms)(likely(found, settings), 9)
    assert events.labels.tolist() == expected.labels.tolist() and 0 < len(events.labels) <= 9
    np.testing.assert_allclose(events.scores, expected.scores, atol=1e-6)
    np.testing.assert_allclose(grid.to_sec(events.segments).clip(0, 9), expected.segments_sec, atol=1e-5)


def test_scores_of_extreme_logits_are_numbers():
    assert sigmoid(np.float32([-np.inf, -1e9, 0, 1e9])).tolist() == pytest.approx([0, 0, 0.5, 1])
