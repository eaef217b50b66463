"""Streams of different rates and lengths onto one time grid.

Shapes: T_s steps and C_s channels of stream s on its own grid; T steps of the common grid; N events.
"""

from __future__ import annotations

import logging
import zlib
from typing import Literal

import numpy as np
import torch
from mmengine.logging import print_log

from mmdel.datasets.feature_store import as_float32
from mmdel.registry import TRANSFORMS
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

MAX_STEPS_APART = 2
MAX_FRACTION_APART = 0.05


@TRANSFORMS.register_module()
class AlignStreams:
    """Puts every stream on one time grid, by time stamp and never by index.

    A step of the common grid takes the value of the other stream at the same second; before its first and after its
    last step a stream holds its edge value. Sets ``features[stream]`` (T, C_s), ``grid``, ``segments`` (N, 2) float32
    in grid steps and ``labels`` (N,), without the ignored events.

    The lengths tell whether the config's hops (stride / fps) are the files': a stream that covers far more or less than
    its video is an error, and streams that do not cover the same stretch of time, to 5 % or two steps (of the coarser
    grid), are reported once per video. Both name the hop that would fit.

    Args:
        reference: The stream whose grid and length are the common ones; the first stream if it is absent.
        mode: ``'linear'`` interpolation between the two steps around, or the ``'nearest'`` step.
        max_extent_ratio: How many times its video's duration a stream may cover, or the duration what the stream
            covers, before it is an error. For streams that truly end early or late, raise it, or use ``float('inf')``.

    Raises:
        UserInputError: If a stream covers too much or too little of its video.
    """

    def __init__(
        self,
        reference: str = 'visual',
        mode: Literal['linear', 'nearest'] = 'linear',
        max_extent_ratio: float = 1.5,
    ) -> None:
        if mode not in ('linear', 'nearest'):
            raise ValueError(f"mode must be 'linear' or 'nearest', got {mode!r}")
        if not max_extent_ratio > 1:
            raise ValueError(f'max_extent_ratio must be above 1, got {max_extent_ratio}')
        self.reference = reference
        self.mode = mode
        self.max_extent_ratio = max_extent_ratio
        # Which videos were reported, by a hash of their id: shared memory, so that data loading workers, which are
        # made anew each epoch, do not report them again.
        self._reported = torch.zeros(1 << 16, dtype=torch.bool).share_memory_()

    def __call__(self, results: dict) -> dict:
        features, grids = results['features'], results['grids']
        reference = self.reference if self.reference in features else next(iter(features))
        grid, num_steps = grids[reference], len(features[reference])
        for name in features:
            self._check_duration(results, reference, name)
        for name in features:
            if name != reference:
                self._check_extents(results, reference, name)
                features[name] = resample(features[name], grids[name], grid, num_steps, self.mode)
        results['grid'] = grid
        learned = ~results['ignored']
        results['eval_labels'] = results['labels']
        results['segments'] = grid.to_grid(results['segments_sec'][learned]).astype(np.float32)
        results['labels'] = results['labels'][learned]
        return results

    def _check_duration(self, results: dict, reference: str, name: str) -> None:
        """Stops at a stream that cannot be of its video."""
        grid, num_steps, duration_sec = results['grids'][name], len(results['features'][name]), results['duration_sec']
        covered_sec = end_sec(grid, num_steps)
        apart_sec = abs(covered_sec - duration_sec)
        if apart_sec <= max(MAX_STEPS_APART * grid.step_sec, grid.window / grid.fps):
            return
        if max(covered_sec, duration_sec) >= self.max_extent_ratio * min(covered_sec, duration_sec):
            raise UserInputError(
                f'video {results["video_id"]}: {name}: {num_steps} steps cover {covered_sec:.1f} s at the '
                f"config's hop of {grid.step_sec:.4g} s, the video has {duration_sec:.1f} s: "
                f'{_suggestion(results, reference, name)} (if files and duration are right, raise max_extent_ratio '
                'of AlignStreams)'
            )

    def _check_extents(self, results: dict, reference: str, name: str) -> None:
        """Reports a stream that does not cover what the reference does."""
        names, duration_sec = (reference, name), results['duration_sec']
        covered_sec = [end_sec(results['grids'][key], len(results['features'][key])) for key in names]
        step_sec = max(results['grids'][key].step_sec for key in names)
        apart_sec = abs(covered_sec[0] - covered_sec[1])
        if apart_sec <= MAX_STEPS_APART * step_sec and apart_sec <= MAX_FRACTION_APART * covered_sec[0]:
            return
        slot = zlib.crc32(results['video_id'].encode()) % len(self._reported)
        if not self._reported[slot]:
            self._reported[slot] = True
            odd = max(zip(covered_sec, names, strict=True), key=lambda item: abs(item[0] - duration_sec))[1]
            print_log(
                f'video {results["video_id"]}: stream {reference!r} covers {covered_sec[0]:.2f} s, {name!r} '
                f'{covered_sec[1]:.2f} s of {duration_sec:.2f} s; if its features are whole, {odd}: '
                f'{_suggestion(results, reference, odd)}',
                logger='current',
                level=logging.WARNING,
            )


def end_sec(grid: FeatureGrid, num_steps: int) -> float:
    """Where the last step's window ends, in seconds."""
    return grid.to_sec(num_steps - 1.0) + 0.5 * grid.window / grid.fps


def fitting_stride(grid: FeatureGrid, num_steps: int, duration_sec: float, likely: tuple[float, ...] = ()) -> float:
    """The stride with which ``num_steps`` steps cover a video, in the frames or hops of ``grid``.

    Of the strides that fit to 5 %, it is the window (steps side by side) or the first of the ``likely`` ones; if none
    fits, the duration over the number of steps.
    """
    frames = duration_sec * grid.fps
    whole, inside = frames / num_steps, (frames - grid.window) / max(num_steps - 1, 1)
    low, high = (1 - MAX_FRACTION_APART) * min(whole, inside), (1 + MAX_FRACTION_APART) * max(whole, inside)
    return next((stride for stride in (grid.window, *likely) if low <= stride <= high), whole)


def _suggestion(results: dict, reference: str, name: str) -> str:
    """The hop with which a stream would cover its video."""
    grid = results['grids'][name]
    likely = results['grids'][reference].step_sec * grid.fps
    stride = fitting_stride(grid, len(results['features'][name]), results['duration_sec'], (likely,))
    return f'a hop of {stride / grid.fps:.3g} s would fit; set stride={stride:.3g}'


def resample(
    feature: np.ndarray,
    source: FeatureGrid,
    target: FeatureGrid,
    num_steps: int,
    mode: str,
) -> np.ndarray:
    """A feature (T_s, C) on the grid ``source`` → (num_steps, C) on the grid ``target``, edges held.

    If the steps of both stand for the same times, the same array comes back, uncopied. Interpolation is in float32 at
    least.
    """
    # Rounded, since a step that another unit (25 frames or 100 hops a second) puts 1e-14 beside a step is on it.
    position = np.round(source.to_grid(target.to_sec(np.arange(num_steps, dtype=np.float64))), 6)
    if len(feature) == num_steps and (position == np.arange(num_steps)).all():
        return feature
    position = position.clip(0, len(feature) - 1)
    if mode == 'nearest':
        return feature[np.rint(position).astype(np.int64)]
    if feature.dtype == np.float16:
        feature = as_float32(feature)
    low = np.floor(position).astype(np.int64)
    high = np.minimum(low + 1, len(feature) - 1)
    weight = (position - low).astype(feature.dtype)[:, None]
    return feature[low] * (1 - weight) + feature[high] * weight
