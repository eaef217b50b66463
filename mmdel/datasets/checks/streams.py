"""The streams of all videos: each by what loading says of it, and all of them together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmdel.datasets.checks.feature_files import FeatureName, FileFacts
from mmdel.datasets.transforms.aligning import (
    extent_problem,
    fitting_stride,
    grid_of,
    length_problem,
    reference_stream,
    resized_problem,
)
from mmdel.datasets.transforms.loading import shape_problem
from mmdel.events.annotations import AnnotatedVideo
from mmdel.events.problems import Problem

MIN_VIDEOS_OF_A_HOP = 2
HOP_TOLERANCE = 0.1


@dataclass(frozen=True)
class StreamOfVideo:
    """One stream of one video, as :meth:`mmdel.datasets.EventDataset.locate` finds it."""

    video: AnnotatedVideo
    name: str
    stream: dict

    @property
    def names(self) -> list[FeatureName]:
        """Its files."""
        return [(path, self.stream['key']) for path in self.stream['files']]

    def problem(self, kind: str, found: str, expected: str) -> Problem:
        """A problem of this stream of this video."""
        files = ', '.join(self.stream['files'])
        return Problem(kind, f'stream {self.name!r}: {found}', expected, self.video.video_id, files)


Measured = tuple[StreamOfVideo, int]  # and its steps


def check_streams(
    items: Iterable[StreamOfVideo], facts: Mapping[FeatureName, FileFacts], reference: str, max_extent_ratio: float
) -> list[Problem]:
    """Everything that is wrong with the features of a data set; files of which there are no facts are passed over.

    Args:
        items: The streams of its videos.
        facts: What is in the files.
        reference: The stream that the others are aligned to.
        max_extent_ratio: From when on a wrong length is an error.
    """
    by_stream: dict[str, list[StreamOfVideo]] = defaultdict(list)
    for item in items:
        by_stream[item.name].append(item)
    problems: list[Problem] = []
    fitting: dict[str, dict[str, Measured]] = {}
    reference = reference_stream(by_stream, reference) if by_stream else ''
    hops_sec = [item.stream['grid'].step_sec for item in by_stream[reference][:1] if item.stream['grid']]
    for name, mine in by_stream.items():
        sound, wrong_shapes = _check_shapes(mine, facts)
        off, wrong_lengths = _check_lengths(sound, hops_sec, max_extent_ratio)
        problems += wrong_shapes + wrong_lengths
        fitting[name] = {item[0].video.video_id: item for item in sound if item[0].video.video_id not in off}
    for name, measured in fitting.items():
        for video_id in measured if name != reference else ():
            if video_id in fitting[reference]:
                problems += _check_extents(fitting[reference][video_id], measured[video_id])
    return problems


def _check_shapes(
    items: Sequence[StreamOfVideo], facts: Mapping[FeatureName, FileFacts]
) -> tuple[list[Measured], list[Problem]]:
    """The videos whose files of one stream are all there and sound, with their steps; what is wrong with the others."""
    problems: list[Problem] = []
    sound: list[tuple[StreamOfVideo, int, int]] = []
    for item in items:
        known = [facts[name] for name in item.names if name in facts]
        problems += [replace(fact.problem, video_id=item.video.video_id) for fact in known if fact.problem]
        shapes = [fact.shape for fact in known if fact.shape]
        if len(shapes) < len(item.names):
            continue
        problem = shape_problem(item.name, item.stream, shapes, item.video.duration_sec, item.video.video_id)
        if problem is None:
            sound.append((item, min(shape[0] for shape in shapes), sum(shape[1] for shape in shapes)))
        else:
            problems.append(problem)
    usual = Counter(width for *_, width in sound).most_common(1)
    for item, _, width in sound:
        if width != usual[0][0]:
            expected = f'{usual[0][0]}, as {usual[0][1]} of {len(sound)} videos'
            problems.append(item.problem('widths-differ', f'{width} channels', expected))
    return [(_measured(item, steps), steps) for item, steps, width in sound if width == usual[0][0]], problems


def _measured(item: StreamOfVideo, num_steps: int) -> StreamOfVideo:
    """The stream with the grid of this many steps, which for resized features the duration tells."""
    if not item.stream.get('resized') or item.video.duration_sec is None:
        return item
    return replace(item, stream={**item.stream, 'grid': grid_of(item.stream, num_steps, item.video.duration_sec)})


def _check_lengths(
    measured: Sequence[Measured], hops_sec: Sequence[float], max_ratio: float
) -> tuple[set[str], list[Problem]]:
    """The videos of one stream whose steps do not fit the duration, and what is wrong: they alone, or the hop."""
    known = [item for item in measured if item[0].stream['grid'] and item[0].video.duration_sec]
    off: dict[str, tuple[Measured, Problem]] = {}
    for item, num_steps in known:
        video_id, duration_sec, grid = item.video.video_id, item.video.duration_sec or 0.0, item.stream['grid']
        problem = length_problem(item.name, grid, num_steps, duration_sec, video_id, hops_sec, max_ratio)
        if problem is not None:
            off[video_id] = ((item, num_steps), problem)
    lengths = [(item.stream['grid'], num_steps, item.video.duration_sec or 0.0) for item, num_steps in known]
    resized = resized_problem(measured[0][0].name, lengths, max_ratio) if measured else None
    if resized is not None:
        return set(off), [resized]
    explained, problems = _check_hop([item for item, _ in off.values()], len(known), hops_sec)
    return set(off), problems + [problem for video_id, (_, problem) in off.items() if video_id not in explained]


def _check_hop(off: Sequence[Measured], num_videos: int, hops_sec: Sequence[float]) -> tuple[set[str], list[Problem]]:
    """The videos whose lengths another hop explains, if they are the most."""
    least = max(MIN_VIDEOS_OF_A_HOP, num_videos / 2)
    if len(off) < least:
        return set(), []
    strides = []
    for item, num_steps in off:
        grid = item.stream['grid']
        likely = tuple(hop_sec * grid.fps for hop_sec in hops_sec)
        strides.append(fitting_stride(grid, num_steps, item.video.duration_sec or 0.0, likely))
    stride = float(np.median(strides))
    alike = np.abs(np.array(strides) / stride - 1) < HOP_TOLERANCE
    item, num_steps = off[int(alike.argmax())]
    grid = item.stream['grid']
    found = f'stream {item.name!r}: {alike.sum()} of {num_videos} videos have a step about every '
    found += f'{stride / grid.fps:.3g} s, e.g. {item.video.video_id!r} {num_steps} in {item.video.duration_sec:.4g} s'
    expected = f'one every {grid.step_sec:.4g} s; or stride={stride:.4g} at fps={grid.fps:g} in the config'
    if alike.sum() < least:
        return set(), []
    videos = {item.video.video_id for (item, _), is_alike in zip(off, alike, strict=True) if is_alike}
    return videos, [Problem('wrong-hop', found, expected)]


def _check_extents(first: Measured, second: Measured) -> list[Problem]:
    """Whether two streams of a video cover the same stretch of time."""
    (item, num_steps), (other, other_steps) = first, second
    grids = item.stream['grid'], other.stream['grid']
    if None in grids:
        return []
    video_id = item.video.video_id
    problem = extent_problem((item.name, other.name), grids, (num_steps, other_steps), video_id)
    return [] if problem is None else [problem]
