"""Reading result files in ActivityNet's format, of this project or another, and saying what is wrong in them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmdel.evaluation.functional import Predictions
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json
from mmdel.utils.names import to_label, to_name

PICKLE_SUFFIXES = ('.pkl', '.pickle', '.pth', '.pt')
NUM_EXAMPLES = 5


@dataclass
class ResultProblems:
    """What does not fit between a result file and the ground truth, counted in predictions by name.

    Args:
        unknown_videos: Video id → predictions left out.
        unknown_classes: Label → predictions left out.
        nan_scores: Video id → predictions left out because their score is not a number.
        reversed_segments: Video id → predictions that end before they start; kept, and wrong for certain.
        silent_videos: Number of videos of the ground truth without a prediction.
    """

    unknown_videos: Counter = field(default_factory=Counter)
    unknown_classes: Counter = field(default_factory=Counter)
    nan_scores: Counter = field(default_factory=Counter)
    reversed_segments: Counter = field(default_factory=Counter)
    silent_videos: int = 0

    def lines(self) -> list[str]:
        """One line for each kind that occurs."""
        kinds = (
            ('unknown videos', self.unknown_videos, 'left out'),
            ('unknown classes', self.unknown_classes, 'left out'),
            ('NaN scores in videos', self.nan_scores, 'left out'),
            ('reversed segments in videos', self.reversed_segments, 'counted as wrong'),
        )
        lines = []
        for name, counts, fate in kinds:
            if counts:
                examples = ', '.join(f'{key} ({num})' for key, num in counts.most_common(NUM_EXAMPLES))
                more = ', …' if len(counts) > NUM_EXAMPLES else ''
                lines.append(f'{sum(counts.values())} predictions {fate}, {len(counts)} {name}: {examples}{more}')
        if self.silent_videos:
            lines.append(f'{self.silent_videos} videos of the ground truth have no prediction')
        return lines


def _load_json(path: str | Path, what: str) -> object:
    """The content of a JSON file; a pickle is refused."""
    if str(path).lower().endswith(PICKLE_SUFFIXES):
        raise UserInputError(
            f'The {what} {path} is a pickle, which can run any program when it is opened, and is not '
            'read. Write the results as JSON: {"results": {video id: [{"segment": [start, end], '
            '"label": name, "score": x}, …]}}, e.g. by mmdel.DumpEvents'
        )
    return read_json(path, what)


def load_results(path: str | Path) -> dict[str, list]:
    """The ``results`` of a result file: video id → predictions.

    Raises:
        UserInputError: If the file cannot be read, is a pickle, is not JSON, or has no such mapping.
    """
    content = _load_json(path, 'result file')
    results = content.get('results') if isinstance(content, dict) else None
    if not isinstance(results, dict) or not all(isinstance(entries, list) for entries in results.values()):
        raise UserInputError(
            f"The result file {path} needs a key 'results' that maps video ids to lists of predictions"
        )
    named = {to_name(video_id): entries for video_id, entries in results.items()}
    if len(named) < len(results):
        raise UserInputError(f'The result file {path} has one video under two Unicode forms of its id')
    return named


def load_video_list(path: str | Path) -> list[str]:
    """A JSON list (or the keys of a JSON mapping) of video ids.

    Raises:
        UserInputError: If the file is anything else.
    """
    content = _load_json(path, 'list of videos')
    if not isinstance(content, list | dict) or not all(isinstance(name, str) for name in content):
        raise UserInputError(f'The list of videos {path} must be a JSON list of video ids')
    return [to_name(name) for name in content]


def parse_predictions(
    results: dict[str, list],
    path: str | Path,
    video_ids: Sequence[str],
    classes: Sequence[str],
    task: str = 'label',
    skipped_videos: Collection[str] = (),
) -> tuple[Predictions, ResultProblems]:
    """The predictions of a result file as one table.

    Args:
        results: Of :func:`load_results`.
        path: The file, for messages.
        video_ids: The videos of the ground truth, in the order of their numbers.
        classes: The class names in the order of their numbers; a label is looked up by :func:`number_classes`.
        task: The field that names the class; ``'action'`` without such a field is ``'<verb>,<noun>'``.
        skipped_videos: Videos that are left out and known to be.

    Raises:
        UserInputError: If a prediction lacks a field, or a segment or score is no number.
    """
    video_numbers = {name: number for number, name in enumerate(video_ids)}
    class_numbers = number_classes(classes)
    problems = ResultProblems()
    rows: list[tuple[int, int, float, float, float]] = []
    seen = set()
    for video_id, entries in results.items():
        if video_id in skipped_videos:
            continue
        video = video_numbers.get(video_id)
        if video is None:
            problems.unknown_videos[video_id] += len(entries)
            continue
        for entry in entries:
            label, start, end, score = _parse_entry(entry, task, path, video_id)
            number = class_numbers.get(label)
            if number is None:
                problems.unknown_classes[str(label)] += 1
            elif math.isnan(score):
                problems.nan_scores[video_id] += 1
            else:
                if end < start:
                    problems.reversed_segments[video_id] += 1
                    end = start  # a segment of no length matches nothing, as one that is reversed
                rows.append((video, number, start, end, score))
                seen.add(video)
    problems.silent_videos = len(video_numbers) - len(seen)
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return Predictions(table[:, 0], table[:, 1], table[:, 2:4], table[:, 4]), problems


def number_classes(classes: Sequence[str]) -> dict[str | int, int]:
    """The number of the class that a label, as text or as a number, means.

    A number means the class of that place, unless there are classes whose names are numbers: then it is such a name.
    """
    numbers: dict[str | int, int] = {str(name): place for place, name in enumerate(classes)}
    names = {int(name): place for name, place in numbers.items() if re.fullmatch(r'0|-?[1-9]\d*', str(name), re.ASCII)}
    return numbers | (names or {place: place for place in range(len(classes))})


def entry_label(entry: dict, task: str) -> str | int | None:
    """The class of an annotation or prediction in a task; None if it has none."""
    label = entry.get(task)
    if label is None and task == 'action' and {'verb', 'noun'} <= entry.keys():
        label = f'{entry["verb"]},{entry["noun"]}'
    return label


def _parse_entry(entry: Any, task: str, path: str | Path, video_id: str) -> tuple[str | int, float, float, float]:
    try:
        label = entry_label(entry, task)
        start, end = entry['segment']
        score = entry['score']
        values = float(start), float(end), math.nan if score is None else float(score)
        valid = isinstance(label, str | int) and not isinstance(label, bool)
        label = to_label(label) if isinstance(label, str) else label
        valid = valid and math.isfinite(values[0]) and math.isfinite(values[1])
    except (AttributeError, KeyError, TypeError, ValueError):
        valid = False
    if not valid:
        raise UserInputError(
            f'{path}, video {video_id}: a prediction must have a segment (start, end) in seconds, a '
            f'{task} and a score, got {entry!r:.200}'
        )
    return label, *values  # type: ignore[return-value]
