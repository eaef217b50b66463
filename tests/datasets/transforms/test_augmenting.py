import numpy as np
import pytest

from mmdel.datasets.transforms import DisturbStream, RandomNoise, RandomShift, RandomSpeed, ResizeStreams
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

GRID = FeatureGrid(4, 16, 25, start_frames=8)


def video(num_steps=40, dtype=np.float32):
    rng = np.random.default_rng(0)
    segments = np.array([[3.0, 9.5], [20.0, 40.0]], dtype=np.float32)
    features = {name: rng.normal(size=(num_steps, width)).astype(dtype) for name, width in [('v', 3), ('a', 2)]}
    return {'features': features, 'grid': GRID, 'segments': segments, 'ignored_segments': segments + 1}


def test_speed_is_a_resizing_to_a_random_length_in_the_range():
    np.random.seed(0)
    speed, lengths = RandomSpeed(0.5, 2.0), []
    for _ in range(60):
        changed = speed(video())
        lengths.append(len(changed['features']['v']))
        expected = ResizeStreams(lengths[-1])(video())
        assert changed['grid'] == expected['grid'] and np.array_equal(changed['segments'], expected['segments'])
        assert all(np.array_equal(changed['features'][name], expected['features'][name]) for name in ('v', 'a'))
    assert 20 <= min(lengths) < 26 and 62 < max(lengths) <= 80
    assert 35 < np.exp(np.log(lengths).mean()) < 46  # as often faster as slower


def test_a_step_of_a_video_stays_one_step_at_least():
    assert len(RandomSpeed(0.1, 0.2)(video(1))['features']['v']) == 1


@pytest.mark.parametrize('dtype', [np.float16, np.float32])
def test_noise_is_each_stream_at_another_time(dtype):
    np.random.seed(0)
    shares = []
    for _ in range(30):
        before, after = video(dtype=dtype), RandomNoise(0.5)(video(dtype=dtype))
        assert after['grid'] == GRID and np.array_equal(after['segments'], before['segments'])
        found = []
        for name, feature in before['features'].items():
            noise = after['features'][name].astype(float) - feature
            assert after['features'][name].dtype == dtype
            rolled = np.stack([np.roll(feature, shift, axis=0) for shift in range(len(feature))]).astype(float)
            share = (rolled * noise).sum((1, 2)) / (rolled**2).sum((1, 2))
            rest = np.abs(noise - share[:, None, None] * rolled).max((1, 2))
            assert rest.min() < 0.02
            found.append((rest.argmin(), share[rest.argmin()]))
        assert found[0] != found[1]
        shares += [share for _, share in found]
    assert 0 <= min(shares) < 0.05 and 0.45 < max(shares) <= 0.501


@pytest.mark.parametrize('dtype', [np.float16, np.float32])
def test_a_shift_is_the_same_of_all_steps_and_late_as_often_as_early(dtype):
    np.random.seed(0)
    shifts = []
    for _ in range(200):
        clock = video(dtype=dtype)
        clock['features']['a'] = np.arange(40, dtype=dtype)[:, None]
        shifted = RandomShift('a', 6.0)(clock)
        assert shifted['grid'] == GRID and np.array_equal(shifted['segments'], video()['segments'])
        assert np.array_equal(shifted['features']['v'], video(dtype=dtype)['features']['v'])
        shifts.append((np.arange(40)[:, None] - shifted['features']['a'])[20, 0])
        expected = DisturbStream('a', shift=shifts[-1])({'features': {'a': np.arange(40, dtype=dtype)[:, None]}})
        np.testing.assert_allclose(shifted['features']['a'], expected['features']['a'], atol=1e-4)
    assert -6 <= min(shifts) < -5 and 5 < max(shifts) <= 6 and abs(np.mean(shifts)) < 1


def test_a_shift_needs_its_stream():
    with pytest.raises(UserInputError, match=r"RandomShift: there is no stream 'sound'; there are \['a', 'v'\]"):
        RandomShift('sound', 2)(video())


def test_no_share_is_no_change():
    after = RandomNoise(0.0)(video())
    assert all(np.array_equal(after['features'][name], feature) for name, feature in video()['features'].items())


def test_wrong_ranges_are_refused():
    for shortest, longest in [(0, 1), (2, 1), (1, float('inf')), (float('nan'), 1)]:
        with pytest.raises(ValueError, match='shortest <= longest'):
            RandomSpeed(shortest, longest)
    with pytest.raises(ValueError, match='max_share must be 0 or more, got -1'):
        RandomNoise(-1)
    with pytest.raises(ValueError, match='max_shift must be 0 or more, got nan'):
        RandomShift('a', float('nan'))
