"""Whether data, model and training fit: what cannot be learned, kept or seen, and how much time counts for nothing.

Shapes: N events.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mmdel.datasets.checks.feature_files import FeatureName, FileFacts
from mmdel.datasets.event_dataset import EventDataset
from mmdel.datasets.transforms.aligning import grid_of
from mmdel.datasets.transforms.shaping import Shaping
from mmdel.events.problems import Problem
from mmdel.structures import FeatureGrid
from mmdel.utils.segments import covered_length

MAX_IGNORED_SHARE = 0.05
MIN_SEEN_SHARE = 0.5
BLOCK_PAIRS = 2**21  # pairs of a point and an event that are looked at at once
NUM_WORST = 3


@dataclass(frozen=True)
class Loaded:
    """The videos of one data set of a loader.

    Attributes:
        dataset: The data set.
        records: What it tells of each video.
        classes: The names of its classes.
        shaping: What its pipeline makes of time.
        facts: What is in the feature files; where it is not known, the durations tell the number of steps.
    """

    dataset: EventDataset
    records: Sequence[dict[str, Any]]
    classes: Sequence[str]
    shaping: Shaping
    facts: Mapping[FeatureName, FileFacts]

    @property
    def name(self) -> str:
        """The subsets."""
        return '+'.join(self.dataset.subsets)

    def timed(self) -> Iterator[tuple[dict[str, Any], FeatureGrid, int]]:
        """Each record with the grid and the steps on which a model sees the whole video, where a grid is known."""
        for record in self.records:
            stream = record['streams'][self.shaping.reference(record['streams'])]
            files = [self.facts.get((path, stream['key'])) for path in stream['files']]
            known = [file.shape[0] for file in files if file and file.shape]
            if stream['grid'] is not None or (known and stream['resized']):
                num_steps = min(known) if known else stream['grid'].expected_steps(record['duration_sec'])[1]
                yield record, *self.shaping(grid_of(stream, num_steps, record['duration_sec']), num_steps)

    def problem(self, kind: str, found: str, expected: str, video_id: str = '', severity: str = '') -> Problem:
        """A problem of these videos."""
        return Problem(kind, found, expected, video_id, self.dataset.ann_file, severity=severity)


def check_ignored(loaded: Loaded) -> list[Problem]:
    """How much of the time lies in ignored events, if there are any."""
    covered_sec, total_sec = 0.0, 0.0
    for record in loaded.records:
        total_sec += record['duration_sec']
        covered_sec += covered_length(record['segments_sec'][record['ignored']].clip(0, record['duration_sec']))
    if not covered_sec:
        return []
    found = f'ignored events cover {100 * covered_sec / total_sec:.1f} % of the time of subset {loaded.name}'
    expected = (
        f'at most {100 * MAX_IGNORED_SHARE:g} %: nothing is learned there and no prediction is wrong; drop_labels '
    )
    severity = 'warning' if covered_sec > MAX_IGNORED_SHARE * total_sec else 'info'
    return [loaded.problem('ignored-time', found, f'{expected}leaves a label out', severity=severity)]


def check_crowds(loaded: Loaded, head: Any, window: int | None = None) -> list[Problem]:
    """The video that is fullest, if the head keeps fewer events; nothing of heads that keep no fixed number.

    Args:
        loaded: The videos.
        head: The model's head.
        window: Steps of which the head keeps its number; None = of every video, however long.
    """

    def num_events(record: dict[str, Any]) -> int:
        return int((~record['ignored']).sum())

    times = (
        {record['video_id']: max(num_steps / window, 1.0) for record, _, num_steps in loaded.timed()} if window else {}
    )
    fullest = max(
        loaded.records, key=lambda record: num_events(record) / times.get(record['video_id'], 1.0), default=None
    )
    if fullest is None:
        return []
    kept = {'nms.max_num': getattr(getattr(head, 'nms', None), 'max_num', None)}
    kept['pre_nms_num'] = getattr(head, 'pre_nms_num', None)
    share = times.get(fullest['video_id'], 1.0)
    return [
        loaded.problem(
            'too-many-events',
            f'{num_events(fullest)} events in one video of subset {loaded.name}',
            f'at most {math.floor(number * share)}, which model.head.{name} keeps: raise it',
            fullest['video_id'],
        )
        for name, number in kept.items()
        if number is not None and num_events(fullest) > number * share
    ]


def check_epoch(loaded: Loaded, times: float = 1.0) -> list[Problem]:
    """Whether an epoch sees less than half of the training data.

    Args:
        loaded: The videos.
        times: How often an epoch sees each video.
    """
    crop = loaded.shaping.crop
    lengths = np.array([num_steps for *_, num_steps in loaded.timed()])
    if crop is None or loaded.dataset.pieces or not len(lengths):
        return []
    share = times * lengths.clip(max=crop.max_len).sum() / lengths.sum()
    if share >= MIN_SEEN_SHARE:
        return []
    found = f'an epoch sees {100 * share:.2g} % of subset {loaded.name}: {crop.max_len} steps of each video, which has '
    expected = (
        'most of it; pieces=True of the training data set (train_dataloader.dataset.pieces) makes an epoch of all'
    )
    return [loaded.problem('short-epoch', f'{found}{lengths.mean():.0f} on average', expected)]


def check_learnable(loaded: Loaded, head: Any, by_class: bool = True) -> list[Problem]:
    """The events that no point of the model can learn as they are, counted.

    Args:
        loaded: The videos.
        head: The model's head; nothing is said of one without ``point_generator`` and ``assigner``.
        by_class: One problem a class, instead of one that names the worst.
    """
    if not (hasattr(head, 'point_generator') and hasattr(getattr(head, 'assigner', None), 'qualifies')):
        return []
    labels, reasons = _find_unlearnable(loaded, head)
    totals, lost = Counter(labels), Counter(label for label, reason in zip(labels, reasons, strict=True) if reason)
    expected = 'a step inside each, and a level whose regress_ranges hold how far it reaches from there'

    def told(label: int | None) -> str:
        found = Counter(
            reason for item, reason in zip(labels, reasons, strict=True) if reason and label in (None, item)
        )
        return ', '.join(f'{number} {reason}' for reason, number in found.most_common())

    if by_class:
        return [
            loaded.problem(
                'unlearnable-event', f'{loaded.classes[k]!r}: {lost[k]} of {totals[k]} events, {told(k)}', expected
            )
            for k in sorted(lost)
        ]
    worst = sorted(lost, key=lambda label: -lost[label])[:NUM_WORST]
    names = ', '.join(f'{loaded.classes[k]!r} {lost[k]} of {totals[k]}' for k in worst)
    found = f'no point of the model can learn {lost.total()} of the {totals.total()} events as they are '
    return [loaded.problem('unlearnable-event', f'{found}({told(None)}; {names})', expected)] if lost else []


def _find_unlearnable(loaded: Loaded, head: Any) -> tuple[list[int], list[str]]:
    """The labels of all N counted events, and why each cannot be learned; empty where it can."""
    crop = loaded.shaping.crop
    columns: list[tuple[np.ndarray, ...]] = []
    for record, grid, num_steps in loaded.timed():
        counted = ~record['ignored'] & (record['labels'] >= 0)
        segments, labels = grid.to_grid(record['segments_sec'][counted]), record['labels'][counted]
        window = num_steps if crop is None else crop.shortest(num_steps)
        columns.append((segments, labels, np.full(len(labels), num_steps), np.full(len(labels), window)))
    if not columns:
        return [], []
    segments, labels, lengths, windows = map(np.concatenate, zip(*columns, strict=True))
    qualifies = _qualify(segments, lengths, windows, head)
    start, end = segments[:, 0], segments[:, 1]
    max_len = crop.max_len if crop is not None else np.inf
    reasons = np.select(
        [
            (start > lengths - 1) | (end < 0),
            (end - start > max_len) & (lengths > max_len),
            qualifies,
            np.ceil(start) > np.floor(end),
        ],
        ['beyond the features', "longer than the crop's max_len", '', 'between two steps'],
        "outside every level's range",
    )
    return labels.tolist(), reasons.tolist()


def _qualify(segments: np.ndarray, num_steps: np.ndarray, windows: np.ndarray, head: Any) -> np.ndarray:
    """For which of N events (N, 2), in videos of ``num_steps`` (N,), some point of some window qualifies, (N,) bool.

    Events of all videos are moved to the beginning of one short row of steps, each of which is tried as a point of
    every level: in a window that begins at step f, a level of stride s has its points at f, f + s, ….

    Args:
        segments: The events, in grid steps.
        num_steps: The steps of their videos.
        windows: The steps of the windows (N,) that are cut out of these at any place.
        head: Its ``point_generator`` and ``assigner`` are asked.
    """
    device, generator = torch.device('cpu'), head.point_generator
    base = np.floor(segments[:, 0].clip(min=0))
    local = segments - base[:, None]
    widths = (np.minimum(local[:, 1], num_steps - 1 - base).clip(min=0) + 1).astype(int)
    found, order = np.zeros(len(segments), dtype=bool), np.argsort(widths)
    while len(order):
        width = int(widths[order[-1]])
        size = max(BLOCK_PAIRS // (width * generator.num_levels), 1)
        order, block = order[:-size], order[-size:]
        points = generator([width] * generator.num_levels, device)
        points = points._replace(times=points.times / points.strides)
        events = torch.from_numpy(local[block]).float()[:, None]
        steps = points.times + torch.from_numpy(base[block])[:, None]
        window, spare = (torch.from_numpy(item[block])[:, None] for item in (windows, num_steps - windows))
        first = spare - (spare - steps) % points.strides  # of the last window in which the step is a point
        inside = (first >= 0) & (first > steps - window) & (steps < spare + window)
        found[block] = (head.assigner.qualifies(points, events)[..., 0] & inside).any(1).numpy()
    return found
