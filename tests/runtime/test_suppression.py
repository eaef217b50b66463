"""The suppression in numpy is that of ``SegmentNMS``, whose own tests compare it with a plain loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.models.task_modules import SegmentNMS
from mmdel.runtime.suppression import Candidates, SegmentSuppression


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    num=st.integers(0, 150),
    num_classes=st.integers(1, 5),
    whole_numbers=st.booleans(),
    options=st.fixed_dictionaries(
        dict(
            method=st.sampled_from(['soft_gaussian', 'soft_linear', 'hard', None]),
            sigma=st.sampled_from([0.1, 0.5, 2.0]),
            iou_threshold=st.sampled_from([0.01, 0.1, 0.5]),
            min_score=st.sampled_from([0.0, 0.001, 0.3]),
            max_num=st.sampled_from([1, 7, 200]),
            class_aware=st.booleans(),
            voting_threshold=st.sampled_from([None, 0.01, 0.75]),
        )
    ),
)
def test_equals_that_of_torch(seed, num, num_classes, whole_numbers, options):
    """With ties, segments of no length, padding, and numbers that are not finite."""
    rng = np.random.default_rng(seed)
    segments = np.cumsum(rng.uniform([0, -1], [30, 12], (num, 2)), axis=1)
    scores = rng.uniform(-0.1, 1, num)
    if whole_numbers:
        segments, scores = segments.round(), scores.round(1)
    segments[rng.random(num) < 0.02] = np.nan
    scores[rng.random(num) < 0.02] = np.inf
    labels = rng.integers(num_classes, size=num)
    batch = (torch.from_numpy(x)[None] for x in (segments, scores, labels))
    (expected,) = SegmentNMS(**options)(*batch)
    kept = SegmentSuppression(**options)(Candidates(segments, scores, labels), options['max_num'])
    assert kept.labels.tolist() == expected[2].tolist()
    np.testing.assert_allclose(kept.scores, expected[1].numpy(), rtol=1e-6)
    np.testing.assert_allclose(kept.segments, expected[0].numpy(), atol=1e-6)


@pytest.mark.parametrize(
    'wrong',
    [
        dict(method='fast'),
        dict(sigma=0.0),
        dict(sigma=10**400),
        dict(max_num=0),
        dict(max_num=1.5),
        dict(iou_threshold=0),
        dict(min_score=-1),
        dict(voting_threshold=float('nan')),
    ],
)
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SegmentSuppression(**wrong)
