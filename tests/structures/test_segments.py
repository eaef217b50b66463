import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.structures import inside_any, segment_intersection, segment_iou, segment_length

ends = st.floats(-50, 50, width=32)
segment_lists = st.lists(st.tuples(ends, ends).map(sorted), min_size=1, max_size=6)


def naive_intersection(a, b):
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def naive_iou(a, b):
    common = naive_intersection(a, b)
    union = (a[1] - a[0]) + (b[1] - b[0]) - common
    return common / union if union > 0 else 0.0


def test_iou_of_hand_made_pairs():
    a = torch.tensor([(0, 4), (0, 10), (0, 1), (0, 1), (3, 7), (3, 3), (3, 3)]).float()
    b = torch.tensor([(2, 6), (2, 4), (1, 2), (5, 6), (3, 7), (3, 3), (0, 9)]).float()
    assert segment_iou(a, b).tolist() == pytest.approx([2 / 6, 0.2, 0, 0, 1, 0, 0])


@settings(derandomize=True, deadline=None)
@given(segment_lists, segment_lists)
def test_all_pairs_equal_the_naive_loop(a, b):
    left, right = torch.tensor(a, dtype=torch.float64)[:, None], torch.tensor(b, dtype=torch.float64)[None]
    expected = torch.tensor([[naive_iou(x, y) for y in b] for x in a], dtype=torch.float64)
    torch.testing.assert_close(segment_iou(left, right), expected)
    expected = torch.tensor([[naive_intersection(x, y) for y in b] for x in a], dtype=torch.float64)
    torch.testing.assert_close(segment_intersection(left, right), expected)


@settings(derandomize=True, deadline=None)
@given(segment_lists, st.floats(-20, 20), st.floats(0.1, 10))
def test_iou_is_symmetric_bounded_and_knows_no_origin_nor_unit(segments, shift, scale):
    a = torch.tensor(segments, dtype=torch.float64)
    iou = segment_iou(a[:, None], a[None])
    assert ((iou >= 0) & (iou <= 1 + 1e-12)).all()
    torch.testing.assert_close(iou, iou.T)
    moved = a * scale + shift
    # Lengths of 1e-30 vanish beside the shift: compare those that do not.
    pairs = (segment_length(a) > 1e-3)[:, None] & (segment_length(a) > 1e-3)[None]
    torch.testing.assert_close(segment_iou(moved[:, None], moved[None])[pairs], iou[pairs], atol=1e-9, rtol=1e-9)


def test_a_reversed_segment_has_no_length_and_no_overlap():
    reversed_, other = torch.tensor([5.0, 2.0]), torch.tensor([0.0, 10.0])
    assert segment_length(reversed_) == 0
    assert segment_intersection(reversed_, other) == 0
    assert segment_iou(reversed_, other) == 0


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)).map(sorted), max_size=5))
def test_what_lies_inside_is_told_cell_by_cell(segments):
    cells = np.arange(-9, 9) + 0.5
    inside = [any(start < cell < end for start, end in segments) for cell in cells]
    table = torch.tensor([*segments, (float('nan'), float('nan'))], dtype=torch.float32)
    assert inside_any(torch.from_numpy(cells).float(), table[None]).tolist() == [inside]


def test_both_ends_are_inside():
    inside = inside_any(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([[2.0, 3.0]]))
    assert inside.tolist() == [False, True, True, False]
