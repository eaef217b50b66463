"""The streams of all videos: each by what loading says of it, and all of them together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmdel.datasets.annotation_file import Video
from mmdel.datasets.checks.feature_files import FeatureName, FileFacts
from mmdel.datasets.problems import Problem
from mmdel.datasets.transforms.aligning import extent_problem, fitting_stride, length_problem
from mmdel.datasets.transforms.loading import shape_problem
from mmdel.structures import FeatureGrid

MIN_VIDEOS_OF_A_HOP = 2
HOP_TOLERANCE = 0.1


@dataclass(frozen=True)
class StreamOfVideo:
    """One stream of one video, as :meth:`mmdel.datasets.EventDataset.locate` finds it, and its steps, once known."""

    video: Video
    name: str
    stream: dict
    num_steps: int = 0

    @property
    def names(self) -> list[FeatureName]:
        """Its files."""
        return [(path, self.stream['key']) for path in self.stream['files']]

    @property
    def grid(self) -> FeatureGrid:
        """Its time grid; None without a frame rate."""
        return self.stream['grid']


def check_streams(
    items: Iterable[StreamOfVideo], facts: Mapping[FeatureName, FileFacts], reference: str, max_extent_ratio: float
) -> list[Problem]:
    """Everything that is wrong with the features of a data set; files of which there are no facts are passed over.

    The other streams are aligned to ``reference``; from ``max_extent_ratio`` on a wrong length is an error.
    """
    by_stream: dict[str, list[StreamOfVideo]] = defaultdict(list)
    for item in items:
        by_stream[item.name].append(item)
    problems: list[Problem] = []
    fitting: dict[str, dict[str, StreamOfVideo]] = {}
    reference = reference if reference in by_stream else next(iter(by_stream), '')
    hops_sec = [item.grid.step_sec for item in by_stream[reference][:1] if item.grid]
    for name, mine in by_stream.items():
        sound = _check_shapes(mine, facts, problems)
        off = _check_lengths(sound, hops_sec, max_extent_ratio, problems)
        fitting[name] = {item.video.video_id: item for item in sound if item.grid and item.video.video_id not in off}
    for name, others in fitting.items():
        for video_id, other in others.items() if name != reference else ():
            if first := fitting[reference].get(video_id):
                grids, lengths = (first.grid, other.grid), (first.num_steps, other.num_steps)
                problem = extent_problem((reference, name), grids, lengths, video_id)
                problems += [problem] if problem else []
    return problems


def _check_shapes(
    items: Sequence[StreamOfVideo], facts: Mapping[FeatureName, FileFacts], problems: list[Problem]
) -> list[StreamOfVideo]:
    """The videos whose files of one stream are all there and sound, with their steps; tells what is wrong."""
    sound: list[tuple[StreamOfVideo, int]] = []
    for item in items:
        known = [facts[name] for name in item.names if name in facts]
        problems += [replace(fact.problem, video_id=item.video.video_id) for fact in known if fact.problem]
        shapes = [fact.shape for fact in known if fact.shape]
        if len(shapes) < len(item.names):
            continue
        problem = shape_problem(item.name, item.stream, shapes, item.video.duration_sec, item.video.video_id)
        if problem is not None:
            problems.append(problem)
        else:
            steps, widths = zip(*shapes, strict=True)
            sound.append((replace(item, num_steps=min(steps)), sum(widths)))
    usual, count = Counter(width for _, width in sound).most_common(1)[0] if sound else (0, 0)
    for item, width in sound:
        if width != usual:
            found, expected = f'stream {item.name!r}: {width} channels', f'{usual}, as {count} of {len(sound)} videos'
            files = ', '.join(item.stream['files'])
            problems.append(Problem('widths-differ', found, expected, item.video.video_id, files))
    return [item for item, width in sound if width == usual]


def _check_lengths(
    items: Sequence[StreamOfVideo], hops_sec: Sequence[float], max_ratio: float, problems: list[Problem]
) -> set[str]:
    """The videos of one stream whose steps do not fit the duration; tells what is wrong: they alone, or the hop."""
    off: dict[str, tuple[StreamOfVideo, Problem]] = {}
    num_known = 0
    for item in items:
        video = item.video
        if item.grid and video.duration_sec:
            num_known += 1
            problem = length_problem(
                *(item.name, item.grid, item.num_steps, video.duration_sec, video.video_id, hops_sec, max_ratio)
            )
            if problem is not None:
                off[video.video_id] = item, problem
    explained = _check_hop([item for item, _ in off.values()], num_known, hops_sec, problems)
    problems += [problem for video_id, (_, problem) in off.items() if video_id not in explained]
    return set(off)


def _check_hop(
    off: Sequence[StreamOfVideo], num_videos: int, hops_sec: Sequence[float], problems: list[Problem]
) -> set[str]:
    """The videos whose lengths another hop explains, or one length of all, if they are the most; tells which."""
    least = max(MIN_VIDEOS_OF_A_HOP, num_videos / 2)
    if len(off) < least:
        return set()
    strides = []
    for item in off:
        likely = tuple(hop_sec * item.grid.fps for hop_sec in hops_sec)
        strides.append(fitting_stride(item.grid, item.num_steps, item.video.duration_sec or 0.0, likely))
    stride = float(np.median(strides))
    alike = np.abs(np.array(strides) / stride - 1) < HOP_TOLERANCE
    item = off[int(alike.argmax())]
    expected = f'one every {item.grid.step_sec:.4g} s'
    if alike.sum() >= least:
        found = f'{alike.sum()} of {num_videos} videos have a step about every {stride / item.grid.fps:.3g} s, '
        found += f'e.g. {item.video.video_id!r} {item.num_steps} in {item.video.duration_sec:.4g} s'
        expected += f'; or stride={stride:.4g} at fps={item.grid.fps:g} in the config'
    elif len({item.num_steps for item in off}) == 1:
        alike[:] = True
        found = f'{len(off)} of {num_videos} videos have {item.num_steps} steps whatever their length'
        expected += ', and not features that were resized to one length'
    else:
        return set()
    problems.append(Problem('wrong-hop', f'stream {item.name!r}: {found}', expected))
    return {item.video.video_id for item, is_alike in zip(off, alike, strict=True) if is_alike}
