import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.models.task_modules import SegmentCoder

numbers = st.floats(-1000, 1000)
rows = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 6), numbers, numbers), min_size=1, max_size=8)


def unpack(items):
    times, levels, starts, ends = torch.tensor(items, dtype=torch.float64).T
    return times, 2**levels, torch.stack([starts, ends], dim=1)


@settings(derandomize=True, deadline=None)
@given(rows)
def test_decode_is_the_inverse_of_encode(items):
    times, strides, segments = unpack(items)
    coder = SegmentCoder()
    offsets = coder.encode(times, strides, segments)
    torch.testing.assert_close(coder.decode(times, strides, offsets), segments)
    torch.testing.assert_close(coder.encode(times, strides, coder.decode(times, strides, segments)), segments)


def test_offsets_are_distances_in_strides():
    times, strides = torch.tensor([8.0, 8.0, 3.0]), torch.tensor([1.0, 4.0, 2.0])
    segments = torch.tensor([[6.0, 12.0], [6.0, 12.0], [4.0, 5.0]])
    expected = torch.tensor([[2.0, 4.0], [0.5, 1.0], [-0.5, 1.0]])  # the last point lies before its segment
    torch.testing.assert_close(SegmentCoder().encode(times, strides, segments), expected)


def test_points_broadcast_over_videos_and_classes():
    times, strides = torch.rand(5, 1) * 9, torch.full((5, 1), 2.0)
    segments = torch.rand(2, 5, 3, 2)
    offsets = SegmentCoder().encode(times, strides, segments)
    assert offsets.shape == segments.shape
    for b in range(2):
        for c in range(3):
            torch.testing.assert_close(
                offsets[b, :, c], SegmentCoder().encode(times[:, 0], strides[:, 0], segments[b, :, c])
            )
