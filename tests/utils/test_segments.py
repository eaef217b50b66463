import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmdel import structures
from mmdel.utils.segments import covered_length, segment_iou

times = st.floats(-100, 100, width=32)


def test_known_overlaps():
    pairs = [
        ((0, 4), (2, 6), 1 / 3),
        ((0, 1), (2, 3), 0),
        ((0, 1), (1, 2), 0),
        ((2, 3), (0, 10), 0.1),
        ((1, 1), (1, 1), 0),
    ]
    for a, b, tiou in pairs:
        assert segment_iou(np.array(a, float), np.array(b, float)) == pytest.approx(tiou)


@given(a=arrays(np.float64, (3, 1, 2), elements=times), b=arrays(np.float64, (4, 2), elements=times))
def test_as_for_tensors(a, b):
    tiou = segment_iou(a, b)
    np.testing.assert_array_equal(tiou, structures.segment_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy())
    assert tiou.shape == (3, 4) and ((tiou >= 0) & (tiou <= 1)).all()


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)).map(sorted), max_size=5))
def test_what_segments_cover_is_counted_cell_by_cell(segments):
    inside = [any(start < cell < end for start, end in segments) for cell in np.arange(-9, 9) + 0.5]
    assert covered_length(np.array(segments, dtype=float).reshape(-1, 2)) == sum(inside)
