"""The ways of suppression against each other and a plain loop; that of many candidates has tests of its own."""

from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from postprocessing_oracle import plain_nms

from mmdel.utils import suppression
from mmdel.utils.suppression import suppress

PLAIN = dict(
    method='soft_gaussian', sigma=0.5, iou_threshold=0.3, min_score=0.001, class_aware=True, voting_threshold=None
)


def random_candidates(seed, num, num_groups, span=30.0):
    """Some reversed, of no length or equal; scores with ties."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, span, num).round(1)
    segments = np.stack([start, start + rng.uniform(-1, 10, num).round(1)], axis=1)
    return segments, np.sort(rng.uniform(0.01, 1, num).round(2))[::-1].copy(), rng.integers(num_groups, size=num)


@examples(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    num=st.integers(0, 300),
    num_groups=st.sampled_from([1, 3, 40]),
    method=st.sampled_from(['soft_gaussian', 'soft_linear', 'hard', None]),
    min_score=st.sampled_from([0.0, 0.001, 0.3]),
    voting_threshold=st.sampled_from([None, 0.5]),
    max_num=st.integers(1, 120),
    chunk=st.sampled_from([1, 100, 2**24]),
)
def test_all_ways_give_the_same(seed, num, num_groups, max_num, chunk, **options):
    candidates, settings = random_candidates(seed, num, num_groups), SimpleNamespace(**{**PLAIN, **options})
    with mock.patch.multiple(suppression, VOTING_CHUNK_PAIRS=chunk, ROUND_COST=10**6):
        side_by_side = suppress(*candidates, settings, max_num)
    with mock.patch.object(suppression, 'ROUND_COST', 0):
        one_by_one = suppress(*candidates, settings, max_num)
    assert all(np.array_equal(one, other) for one, other in zip(side_by_side, one_by_one, strict=True))
    with mock.patch.object(suppression, 'MANY', 0):
        best_first = suppress(*candidates, settings, max_num)
    assert side_by_side[0].tolist() == best_first[0].tolist()
    for one, other in zip(side_by_side[1:], best_first[1:], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_what_is_kept_is_that_of_a_plain_loop(dtype):
    segments, scores, groups = random_candidates(4, 150, 3)
    segments += np.random.default_rng(0).uniform(0, 0.01, segments.shape)  # no tIoU of just the threshold
    scores = scores + np.arange(150, 0, -1) * 1e-4  # no ties, which rounding would part
    settings = SimpleNamespace(**{**PLAIN, 'voting_threshold': 0.6})
    kept, times, values = suppress(segments.astype(dtype), scores.astype(dtype), groups, settings, 60)
    assert times.dtype == values.dtype == dtype
    rows = list(zip(segments.tolist(), scores.tolist(), groups.tolist(), strict=True))
    expected = plain_nms(rows, max_num=60, **vars(settings))
    assert groups[kept].tolist() == [label for _, _, label in expected] and len(kept) == 60
    np.testing.assert_allclose(values, [score for _, score, _ in expected], rtol=1e-5)
    np.testing.assert_allclose(times, [segment for segment, _, _ in expected], rtol=1e-4, atol=1e-4)


def test_the_candidates_are_left_as_they_are():
    candidates = random_candidates(5, 100, 2)
    copies = [x.copy() for x in candidates]
    suppress(*candidates, SimpleNamespace(**PLAIN), 50)
    assert all(np.array_equal(one, other) for one, other in zip(candidates, copies, strict=True))


@pytest.mark.parametrize(('max_num', 'num_groups', 'expected'), [(10, 1, 0), (200, 1, 1), (10, 100, 1)])
def test_groups_go_side_by_side_where_that_takes_fewer_rounds(max_num, num_groups, expected):
    with mock.patch.object(suppression, '_suppress_table', wraps=suppression._suppress_table) as table:
        suppress(*random_candidates(6, 300, num_groups), SimpleNamespace(**PLAIN), max_num)
    assert table.call_count == expected
