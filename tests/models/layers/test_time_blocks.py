import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.models.layers import TimeBlocks

lengths = st.integers(1, 130)
windows = st.none() | st.integers(0, 40).map(lambda reach: 2 * reach + 1)


@settings(derandomize=True, deadline=None)
@given(lengths, windows)
def test_merge_is_the_inverse_of_queries(num_steps, window):
    blocks = TimeBlocks.cut(num_steps, window)
    x = torch.randn(2, num_steps, 3)
    cut = blocks.queries(x)
    assert cut.shape == (2 * blocks.num, blocks.size, 3)
    assert torch.equal(blocks.merge(cut), x)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(lengths, windows, st.integers(0, 2**31))
def test_each_query_sees_each_valid_step_of_its_window_once_or_of_one_side_of_it(num_steps, window, seed):
    torch.manual_seed(seed)
    mask = torch.rand(2, num_steps) < 0.7
    blocks = TimeBlocks.cut(num_steps, window)
    steps = torch.arange(1, num_steps + 1).expand(2, -1)
    keys, visible = blocks.keys(steps), blocks.visible(mask)
    views = [visible, *blocks.visible_sides(mask).unbind(1)]
    all_seen, past, future = (
        blocks.merge(torch.where(view, keys[:, None], 0).expand(-1, blocks.size, -1)).cpu() for view in views
    )
    mask = mask.cpu()
    reach = num_steps if window is None else window // 2
    for video in range(2):
        for t in range(num_steps):
            expected = [j + 1 for j in range(num_steps) if mask[video, j] and abs(j - t) <= reach]
            for seen, side in [
                (all_seen, expected),
                (past, [j for j in expected if j <= t + 1]),
                (future, [j for j in expected if j >= t + 1]),
            ]:
                assert seen[video, t][seen[video, t] > 0].tolist() == side


@pytest.mark.parametrize('window', [0, -1, 2, 18])
def test_a_window_that_is_not_odd_and_positive_is_refused(window):
    with pytest.raises(ValueError, match=f'odd.*{window}'):
        TimeBlocks.cut(10, window)
