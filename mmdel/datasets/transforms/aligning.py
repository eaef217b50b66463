"""Streams of different rates and lengths onto one time grid.

Shapes: T_s steps and C_s channels of stream s on its own grid; T steps of the common grid; N events.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch

from mmdel.datasets.feature_store import as_float32
from mmdel.events.problems import Problem
from mmdel.registry import TRANSFORMS
from mmdel.structures.feature_grid import FeatureGrid, interpolate
from mmdel.utils.log import warn

MAX_STEPS_APART = 2
MAX_FRACTION_APART = 0.05
MAX_EXTENT_RATIO = 1.5
MIN_RESIZED = 3  # videos of one length, by which resized features are known …
MIN_DURATION_RATIO = 1.2  # … if their durations differ by so much


@TRANSFORMS.register_module()
class AlignStreams:
    """Puts every stream on one time grid, by time stamp and never by index.

    A step of the common grid takes the value of the other stream at the same second; before its first and after its
    last step a stream holds its edge value. Sets ``features[stream]`` (T, C_s), ``grid``, ``segments`` (N, 2) float32
    in grid steps and ``labels`` (N,), without the ignored events, whose ``ignored_segments`` (M, 2) go along.

    The lengths tell whether the config's hops (stride / fps) are the files': a stream of far more or fewer steps than
    its video's duration allows is an error; a lesser difference, and streams that do not cover the same stretch of
    time, are reported once per video: see :func:`length_problem` and :func:`extent_problem`.

    Args:
        reference: The stream whose grid and length are the common ones; the first by name if it is absent.
        mode: ``'linear'`` interpolation between the two steps around, or the ``'nearest'`` step.
        max_extent_ratio: How many times too many or too few steps a stream may have before it is an error. For streams
            that truly end early or late, raise it, or use ``float('inf')``.

    Raises:
        ProblemError: If a stream has too many or too few steps.
    """

    def __init__(
        self,
        reference: str = 'visual',
        mode: Literal['linear', 'nearest'] = 'linear',
        max_extent_ratio: float = MAX_EXTENT_RATIO,
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
        reference = reference_stream(features, self.reference)
        grid, num_steps = grids[reference], len(features[reference])
        fitting = {name for name in features if self._fits(results, name, grid.step_sec)}
        for name in features:
            if name != reference:
                if {reference, name} <= fitting:
                    names, grids_ = (reference, name), (grid, grids[name])
                    lengths = num_steps, len(features[name])
                    self._report(extent_problem(names, grids_, lengths, results['video_id']))
                features[name] = resample(features[name], grids[name], grid, num_steps, self.mode)
        results['grid'] = grid
        learned = ~results['ignored']
        results['eval_labels'] = results['labels']
        segments = grid.to_grid(results['segments_sec']).astype(np.float32)
        results['segments'], results['ignored_segments'] = segments[learned], segments[~learned]
        results['labels'] = results['labels'][learned]
        return results

    def _fits(self, results: dict, name: str, reference_hop_sec: float) -> bool:
        """Whether a stream's length fits its video; stops at one that cannot be of its video."""
        problem = length_problem(
            name,
            results['grids'][name],
            len(results['features'][name]),
            results['duration_sec'],
            results['video_id'],
            (reference_hop_sec,),
            self.max_extent_ratio,
        )
        if problem is not None and problem.severity == 'error':
            raise problem.error()
        self._report(problem)
        return problem is None

    def _report(self, problem: Problem | None) -> None:
        """Logs the first problem of a video."""
        slot = zlib.crc32(problem.video_id.encode()) % len(self._reported) if problem else 0
        if problem and not self._reported[slot]:
            self._reported[slot] = True
            warn(problem.line())


def length_problem(
    name: str,
    grid: FeatureGrid,
    num_steps: int,
    duration_sec: float,
    video_id: str,
    likely_hops_sec: Sequence[float] = (),
    max_ratio: float = MAX_EXTENT_RATIO,
) -> Problem | None:
    """What is wrong with the number of steps of a stream; None if it fits the duration to two steps or 5 %.

    Args:
        name: The stream's name.
        grid: Its grid.
        num_steps: Its steps.
        duration_sec: The video's duration.
        video_id: The video's id.
        likely_hops_sec: Seconds from step to step that are tried first to explain the length.
        max_ratio: How many times too many or too few are an error; fewer are a warning.
    """
    fewest, most = grid.expected_steps(duration_sec)
    nearest = min(max(num_steps, fewest), most)
    if abs(num_steps - nearest) <= max(MAX_STEPS_APART, MAX_FRACTION_APART * nearest):
        return None
    stride = fitting_stride(grid, num_steps, duration_sec, tuple(hop * grid.fps for hop in likely_hops_sec))
    expected = (
        f'{fewest} to {most} steps, one every {grid.step_sec:.4g} s; if the features are whole, a hop of '
        f'{stride / grid.fps:.3g} s would fit; set stride={stride:.3g}'
    )
    is_error = max(num_steps / nearest, nearest / num_steps) >= max_ratio
    if is_error:
        expected += ' (if files and duration are right, raise max_extent_ratio of AlignStreams)'
    found = f'stream {name!r}: {num_steps} steps in {duration_sec:.2f} s'
    return Problem('wrong-length', found, expected, video_id, severity='error' if is_error else 'warning')


def grid_of(stream: dict, num_steps: int, duration_sec: float) -> FeatureGrid:
    """The grid of a stream of a record; that of resized features parts the duration evenly, one frame a second."""
    if not stream.get('resized'):
        return stream['grid']
    step_sec = duration_sec / num_steps
    return FeatureGrid(step_sec, step_sec, 1.0)


def resized_problem(
    name: str, measured: Sequence[tuple[FeatureGrid | None, int, float]], max_ratio: float = MAX_EXTENT_RATIO
) -> Problem | None:
    """That all features of a stream have the same number of steps, against the durations of most videos.

    Args:
        name: The stream's name.
        measured: The grid, the steps and the duration in seconds of videos; of those without a grid nothing is known.
        max_ratio: As of :func:`length_problem`: without an error of length among them it is a warning.
    """
    known = [(grid, num_steps, duration_sec) for grid, num_steps, duration_sec in measured if grid is not None]
    found = [length_problem(name, *item, video_id='', max_ratio=max_ratio) for item in known]
    off = [problem.severity for problem in found if problem is not None]
    numbers, durations_sec = {num_steps for _, num_steps, _ in known}, [duration_sec for *_, duration_sec in known]
    if len(known) < MIN_RESIZED or len(off) < len(known) / 2 or len(numbers) > 1:
        return None
    if max(durations_sec) < MIN_DURATION_RATIO * min(durations_sec):  # one wrong hop explains them
        return None
    span = f'{min(durations_sec):.4g} to {max(durations_sec):.4g} s'
    expected = f'a step every {known[0][0].step_sec:.4g} s; if all were resized to one length, say resized=True'
    return Problem(
        'resized-features',
        f'stream {name!r}: {numbers.pop()} steps in each of {len(known)} videos of {span}',
        f'{expected} in the stream',
        severity='error' if 'error' in off else 'warning',
    )


def extent_problem(
    names: tuple[str, str], grids: tuple[FeatureGrid, FeatureGrid], lengths: tuple[int, int], video_id: str
) -> Problem | None:
    """What is wrong with the stretches that two streams cover, the reference and another.

    None if they agree to two steps of the coarser grid and to 5 %.
    """
    reference_sec, covered_sec = map(FeatureGrid.end_sec, grids, lengths)
    apart_sec = abs(reference_sec - covered_sec)
    if apart_sec <= min(MAX_STEPS_APART * max(grid.step_sec for grid in grids), MAX_FRACTION_APART * reference_sec):
        return None
    found = f'stream {names[1]!r} covers {covered_sec:.2f} s'
    return Problem('streams-differ', found, f'{reference_sec:.2f} s, as {names[0]!r} does', video_id)


def reference_stream(names: Iterable[str], wanted: str = 'visual') -> str:
    """The stream that the others are held against: the wanted one or, if it is not there, the first by name.

    Not the first of a config's dict, whose order is lost when mmengine writes the config down.
    """
    found = sorted(names)
    return wanted if wanted in found else found[0]


def fitting_stride(grid: FeatureGrid, num_steps: int, duration_sec: float, likely: tuple[float, ...] = ()) -> float:
    """The stride with which ``num_steps`` steps cover a video, in the frames or hops of ``grid``.

    Of the strides that fit to 5 %, it is the window (steps side by side) or the first of the ``likely`` ones; if none
    fits, the duration over the number of steps.
    """
    frames = duration_sec * grid.fps
    whole, inside = frames / num_steps, (frames - grid.window) / max(num_steps - 1, 1)
    low, high = (1 - MAX_FRACTION_APART) * min(whole, inside), (1 + MAX_FRACTION_APART) * max(whole, inside)
    return next((stride for stride in (grid.window, *likely) if low <= stride <= high), whole)


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
    positions = source.positions(target, 0, num_steps)
    if len(feature) == num_steps and (positions == np.arange(num_steps)).all():
        return feature
    if mode == 'nearest':
        return feature[np.rint(positions.clip(0, len(feature) - 1)).astype(np.int64)]
    return interpolate(as_float32(feature) if feature.dtype == np.float16 else feature, positions)
