import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.models.task_modules import decode_offsets

numbers = st.floats(-1000, 1000)
rows = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 6), numbers, numbers), min_size=1, max_size=8)


@settings(derandomize=True, deadline=None)
@given(rows)
def test_offsets_are_the_distances_to_both_ends_in_strides(items):
    times, levels, starts, ends = torch.tensor(items, dtype=torch.float64).T
    strides = 2**levels
    offsets = torch.stack([(times - starts) / strides, (ends - times) / strides], dim=1)
    torch.testing.assert_close(decode_offsets(times, strides, offsets), torch.stack([starts, ends], dim=1))


def test_points_broadcast_over_videos_and_classes():
    times, strides = torch.rand(5, 1) * 9, torch.full((5, 1), 2.0)
    offsets = torch.rand(2, 5, 3, 2)
    segments = decode_offsets(times, strides, offsets)
    assert segments.shape == offsets.shape
    for b in range(2):
        for c in range(3):
            torch.testing.assert_close(segments[b, :, c], decode_offsets(times[:, 0], strides[:, 0], offsets[b, :, c]))
