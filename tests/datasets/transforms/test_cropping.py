import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.datasets.transforms import RandomTemporalCrop
from mmdel.structures import FeatureGrid

GRID = FeatureGrid(8, 24, 25)


def video(num_steps, segments, **more):
    """A video whose features are the numbers of their steps, and whose labels are the numbers of their events.

    Each event is an ignored one, too.
    """
    steps = np.arange(num_steps, dtype=np.float32)[:, None]
    segments = np.array(segments, dtype=np.float32).reshape(-1, 2)
    return {
        'features': {'visual': np.repeat(steps, 3, 1), 'audio': steps},
        'grid': GRID,
        'segments': segments,
        'labels': np.arange(len(segments)),
        'ignored_segments': segments,
        **more,
    }


def kept_fraction(segment, start, length, num_steps):
    """What a window keeps of an event, by hand: half a step beyond its ends, all at the ends of the video."""
    low = start - 0.5 if start > 0 else min(segment[0], start - 0.5)
    high = start + length - 0.5 if start + length < num_steps else max(segment[1], start + length - 0.5)
    return max(min(segment[1], high) - max(segment[0], low), 0) / (segment[1] - segment[0])


def overlaps(segment, start, length):
    return segment[0] < start + length - 0.5 and segment[1] > start - 0.5


@st.composite
def videos(draw):
    num_steps = draw(st.integers(1, 60))
    num_events = draw(st.integers(0, 5))
    starts = [draw(st.floats(-1.5, num_steps - 1.0, width=32)) for _ in range(num_events)]
    return num_steps, [(start, start + draw(st.floats(0.25, 40, width=32))) for start in starts]


@settings(max_examples=150, deadline=None)
@given(
    case=videos(),
    max_len=st.integers(1, 50),
    ratio=st.sampled_from([None, (0.9, 1.0), (0.3, 0.8)]),
    seed=st.integers(0, 99),
)
def test_what_is_left_is_true_to_the_video(case, max_len, ratio, seed):
    num_steps, segments = case
    before = video(num_steps, segments)
    np.random.seed(seed)
    crop = RandomTemporalCrop(max_len, ratio, trunc_thresh=0.5, num_tries=1000)
    after = crop(video(num_steps, segments))
    visual, audio = after['features']['visual'], after['features']['audio']
    start, length = int(visual[0, 0]), len(visual)
    # One window of consecutive steps, the same in each stream, of an allowed length.
    np.testing.assert_array_equal(visual[:, 0], np.arange(start, start + length))
    np.testing.assert_array_equal(audio, visual[:, :1])
    if num_steps > max_len:
        assert length == max_len
    elif ratio is None:
        assert length == num_steps
    else:
        assert max(round(ratio[0] * num_steps), 1) <= length <= max(round(ratio[1] * num_steps), 1)
    # The grid tells the same second of the same step.
    assert after['grid'].to_sec(0.0) == pytest.approx(GRID.to_sec(float(start)))
    if length == num_steps:
        assert after['labels'].tolist() == before['labels'].tolist()
        return
    fractions = [kept_fraction(segment, start, length, num_steps) for segment in before['segments']]
    kept = after['labels'].tolist()
    assert kept == sorted(kept)
    # At least one event is left if the features reach any.
    assert bool(kept) == any(overlaps(segment, 0, num_steps) for segment in before['segments'])
    # At most one is under the threshold, and only if there is no window that keeps enough of any.
    short = [label for label in kept if fractions[label] < 0.5 - 1e-4]
    assert len(short) <= 1
    for other in range(num_steps - length + 1) if short else ():
        seen = [segment for segment in before['segments'] if overlaps(segment, other, length)]
        assert all(kept_fraction(segment, other, length, num_steps) < 0.5 + 1e-4 for segment in seen)
    for label in range(len(segments)):
        if fractions[label] > 0.5 + 1e-4:
            assert (label in kept) == overlaps(before['segments'][label], start, length)
    # Where nothing is learned, nothing is kept or dropped as a whole.
    shown = [segment for segment in before['segments'] if overlaps(segment, start, length)]
    low, high = -0.5 if start > 0 else -np.inf, length - 0.5 if start + length < num_steps else np.inf
    clipped = np.reshape(shown, (-1, 2)) - start
    np.testing.assert_allclose(after['ignored_segments'], clipped.clip(low, high), atol=1e-4)
    # Each kept event is its own, clipped: inside the window, but for the ends of the video.
    for label, segment in zip(kept, after['segments'], strict=True):
        original = before['segments'][label] - start
        np.testing.assert_allclose(segment, original.clip(low, high), atol=1e-4)
        assert segment[1] > segment[0] and overlaps(segment, 0, length)


def test_windows_are_spread_over_the_video():
    crop = RandomTemporalCrop(10)
    np.random.seed(0)
    starts = {int(crop(video(14, ()))['features']['visual'][0, 0]) for _ in range(200)}
    assert starts == {0, 1, 2, 3, 4}
    lengths = {len(RandomTemporalCrop(100)(video(20, ()))['features']['visual']) for _ in range(200)}
    assert lengths == {18, 19, 20}


def test_the_global_seed_decides():
    crop = RandomTemporalCrop(10)

    def draw(seed):
        np.random.seed(seed)
        return [int(crop(video(100, [(3, 9), (50, 60), (80, 85)]))['features']['visual'][0, 0]) for _ in range(5)]

    assert draw(1) == draw(1) != draw(2)


def test_a_hidden_event_is_found_by_the_last_resort():
    crop = RandomTemporalCrop(10, num_tries=1)
    np.random.seed(0)
    for _ in range(20):
        after = crop(video(10_000, [(7000, 7004)]))
        np.testing.assert_allclose(after['grid'].to_sec(after['segments']), GRID.to_sec(np.array([[7000.0, 7004.0]])))


def test_an_event_too_long_for_the_threshold_fills_the_window():
    after = RandomTemporalCrop(10)(video(1000, [(100, 900)]))
    start = after['features']['visual'][0, 0]
    assert after['segments'].tolist() == [[-0.5, 9.5]] and 490 <= start <= 500


def test_events_beyond_the_features_are_not_what_a_window_keeps():
    np.random.seed(0)
    for _ in range(20):
        after = RandomTemporalCrop(10)(video(30, [(40, 45), (2, 4)]))
        assert after['labels'].tolist() == [1]
        assert len(RandomTemporalCrop(10)(video(30, [(40, 45)]))['labels']) == 0


def test_the_video_s_own_ends_do_not_cut():
    np.random.seed(0)
    after = RandomTemporalCrop(100, (0.9, 0.9))(video(10, [(-1.5, 11.0)]))
    start = after['features']['visual'][0, 0]
    assert after['segments'].tolist() == ([[-1.5, 8.5]] if start == 0 else [[-0.5, 10.0]])


@settings(max_examples=100, deadline=None)
@given(case=videos(), max_len=st.integers(1, 50), seed=st.integers(0, 99))
def test_the_pieces_of_a_video_cover_it_and_show_each_event_that_fits(case, max_len, seed):
    num_steps, segments = case
    crop = RandomTemporalCrop(max_len, None)
    kept = crop.pieces(np.array(segments).reshape(-1, 2), num_steps)
    cuts = [crop(video(num_steps, segments, piece=(number, len(kept)))) for number in range(len(kept))]
    steps = [cut['features']['visual'][:, 0].astype(int).tolist() for cut in cuts]
    assert all(len(piece) == min(max_len, num_steps) for piece in steps)
    assert set().union(*steps) == set(range(num_steps))
    assert [len(cut['labels']) > 0 for cut in cuts] == kept.tolist()
    assert len(kept) == 1 or (len(kept) - 2) * 0.75 * max_len < num_steps - max_len  # not one too many
    shown = {label for cut in cuts for label in cut['labels']}
    fitting = {
        n for n, (start, end) in enumerate(segments) if start >= 0 and end <= min(start + max_len, num_steps) - 1
    }
    assert max_len < 8 or fitting <= shown
    # With a crop_ratio, a piece is cut again as a video of its length is.
    np.random.seed(seed)
    number = seed % len(kept)
    again = RandomTemporalCrop(max_len, (0.5, 0.5))(video(num_steps, segments, piece=(number, len(kept))))
    seen = again['features']['visual'][:, 0].astype(int).tolist()
    assert set(seen) <= set(steps[number]) and len(seen) == max(round(0.5 * len(steps[number])), 1)


@pytest.mark.parametrize(
    'wrong',
    [{'max_len': 0}, {'crop_ratio': (0.9, 1.1)}, {'crop_ratio': (0.9, 0.8)}, {'trunc_thresh': 0}, {'num_tries': 0}],
)
def test_wrong_options_are_errors(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RandomTemporalCrop(**{'max_len': 10, **wrong})
