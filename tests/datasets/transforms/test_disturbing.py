import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.datasets.transforms import DisturbStream
from mmdel.utils.errors import UserInputError

RNG = np.random.default_rng(0)


def disturbed(feature, video_id='vid', **kwargs):
    """What a stream becomes; the other one and the truth stay as they are."""
    other, segments = np.ones((len(feature), 2), np.float32), np.array([[1.0, 3.0]], np.float32)
    before = feature.copy()
    results = dict(video_id=video_id, features=dict(visual=other, audio=feature), segments=segments)
    results = DisturbStream('audio', **kwargs)(results)
    assert results['features']['visual'] is other and results['segments'] is segments
    np.testing.assert_array_equal(feature, before)
    return results['features']['audio']


@settings(max_examples=40, deadline=None)
@given(num_steps=st.integers(1, 30), shift=st.integers(-35, 35), half=st.booleans())
def test_a_whole_shift_takes_the_steps_before_and_holds_the_edges(num_steps, shift, half):
    feature = RNG.normal(size=(num_steps, 3)).astype(np.float16 if half else np.float32)
    shifted = disturbed(feature, shift=shift)
    for step in range(num_steps):
        np.testing.assert_array_equal(shifted[step], feature[min(max(step - shift, 0), num_steps - 1)])


def test_a_drift_grows_evenly_to_its_end_and_adds_to_a_shift():
    clock = np.arange(41, dtype=np.float32)[:, None]
    late = clock - disturbed(clock, drift=8)
    np.testing.assert_allclose(late, 8 * clock / 40, atol=1e-5)
    np.testing.assert_allclose((clock - disturbed(clock, drift=8, shift=4))[10:], late[10:] + 4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    num_steps=st.integers(1, 30), share=st.floats(0.01, 1), kind=st.sampled_from(['babble', 'zeros']), name=st.text()
)
def test_one_stretch_of_the_share_is_replaced_at_the_place_of_the_video(num_steps, share, kind, name):
    feature = 1 + np.arange(num_steps, dtype=np.float32)[:, None]
    once = disturbed(feature, name, replace=kind, replaced_share=share)
    np.testing.assert_array_equal(once, disturbed(feature, name, replace=kind, replaced_share=share))
    other = [feature[(step + num_steps // 2) % num_steps] if kind == 'babble' else [0] for step in range(num_steps)]
    length = max(round(share * num_steps), 1)
    candidates = []
    for first in range(num_steps - length + 1):
        candidate = feature.copy()
        candidate[first : first + length] = other[first : first + length]
        candidates.append(candidate)
    assert any(np.array_equal(once, candidate) for candidate in candidates)


def test_videos_are_replaced_at_different_places():
    feature = np.ones((100, 1), np.float32)
    firsts = {int(disturbed(feature, str(index), replace='zeros').argmin()) for index in range(20)}
    assert len(firsts) > 10 and max(firsts) <= 50


def test_what_cannot_be_is_refused():
    with pytest.raises(UserInputError, match=r"no stream 'sound'; there are \['audio'\]"):
        DisturbStream('sound', shift=1)(dict(video_id='a', features=dict(audio=np.ones((3, 1)))))
    with pytest.raises(ValueError, match='replace must be'):
        DisturbStream('audio', replace='noise')
    with pytest.raises(ValueError, match='replaced_share'):
        DisturbStream('audio', replace='zeros', replaced_share=0)
