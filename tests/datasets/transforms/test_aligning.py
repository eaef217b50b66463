import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.datasets import EventDataset
from mmdel.datasets.transforms.aligning import (
    AlignStreams,
    fitting_stride,
    length_problem,
    resample,
)
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

RNG = np.random.default_rng(0)


def aligned(
    features, grids, segments_sec=((1.0, 3.0),), labels=(0,), ignored=(False,), transform=None, duration_sec=20.0
):
    results = {
        'video_id': 'vid',
        'duration_sec': duration_sec,
        'features': dict(features),
        'grids': grids,
        'segments_sec': np.array(segments_sec, dtype=np.float64).reshape(-1, 2),
        'labels': np.array(labels, dtype=np.int64),
        'ignored': np.array(ignored, dtype=bool),
    }
    return (transform or AlignStreams())(results)


def time_feature(grid, num_steps):
    """A feature that tells the time of each of its steps, in seconds."""
    return grid.to_sec(np.arange(num_steps, dtype=np.float64))[:, None].astype(np.float32)


grids = st.builds(FeatureGrid, st.floats(0.5, 20), st.floats(0.5, 40), st.floats(1, 100), st.floats(0, 50))


@settings(max_examples=60, deadline=None)
@given(source=grids, target=grids, num_source=st.integers(1, 40), num_target=st.integers(1, 40))
def test_a_resampled_clock_still_tells_the_time(source, target, num_source, num_target):
    clock = time_feature(source, num_source)
    seconds = target.to_sec(np.arange(num_target))
    expected = seconds.clip(clock[0, 0], clock[-1, 0])
    linear = resample(clock, source, target, num_target, 'linear')[:, 0]
    np.testing.assert_allclose(linear, expected, atol=1e-3)
    nearest = resample(clock, source, target, num_target, 'nearest')[:, 0]
    closest = np.abs(clock[:, 0][None] - seconds[:, None]).min(axis=1)
    np.testing.assert_allclose(np.abs(nearest - seconds), closest, atol=1e-3)


def test_linear_interpolation_is_numpy_s_on_every_channel():
    source, target = FeatureGrid(0.96, 0.96, 1), FeatureGrid(8, 24, 25)
    feature = RNG.normal(size=(13, 4)).astype(np.float32)
    ours = resample(feature, source, target, 41, 'linear')
    times, known = target.to_sec(np.arange(41)), source.to_sec(np.arange(13))
    for channel in range(4):
        np.testing.assert_allclose(ours[:, channel], np.interp(times, known, feature[:, channel]), atol=1e-5)


def test_steps_of_the_same_times_are_not_copied():
    frames, hops = FeatureGrid(8, 24, 25), FeatureGrid(32, 96, 100)
    feature = RNG.normal(size=(50, 4)).astype(np.float32)
    for grid in (frames, hops):
        assert resample(feature, grid, frames, 50, 'linear') is feature
    longer = resample(feature, hops, frames, 52, 'linear')
    np.testing.assert_array_equal(longer, feature[[*range(50), 49, 49]])


def test_all_streams_come_onto_the_reference_grid():
    visual, audio = FeatureGrid(1, 1, 1), FeatureGrid(1, 1, 4)
    features = {'visual': time_feature(visual, 20), 'audio': time_feature(audio, 80)}
    results = aligned(features, {'visual': visual, 'audio': audio}, [[1, 3], [2, 4], [5, 6]], [7, -1, 2], [0, 1, 0])
    assert results['grid'] == visual
    assert results['features']['visual'] is features['visual']
    np.testing.assert_allclose(results['features']['audio'], features['visual'], atol=1e-5)
    assert results['segments'].dtype == np.float32
    assert results['segments'].tolist() == [[0.5, 2.5], [4.5, 5.5]]
    assert results['labels'].tolist() == [7, 2]
    assert aligned(features, {'visual': visual, 'audio': audio}, transform=AlignStreams('audio'))['grid'] == audio


def test_a_single_stream_of_another_name_is_its_own_reference():
    grid = FeatureGrid(2, 2, 4)
    results = aligned({'audio': np.ones((40, 3), np.float32)}, {'audio': grid}, (), (), ())
    assert results['grid'] == grid
    assert results['segments'].shape == (0, 2)


def test_a_length_difference_is_reported_once_per_video_with_the_hop_that_would_fit(logged):
    grid = FeatureGrid(1, 1, 1)
    transform = AlignStreams()
    for num_audio in (100, 98, 102, 95, 90):
        features = {'visual': np.ones((100, 3), np.float32), 'audio': np.ones((num_audio, 2), np.float32)}
        results = aligned(features, {'visual': grid, 'audio': grid}, transform=transform, duration_sec=100.0)
        assert results['features']['audio'].shape == (100, 2)
    assert logged == ["streams-differ, video vid: stream 'audio' covers 95.00 s; expected 100.00 s, as 'visual' does"]


def test_a_length_that_does_not_fit_the_duration_is_reported_with_the_hop_that_would_fit(logged):
    features = {'visual': np.ones((90, 3), np.float32)}
    for _ in range(2):
        transform = AlignStreams()
        aligned(features, {'visual': FeatureGrid(1, 1, 1)}, transform=transform, duration_sec=110.0)
        aligned(features, {'visual': FeatureGrid(1, 1, 1)}, transform=transform, duration_sec=110.0)
    assert len(logged) == 2 and logged[0] == (
        "wrong-length, video vid: stream 'visual': 90 steps in 110.00 s; expected 110 to 110 steps, one every 1 s; if "
        'the features are whole, a hop of 1.22 s would fit; set stride=1.22'
    )


@given(st.integers(1, 400), st.integers(1, 64), st.integers(1, 64))
def test_both_ways_to_cut_windows_are_expected(num_frames, stride, window):
    """Whole windows only, and one window, cut off or filled up, for each stride begun."""
    fewest, most = FeatureGrid(stride, window, 25).expected_steps(num_frames / 25)
    whole = len([start for start in range(0, num_frames, stride) if start + window <= num_frames])
    begun = len(range(0, num_frames, stride))
    assert (fewest, most) == (max(min(whole, begun), 1), max(whole, begun))


@pytest.mark.parametrize(
    ('num_steps', 'severity'),
    [(100, None), (102, None), (95, None), (112, 'warning'), (85, 'warning'), (67, 'warning'), (65, 'error')],
)
def test_two_steps_or_5_percent_are_nothing_and_half_as_many_an_error(num_steps, severity):
    problem = length_problem('visual', FeatureGrid(8, 24, 25), num_steps, 32.5, 'a')
    assert (problem and problem.severity) == severity


def test_a_tenth_of_a_short_video_is_reported(logged):
    grid = FeatureGrid(1, 1, 1)
    aligned({'visual': np.ones((10, 3)), 'audio': np.ones((9, 3))}, {'visual': grid, 'audio': grid}, duration_sec=10.0)
    assert len(logged) == 1 and "'audio' covers 9.00 s; expected 10.00 s" in logged[0]


def test_other_windows_over_the_same_time_are_not_reported(logged):
    # 25 frames: 21 overlapping windows of five frames, or five that do not overlap.
    grids = {'visual': FeatureGrid(1, 5, 1), 'audio': FeatureGrid(5, 5, 1)}
    aligned({'visual': np.ones((21, 3)), 'audio': np.ones((5, 3))}, grids, duration_sec=25.0)
    assert logged == []


VGGISH = FeatureGrid(32, 96, 100)
I3D = FeatureGrid(8, 24, 25)


def thirty_seconds(num_visual, num_audio, visual=I3D, audio=VGGISH, **more):
    features = {'visual': np.ones((num_visual, 3), np.float32), 'audio': np.ones((num_audio, 2), np.float32)}
    return aligned(features, {'visual': visual, 'audio': audio}, duration_sec=30.0, **more)


def test_vggish_of_the_other_hop_is_an_error_that_names_it(logged):
    thirty_seconds(91, 91)
    assert logged == []
    with pytest.raises(UserInputError) as raised:
        thirty_seconds(91, 31)
    assert str(raised.value) == (
        "wrong-length, video vid: stream 'audio': 31 steps in 30.00 s; expected 91 to 94 steps, one every 0.32 s; if "
        'the features are whole, a hop of 0.96 s would fit; set stride=96 (if files and duration are right, raise '
        'max_extent_ratio of AlignStreams)'
    )
    with pytest.raises(UserInputError, match=r"'audio': 91 steps in 30\.00 s; .* hop of 0\.32 s would .* stride=32 "):
        thirty_seconds(91, 91, audio=FeatureGrid(96, 96, 100))
    with pytest.raises(UserInputError, match=r"'visual': 750 steps in .* hop of 0\.04 s .* set stride=1 "):
        thirty_seconds(750, 91)


def test_streams_that_truly_end_early_pass_if_asked_for(logged):
    results = thirty_seconds(91, 31, transform=AlignStreams(max_extent_ratio=3))
    assert results['features']['audio'].shape == (91, 2) and len(logged) == 1
    thirty_seconds(91, 1, transform=AlignStreams(max_extent_ratio=float('inf')))
    with pytest.raises(ValueError, match='above 1'):
        AlignStreams(max_extent_ratio=1.0)


def test_a_few_steps_are_no_mismatch():
    for duration_sec in (0.2, 0.5, 0.96, 1.5):  # one window is the least that VGGish gives
        features = {'visual': np.ones((1, 3), np.float32), 'audio': np.ones((1, 2), np.float32)}
        aligned(features, {'visual': I3D, 'audio': VGGISH}, (), (), (), duration_sec=duration_sec)


@settings(max_examples=60, deadline=None)
@given(stride=st.integers(4, 200), window=st.integers(1, 200), num_steps=st.integers(20, 500), fps=st.floats(10, 100))
def test_the_fitting_stride_covers_the_video(stride, window, num_steps, fps):
    """Whatever the config says, the suggested stride gives the duration that the true one does, to 5 % and a window."""
    truth = FeatureGrid(stride, min(window, 3 * stride), fps)
    duration_sec = truth.end_sec(num_steps)
    wrong = FeatureGrid(3 * stride, truth.window, fps)
    fitted = fitting_stride(wrong, num_steps, duration_sec, likely=(stride,))
    assert abs(FeatureGrid(fitted, truth.window, fps).end_sec(num_steps) / duration_sec - 1) < 0.11
    assert fitted in (stride, truth.window)


def test_half_precision_stays_until_it_is_interpolated():
    half = RNG.normal(size=(31, 4)).astype(np.float16)
    side_by_side = FeatureGrid(96, 96, 100)
    assert resample(half, VGGISH, I3D, 31, 'linear') is half
    assert resample(half, side_by_side, I3D, 91, 'nearest').dtype == np.float16
    interpolated = resample(half, side_by_side, I3D, 91, 'linear')
    assert interpolated.dtype == np.float32
    np.testing.assert_array_equal(interpolated, resample(half.astype(np.float32), side_by_side, I3D, 91, 'linear'))


@pytest.mark.parametrize('subset', ['train', 'val'])
def test_no_real_stream_is_a_mismatch(shared_data, subset, logged):
    root = str(shared_data / 'grid_streams')
    stream = {'root': 'av_features', 'stride': 1, 'window': 1, 'channels': 64}
    streams = {'visual': {**stream, 'files': ['{id}_rgb.npy']}, 'audio': {**stream, 'files': ['{id}_vggish.npy']}}
    pipeline = [{'type': 'mmdel.LoadFeatures'}, {'type': 'mmdel.AlignStreams', 'max_extent_ratio': 1.05}]
    dataset = EventDataset('annotations.json', streams, subset, data_root=root, pipeline=pipeline)
    assert len([dataset[index] for index in range(len(dataset))]) in (128, 24)
    assert logged == []


def test_unknown_mode_is_an_error():
    with pytest.raises(ValueError, match="'linear' or 'nearest'"):
        AlignStreams(mode='cubic')
