import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmdel import structures
from mmdel.utils.segments import segment_iou

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
