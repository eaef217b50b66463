"""Checks of the lengths of features: against the video's duration, and of its streams against each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mmdel.datasets.checks.defects import Defect
from mmdel.datasets.checks.feature_files import FeatureName, FileFacts
from mmdel.datasets.checks.features import StreamOfVideo
from mmdel.datasets.transforms.aligning import MAX_FRACTION_APART, MAX_STEPS_APART, end_sec
from mmdel.structures import FeatureGrid

MAX_RATIO = 1.2  # a length that is off by more is an error, by less a warning
MIN_VIDEOS_OF_A_HOP = 2
HOP_TOLERANCE = 0.05
KNOWN_HOPS_SEC = {0.96: "VGGish's own"}


class Length(NamedTuple):
    """The steps of one stream of one video, and the fewest and most that its duration allows."""

    item: StreamOfVideo
    grid: FeatureGrid
    duration_sec: float
    num_steps: int
    fewest: int
    most: int

    @property
    def nearest(self) -> int:
        """The allowed number nearest to what is there."""
        return min(max(self.num_steps, self.fewest), self.most)

    @property
    def is_off(self) -> bool:
        """Whether it differs by more than two steps and 5 %."""
        return abs(self.num_steps - self.nearest) > max(MAX_STEPS_APART, MAX_FRACTION_APART * self.nearest)


def expected_steps(grid: FeatureGrid, duration_sec: float) -> tuple[int, int]:
    """The fewest and the most steps of a video: only whole windows, or one for each stride begun."""
    num_frames = duration_sec * grid.fps
    whole = math.floor((num_frames - grid.window) / grid.stride + 1 + 1e-6)
    begun = math.ceil(num_frames / grid.stride - 1e-6)
    return max(min(whole, begun), 1), max(whole, begun, 1)


def check_lengths(
    streams: Mapping[str, Sequence[StreamOfVideo]], facts: Mapping[FeatureName, FileFacts]
) -> list[Defect]:
    """Wrong lengths of the streams (name → videos with sound files), by the duration or else by one another."""
    defects = []
    fitting: dict[str, list[StreamOfVideo]] = {}
    hops_sec = {name: items[0].grid.step_sec for name, items in streams.items() if items and items[0].grid}
    for name, items in streams.items():
        others = {other: hop_sec for other, hop_sec in hops_sec.items() if other != name}
        found = _check_durations([length for item in items if (length := _measure(item, facts))], others)
        off = {defect.video_id for defect in found}
        fitting[name] = [item for item in items if item.grid and item.video_id not in off]
        defects += found
    return defects + _check_extents(fitting, facts)


def _measure(item: StreamOfVideo, facts: Mapping[FeatureName, FileFacts]) -> Length | None:
    num_steps = item.num_steps(facts)
    if item.grid is None or item.duration_sec is None or num_steps is None:
        return None
    return Length(item, item.grid, item.duration_sec, num_steps, *expected_steps(item.grid, item.duration_sec))


def _check_durations(lengths: Sequence[Length], hops_sec: Mapping[str, float]) -> list[Defect]:
    """Steps against the durations: a video that is off alone, or most of them alike by another hop.

    Args:
        lengths: Those of one stream.
        hops_sec: Seconds from step to step of the other streams.
    """
    off = [length for length in lengths if length.is_off]
    hop_sec = _common_hop_sec(off, len(lengths))
    defects = []
    for length in off:
        steps = f'{length.fewest}' if length.fewest == length.most else f'{length.fewest} to {length.most}'
        found = f'{length.num_steps} steps in {length.duration_sec:g} s'
        expected = f'{steps} steps, one every {length.grid.step_sec:.4g} s'
        if hop_sec is not None and _fits_hop(length, hop_sec):
            known = _known_hop(hop_sec, hops_sec)
            found += f': about one every {known[0]:.3g} s{known[1]}'
            stride = f'stride={known[0] * length.grid.fps:.4g} at fps={length.grid.fps:g}'
            defects.append(length.item.defect('wrong-hop', found, f'{expected}; or {stride} in the config'))
        else:
            ratio = length.num_steps / length.nearest
            severity = 'error' if max(ratio, 1 / ratio) > MAX_RATIO else 'warning'
            defects.append(length.item.defect('wrong-length', found, expected, severity=severity))
    return defects


def _common_hop_sec(off: Sequence[Length], num_videos: int) -> float | None:
    """Seconds from step to step that explain the lengths of most videos; None if nothing does."""
    ratios = np.array([length.num_steps / length.nearest for length in off])
    if len(off) < max(MIN_VIDEOS_OF_A_HOP, num_videos / 2):
        return None
    alike = np.abs(ratios / np.median(ratios) - 1) < 2 * HOP_TOLERANCE
    if alike.sum() < max(MIN_VIDEOS_OF_A_HOP, num_videos / 2):
        return None
    steps = np.array([length.num_steps for length in off], dtype=np.float64)[alike]
    durations = np.array([length.duration_sec for length in off])[alike]
    if np.ptp(steps) >= 10:  # the slope does not mind whether the last window is cut off
        return float(np.polyfit(steps, durations, 1)[0])
    return float(np.median(durations / steps))


def _fits_hop(length: Length, hop_sec: float) -> bool:
    window_sec = max(hop_sec, length.grid.window / length.grid.fps)
    fewest, most = expected_steps(FeatureGrid(hop_sec, window_sec, 1.0), length.duration_sec)
    return length._replace(fewest=fewest, most=most).is_off is False


def _known_hop(hop_sec: float, hops_sec: Mapping[str, float]) -> tuple[float, str]:
    """The hop of another stream, or of a usual extractor, that is near, and whose it is; else the hop itself."""
    known = {**KNOWN_HOPS_SEC, **{step_sec: f'that of stream {name!r}' for name, step_sec in hops_sec.items()}}
    near = min(known, key=lambda other: abs(other / hop_sec - 1))
    return (near, f', {known[near]}') if abs(near / hop_sec - 1) <= HOP_TOLERANCE else (hop_sec, '')


def _check_extents(
    streams: Mapping[str, Sequence[StreamOfVideo]], facts: Mapping[FeatureName, FileFacts]
) -> list[Defect]:
    """Each stream against the visual one of its video, or else the first one, in seconds."""
    reference = 'visual' if 'visual' in streams else next(iter(streams), '')
    firsts = {item.video_id: item for item in streams.get(reference, ())}
    defects = []
    for name, items in streams.items():
        for item in items:
            first = firsts.get(item.video_id)
            if name == reference or first is None:
                continue
            ends = [end_sec(other.grid, other.num_steps(facts)) for other in (first, item)]  # type: ignore[arg-type]
            step_sec = max(other.grid.step_sec for other in (first, item))  # type: ignore[union-attr]
            if abs(ends[0] - ends[1]) > max(MAX_STEPS_APART * step_sec, MAX_FRACTION_APART * max(ends)):
                found = f'features of {ends[1]:.2f} s'
                defects.append(item.defect('streams-differ', found, f'{ends[0]:.2f} s, as {reference!r} has'))
    return defects
