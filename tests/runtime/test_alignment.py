import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.datasets.transforms.aligning import resample
from mmdel.runtime.alignment import StreamAligner
from mmdel.structures import FeatureGrid

RATES = st.sampled_from([1.0, 5.0, 7.3, 8.0, 16.0, 25.0, 29.97, 100.0, 8000.0])
GRIDS = st.builds(
    lambda fps, stride, window: FeatureGrid(stride * fps, window * fps, fps),
    RATES,
    st.sampled_from([0.02, 0.08, 0.1, 0.2, 0.25, 0.32, 1.0, 1.5]),
    st.sampled_from([0.02, 0.33, 0.5, 0.96, 2.0]),
)


@settings(max_examples=200, deadline=None)
@given(
    grids=st.lists(GRIDS, min_size=2, max_size=3),
    lengths=st.lists(st.integers(1, 80), min_size=3, max_size=3),
    mode=st.sampled_from(['linear', 'nearest']),
    dtype=st.sampled_from([np.float16, np.float32]),
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=8),
)
def test_blocks_of_any_size_give_the_steps_of_the_whole(grids, lengths, mode, dtype, sizes):
    """Bit for bit those of ``AlignStreams``' own resampling of the whole arrays, whichever stream is ahead."""
    rng = np.random.default_rng(0)
    grids = dict(zip('abc', grids, strict=False))
    whole = {name: rng.normal(size=(length, 2)).astype(dtype) for name, length in zip(grids, lengths, strict=False)}
    expected = {
        name: np.asarray(resample(feature, grids[name], grids['b'], len(whole['b']), mode), np.float32)
        for name, feature in whole.items()
    }
    aligner, taken, place = StreamAligner(grids, 'b', mode), [], dict.fromkeys(grids, 0)
    turn = 0
    while any(place[name] < len(whole[name]) for name in grids):
        block = {}
        for name in grids:
            size = sizes[turn % len(sizes)] + (turn % 7 == 6)  # so that it ends
            block[name] = whole[name][place[name] : place[name] + size]
            place[name], turn = place[name] + size, turn + 1
        taken.append(aligner.push(block))
    taken.append(aligner.finish())
    for name in grids:
        assert all(len(block[name]) == len(block['b']) for block in taken)
        actual = np.concatenate([block[name] for block in taken])
        assert actual.dtype == np.float32
        np.testing.assert_array_equal(actual, expected[name])


def test_no_more_is_held_than_what_later_steps_need():
    """Two streams side by side: a step comes out as soon as both are past it, and nothing piles up."""
    grids = dict(visual=FeatureGrid(2, 4, 8), audio=FeatureGrid(1600, 2656, 8000))
    aligner, held, given_out = StreamAligner(grids, 'visual'), [], 0
    for _ in range(200):
        block = dict(visual=np.zeros((4, 3), np.float32), audio=np.zeros((5, 2), np.float32))  # a second
        given_out += len(aligner.push(block)['visual'])
        held.append(max(len(rows) for rows in aligner._held.values()))
    assert max(held) <= 6 and given_out >= 4 * 200 - 4


def test_one_stream_goes_through():
    aligner = StreamAligner(dict(audio=FeatureGrid(1, 1, 1)), 'audio')
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.testing.assert_array_equal(aligner.push(dict(audio=rows))['audio'], rows)
    assert aligner.finish()['audio'].shape == (0, 2)


@pytest.mark.parametrize('late', ['a', 'b'])
def test_nothing_comes_out_before_every_stream_has_come(late):
    aligner = StreamAligner(dict(a=FeatureGrid(1, 1, 1), b=FeatureGrid(2, 2, 1)), 'b')
    none, some = np.zeros((0, 1), np.float32), np.ones((4, 1), np.float32)
    early = {'a': 'b', 'b': 'a'}[late]
    assert len(aligner.push({early: some, late: none})['b']) == 0
    assert len(aligner.push({early: none, late: some})['b']) > 0
