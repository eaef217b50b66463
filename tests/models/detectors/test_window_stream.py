import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.models.detectors.sliding_window import SlidingWindow
from mmdel.models.detectors.window_stream import WindowStream
from mmdel.structures import StreamBatch


@settings(max_examples=150, deadline=None)
@given(
    window=st.integers(1, 20),
    overlap=st.floats(0, 0.99),
    length=st.integers(1, 90),
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=5).filter(any),
    batch_size=st.integers(1, 9),
    max_num=st.integers(1, 60),
)
def test_blocks_of_any_size_give_what_the_whole_video_gives(window, overlap, length, sizes, batch_size, max_num):
    """A model that sees its whole window, and its place in it, and scores the steps that are its own."""

    def find(windows, own):
        x = windows.streams['a'][..., 0] * windows.mask
        seen = x + x.sum(1, keepdim=True) / 100 + torch.arange(x.shape[1]) / 1000
        local = torch.arange(x.shape[1]).expand(len(own), -1)
        return torch.stack([local, local + seen], dim=2), seen * (own & windows.mask), local

    sliding = SlidingWindow(window, overlap, batch_size)
    feature = torch.rand(length, 1, generator=torch.Generator().manual_seed(length)) + 1
    whole = sliding(find, StreamBatch(dict(a=feature[None]), torch.ones(1, length, dtype=torch.bool)), max_num)
    stream, place, turn, held = WindowStream(sliding, find, max_num), 0, 0, []
    while place < length:
        stream.push(dict(a=feature[place : place + sizes[turn % len(sizes)]]))
        held.append(len(stream._held['a']))
        place, turn = place + sizes[turn % len(sizes)], turn + 1
    segments, scores, labels = stream.finish()
    kept, expected = scores[0] > 0, whole[1][0] > 0
    order, expected_order = (x.argsort(stable=True) for x in (scores[0][kept], whole[1][0][expected]))
    for actual, wanted in zip((segments, scores, labels), whole, strict=True):
        torch.testing.assert_close(actual[0][kept][order], wanted[0][expected][expected_order])
    assert stream.num_steps == length
    assert max(held) <= (batch_size - 1) * sliding.step + window + max(sizes)
