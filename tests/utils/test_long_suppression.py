from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postprocessing_oracle import plain_iou

from mmdel.utils import long_suppression
from mmdel.utils.long_suppression import SegmentIndex, suppress_best_first, vote_near


def random_segments(seed, num, span, num_groups=3):
    """Of very unequal lengths; some are reversed, of no length, equal, or the beginning of another's end."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, span, num).round(1)
    segments = np.stack([start, start + rng.lognormal(1, 1.5, num).round(1)], axis=1)
    segments[rng.random(num) < 0.1] = segments[:1]
    segments[rng.random(num) < 0.1, 1] -= 20
    return segments, rng.integers(num_groups, size=num), np.sort(rng.random(num).round(2) + 0.01)[::-1]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), num=st.integers(1, 80), few=st.sampled_from([0, 10, 1000]))
def test_all_that_overlap_are_near(seed, num, few):
    segments, groups, _ = random_segments(seed, num, 50)
    with mock.patch.object(long_suppression, 'FEW', few):
        index = SegmentIndex(segments, groups)
    assert sorted(index.order) == [*range(num)]
    for place, candidate in enumerate(index.order):
        tious = np.zeros(num)
        for others in index.near(place):
            tious[index.order[others]] = index.tiou(place, others)
        expected = [plain_iou(segments[candidate], other) for other in segments]
        np.testing.assert_allclose(tious, expected * (groups == groups[candidate]), atol=1e-12)


@pytest.mark.parametrize('block', [1, 8, 128])
def test_the_best_goes_first_and_what_it_overlaps_loses(block):
    """Against a loop over all candidates, with equal scores, at any number of kept ones."""
    segments, groups, scores = random_segments(1, 300, 100)
    left, expected = scores.copy(), []
    while left.max() >= 0.05:
        best = int(left.argmax())  # of equal ones, the first
        expected.append((best, left[best]))
        for other in np.flatnonzero(groups == groups[best]):
            left[other] *= 1 - plain_iou(segments[best], segments[other]) ** 2
        left[best] = 0
    with mock.patch.object(long_suppression, 'BLOCK', block):
        for max_num in (1, 50, 10**6):
            index = SegmentIndex(segments, groups)
            kept, values = suppress_best_first(index, scores, lambda tiou: 1 - tiou**2, 0.05, max_num)
            assert kept.tolist() == [candidate for candidate, _ in expected[:max_num]]
            np.testing.assert_allclose(values, [score for _, score in expected[:max_num]])
    assert len(expected) > 100


def test_votes_are_those_of_overlapping_candidates():
    segments, groups, scores = random_segments(2, 200, 60)
    kept = np.arange(0, 200, 3)
    voted = vote_near(SegmentIndex(segments, groups), segments, scores, kept, 0.4)
    for row, candidate in zip(voted, kept, strict=True):
        tious = np.array([plain_iou(segments[candidate], other) for other in segments])
        weights = scores * (tious >= 0.4) * (groups == groups[candidate])
        wanted = weights @ segments / weights.sum() if weights.any() else segments[candidate]
        np.testing.assert_allclose(row, wanted)


def test_twice_the_time_has_twice_the_pairs():
    """What is compared is counted, on a time line without a gap, with an event as long as everything."""
    counts = []
    for num in (4000, 8000, 16_000):
        segments, groups, scores = random_segments(3, num, num / 4, num_groups=1)
        segments[0] = 0, num / 4
        index, seen = SegmentIndex(segments, groups), []
        with mock.patch.object(
            index,
            'tiou',
            lambda place, others, tiou=index.tiou, seen=seen: (
                seen.append(others.stop - others.start) or tiou(place, others)
            ),
        ):
            kept, _ = suppress_best_first(index, scores, lambda tiou: np.exp(-(tiou**2) / 0.5), 0.001, num // 10)
        assert len(kept) == num // 10
        counts.append(sum(seen))
    assert all(more < 2.5 * less for less, more in pairwise(counts))
    assert counts[-1] < 0.05 * (16_000 * 1600)


def test_nothing_gives_nothing():
    none = np.zeros(0)
    kept, values = suppress_best_first(SegmentIndex(np.zeros((0, 2)), none), none, lambda tiou: tiou, 0.1, 9)
    assert len(kept) == len(values) == 0
