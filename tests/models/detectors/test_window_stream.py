import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.models.detectors.sliding_window import Cut, SlidingWindow
from mmdel.models.detectors.window_stream import WindowLine


@settings(max_examples=60, deadline=None)
@given(
    margin=st.integers(0, 5),
    step=st.integers(1, 12),
    unit=st.sampled_from([1, 4]),
    odd=st.booleans(),
    length=st.integers(1, 150),
    sizes=st.lists(st.integers(0, 12), min_size=1, max_size=5).filter(any),
    batch_size=st.integers(1, 5),
)
def test_every_step_is_one_windows_own_and_seen_with_a_margin(margin, step, unit, odd, length, sizes, batch_size):
    """However a line of steps, and of every ``unit``-th of them, comes; and no more than some windows are held."""
    odd = odd and unit == 1  # a stated overlap may leave another step
    cut = Cut(unit * (2 * margin + step) + odd, unit * step)
    times = torch.arange(length)
    owner, held, counts = torch.zeros(length, dtype=torch.int64), [], []

    def search(windows, firsts, own):
        steps, coarse = windows
        counts.append(len(own))
        assert len(steps) == len(firsts) == len(own) and coarse.shape[1] == -(-steps.shape[1] // unit)
        for row, rough, first, (begin, stop) in zip(steps[..., 0], coarse[..., 0], firsts, own, strict=True):
            mine = slice(begin, stop)
            assert torch.equal(row, torch.arange(first, first + len(row))) and first % unit == 0
            assert torch.equal(rough, row[::unit])
            owner[row[mine]] += 1
            assert row[mine][0] - first >= min(cut.margin, row[mine][0])
            assert first + len(row) - 1 - row[mine][-1] >= min(cut.margin, length - 1 - row[mine][-1])

    line, place, turn = WindowLine(cut, [1, unit], search, batch_size), 0, 0
    while place < length:
        part = times[place : place + unit * sizes[turn % len(sizes)], None]
        line.push([part, part[::unit]])
        place, turn = place + len(part), turn + 1
        held.append(sum(len(rows[0]) for rows in line._blocks))
    line.finish()
    assert line.num_steps == length and (owner == 1).all() and max(counts) <= batch_size
    assert max(held) <= (batch_size - 1) * cut.step + cut.length + unit * max(sizes)


@given(window=st.integers(1, 99), overlap=st.floats(0, 0.99))
def test_stated_windows_overlap_as_stated(window, overlap):
    cut = SlidingWindow(window, overlap).stated()
    assert cut.length == window and abs(window - cut.step - overlap * window) <= 1
    assert cut.margin == (window - cut.step) // 2
