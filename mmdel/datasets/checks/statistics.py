"""Statistics of annotations: videos, events, their lengths, how they overlap, classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from terminaltables import AsciiTable

from mmdel.events.annotations import AnnotatedVideo
from mmdel.utils.names import visible
from mmdel.utils.segments import covered_length

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
EDGES_SEC = (0.0, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
BAR_WIDTH = 40
NUM_RAREST = 5


def overlap_of(segments: np.ndarray) -> tuple[int, float]:
    """How many of a video's events (N, 2) overlap another one, and how many seconds lie in any of them."""
    if not len(segments):
        return 0, 0.0
    starts, ends = segments[segments[:, 0].argsort(kind='stable')].T
    reached = np.maximum.accumulate(ends)  # how far the events so far reach
    with_earlier = np.append(False, starts[1:] < reached[:-1])
    with_later = np.append(starts[1:] < ends[:-1], False)
    return int((with_earlier | with_later).sum()), covered_length(segments)


def subset_statistics(videos: Sequence[AnnotatedVideo]) -> dict[str, Any]:
    """Numbers of videos and of events within them, and of events' lengths in seconds."""
    events = [video.clipped() for video in videos]
    segments = [np.array([event[1:3] for event in mine], dtype=np.float64).reshape(-1, 2) for mine in events]
    lengths = np.concatenate([np.empty(0), *(np.diff(times, axis=1)[:, 0] for times in segments)])
    overlaps = [overlap_of(times) for times in segments]
    covered_sec = sum(seconds for _, seconds in overlaps)
    return dict(
        num_videos=len(videos),
        num_empty_videos=sum(not mine for mine in events),
        num_events=len(lengths),
        duration_sec=sum(video.duration_sec or 0.0 for video in videos),
        num_unknown_durations=sum(video.duration_sec is None for video in videos),
        length_quantiles_sec=np.quantile(lengths, QUANTILES).tolist() if len(lengths) else [],
        overlapping_share=sum(count for count, _ in overlaps) / len(lengths) if len(lengths) else 0.0,
        mean_concurrent=float(lengths.sum() / covered_sec) if covered_sec else 0.0,
        classes=dict(Counter(event.label for mine in events for event in mine)),
    )


def file_statistics(videos: Iterable[AnnotatedVideo]) -> dict[str, dict[str, Any]]:
    """The statistics of each subset of a file, in the order of the file."""
    subsets: dict[str, list[AnnotatedVideo]] = {}
    for video in videos:
        subsets.setdefault(video.subset or '(none)', []).append(video)
    return {subset: subset_statistics(mine) for subset, mine in subsets.items()}


def annotation_tables(videos: Sequence[AnnotatedVideo], classes: Sequence[str]) -> str:
    """Everything that there is to say about a file, as text."""
    statistics = file_statistics(videos)
    rows = [['subset', 'videos', 'empty', 'hours', 'events', 'a video', 'overlapping', 'at once']]
    lengths = [['length [s]', 'min', *(f'{100 * quantile:.0f} %' for quantile in QUANTILES[1:-1]), 'max']]
    for name, of in statistics.items():
        subset = visible(name)
        counts = f'{of["num_videos"]}', f'{of["num_empty_videos"]}', f'{of["duration_sec"] / 3600:.2f}'
        rate = f'{of["num_events"]}', f'{of["num_events"] / of["num_videos"]:.1f}'
        rows.append([subset, *counts, *rate, f'{100 * of["overlapping_share"]:.1f} %', f'{of["mean_concurrent"]:.2f}'])
        if of['num_events']:
            lengths.append([subset, *(f'{length:.2f}' for length in of['length_quantiles_sec'])])
    lines = [AsciiTable(table).table for table in (rows, lengths)]
    num_unknown = sum(of['num_unknown_durations'] for of in statistics.values())
    if num_unknown:
        num_known = len(videos) - num_unknown
        lines.append(f'the hours are those of {num_known} videos; of {num_unknown} nothing tells the duration')
    histogram = length_histogram(event.end_sec - event.start_sec for video in videos for event in video.clipped())
    return '\n'.join([*lines, 'events by length', *histogram, class_line(videos, classes)])


def length_histogram(lengths_sec: Iterable[float]) -> list[str]:
    """A line with a bar for each stretch of lengths that doubles, from the shortest to the longest there is."""
    edges = np.array([*EDGES_SEC, np.inf])
    counts, _ = np.histogram(np.fromiter(lengths_sec, dtype=np.float64), edges)
    used = np.flatnonzero(counts)
    if not len(used):
        return ['(no events)']
    lines = []
    for index in range(used[0], used[-1] + 1):
        low, high = edges[index : index + 2]
        name = f'{low:g}-{high:g} s' if np.isfinite(high) else f'{low:g} s -'
        bar = '#' * round(BAR_WIDTH * counts[index] / counts.max())
        lines.append(f'{name:>12} {bar:<{BAR_WIDTH}} {counts[index]}')
    return lines


def class_line(videos: Iterable[AnnotatedVideo], classes: Iterable[str]) -> str:
    """How many classes there are and how many events they have; the rarest, and those without any."""
    counts = Counter(event.label for video in videos for event in video.clipped())
    numbers = sorted((counts[name], name) for name in classes)
    shown = [(count, name) for count, name in numbers if count]
    if not shown:
        return f'{len(numbers)} classes, none with an event'
    rarest = ', '.join(f'{visible(name)} ({count})' for count, name in shown[:NUM_RAREST])
    median = np.median([count for count, _ in shown])
    line = f'{len(numbers)} classes of {shown[0][0]} to {shown[-1][0]} events (median {median:g}); rarest: {rarest}'
    return line + (f'; {len(numbers) - len(shown)} without events' if len(shown) < len(numbers) else '')
