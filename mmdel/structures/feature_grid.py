"""The time grid of a feature sequence: seconds outside, grid steps inside."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Times = TypeVar('Times', float, np.ndarray, 'Tensor')


@dataclass(frozen=True)
class FeatureGrid:
    """Step ``t`` of a feature sequence stands for frames ``[start + t*stride, start + t*stride + window)``.

    Its time is the middle of them, ``(start + t*stride + window/2) / fps`` seconds, and grid times are the (float)
    inverse of that. ``apply``-style identity: ``grid.to_grid(grid.to_sec(t)) == t``.

    Args:
        stride: Frames from one step to the next, > 0.
        window: Frames that one step sees, > 0.
        fps: Frames (or, for sound, hops) a second, > 0.
        start_frames: The first frame of step 0; other than 0 after a crop.

    Raises:
        ValueError: If stride, window or fps is not a positive finite number.
    """

    stride: float
    window: float
    fps: float
    start_frames: float = 0.0

    def __post_init__(self) -> None:
        for name in ('stride', 'window', 'fps'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f'{name} of a feature grid must be a positive number, got {value!r}')

    @property
    def step_sec(self) -> float:
        """Seconds from one step to the next."""
        return self.stride / self.fps

    def to_sec(self, times_grid: Times) -> Times:
        """Grid times (any shape) → seconds."""
        return (self.start_frames + times_grid * self.stride + 0.5 * self.window) / self.fps

    def to_grid(self, times_sec: Times) -> Times:
        """Seconds (any shape) → grid times, as floats."""
        return (times_sec * self.fps - 0.5 * self.window - self.start_frames) / self.stride

    def positions(self, other: FeatureGrid, first: int, last: int) -> np.ndarray:
        """Where steps ``[first, last)`` of another grid lie on this one: ``(last - first,)`` float64 grid times.

        Rounded, since a step that another unit (25 frames or 100 hops a second) puts 1e-14 beside a step is on it.
        """
        return np.round(self.to_grid(other.to_sec(np.arange(first, last, dtype=np.float64))), 6)

    def end_sec(self, num_steps: int) -> float:
        """Where the last step's window ends, in seconds."""
        return self.to_sec(num_steps - 1.0) + 0.5 * self.window / self.fps

    def expected_steps(self, duration_sec: float) -> tuple[int, int]:
        """The fewest and the most steps of a video: only whole windows, or one for each stride begun."""
        num_frames = duration_sec * self.fps
        whole = math.floor((num_frames - self.window) / self.stride + 1 + 1e-6)
        begun = math.ceil(num_frames / self.stride - 1e-6)
        return max(min(whole, begun), 1), max(whole, begun, 1)

    def resized(self, num_steps: int, length: int) -> FeatureGrid:
        """The grid of ``length`` steps side by side over the stretch of time of ``num_steps`` steps of this one."""
        stride = ((num_steps - 1) * self.stride + self.window) / length
        return FeatureGrid(stride, stride, self.fps, self.start_frames)

    def shift(self, num_steps: float) -> FeatureGrid:
        """The grid whose step 0 is step ``num_steps`` of this one: what is left after cropping the front."""
        return replace(self, start_frames=self.start_frames + num_steps * self.stride)


def interpolate(feature: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """A feature at grid times between its steps, linearly, edges held.

    Args:
        feature: ``(T, C)`` floats.
        positions: ``(n,)`` grid times.

    Returns:
        ``(n, C)`` of the feature's type.
    """
    positions = positions.clip(0, len(feature) - 1)
    low = np.floor(positions).astype(np.int64)
    high = np.minimum(low + 1, len(feature) - 1)
    weight = (positions - low).astype(feature.dtype)[:, None]
    return feature[low] * (1 - weight) + feature[high] * weight
