import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.structures import FeatureGrid

positive = st.floats(0.05, 200)
grids = st.builds(FeatureGrid, positive, positive, positive, st.floats(-500, 500))
times = st.floats(-1000, 1000)


def test_steps_of_i3d_at_25_fps():
    grid = FeatureGrid(stride=8, window=24, fps=25)
    assert grid.to_sec(0.0) == pytest.approx(12 / 25)  # the middle of frames 0 … 24
    assert grid.to_sec(10.0) == pytest.approx(3.68)
    assert grid.to_grid(3.68) == pytest.approx(10.0)
    assert grid.to_grid(0.0) == pytest.approx(-1.5)  # the video begins before the middle of the first step
    assert grid.step_sec == pytest.approx(0.32)


@settings(derandomize=True, deadline=None)
@given(grids, times)
def test_to_grid_is_the_inverse_of_to_sec(grid, time):
    scale = max(1.0, abs(time), abs(grid.start_frames), grid.window) * max(1.0, 1 / grid.stride)
    assert math.isclose(grid.to_grid(grid.to_sec(time)), time, abs_tol=1e-9 * scale)


@settings(derandomize=True, deadline=None)
@given(grids, times, st.floats(-100, 100), st.floats(-100, 100))
def test_shifted_grid_counts_from_its_own_first_step(grid, time, first, second):
    tolerance = dict(rel_tol=1e-9, abs_tol=1e-6)
    assert math.isclose(grid.shift(first).to_sec(time), grid.to_sec(time + first), **tolerance)
    assert math.isclose(
        grid.shift(first).shift(second).to_sec(time), grid.shift(first + second).to_sec(time), **tolerance
    )
    assert grid.shift(first).step_sec == grid.step_sec


@pytest.mark.parametrize('make', [np.asarray, torch.tensor])
def test_arrays_and_tensors_map_element_by_element(make):
    grid = FeatureGrid(stride=4, window=16, fps=30, start_frames=7)
    segments = [[0.0, 2.5], [10.0, 11.0], [-3.0, 100.0]]
    seconds = grid.to_sec(make(segments))
    assert type(seconds) is type(make(segments))
    for row, expected in zip(seconds.tolist(), segments, strict=True):
        assert row == pytest.approx([grid.to_sec(value) for value in expected])
    np.testing.assert_allclose(grid.to_grid(seconds), segments, atol=1e-5)


@pytest.mark.parametrize('field', ['stride', 'window', 'fps'])
@pytest.mark.parametrize('value', [0, -1, math.nan, math.inf])
def test_a_field_that_is_no_positive_number_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=f'{field}.*positive'):
        FeatureGrid(**{**dict(stride=1, window=1, fps=1), field: value})
