"""Reading result files, of this project or another, and saying what is wrong in them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmdel.evaluation.functional import Predictions
from mmdel.events.columns import distinct, number_column
from mmdel.events.problems import raise_first, short
from mmdel.events.raw import RawEvents
from mmdel.events.reading import read_raw
from mmdel.events.times import MAX_SEC, seconds_column
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json
from mmdel.utils.names import to_label, to_name, visible

NUM_EXAMPLES = 5
MAX_SCORE = float(np.finfo(np.float32).max)  # what a tensor of scores holds


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
                examples = ', '.join(f'{visible(key)} ({num})' for key, num in counts.most_common(NUM_EXAMPLES))
                more = ', …' if len(counts) > NUM_EXAMPLES else ''
                lines.append(f'{sum(counts.values())} predictions {fate}, {len(counts)} {name}: {examples}{more}')
        if self.silent_videos:
            lines.append(f'{self.silent_videos} videos of the ground truth have no prediction')
        return lines


def read_results(path: str | os.PathLike) -> RawEvents:
    """The predictions of a result file: ActivityNet's results, or any format of events that holds scores.

    Raises:
        UserInputError: If the file cannot be read, is of no known format, or has predictions without any score.
    """
    raw = read_raw(path)
    if len(raw) and 'score' not in raw.columns:
        raise UserInputError(f'{path}: the events have no scores, so they are no predictions; name a result file')
    return raw


def load_video_list(path: str | os.PathLike) -> list[str]:
    """A JSON list (or the keys of a JSON mapping) of video ids.

    Raises:
        UserInputError: If the file is anything else.
    """
    content = read_json(path, 'list of videos')
    if not isinstance(content, list | dict) or not all(isinstance(name, str) for name in content):
        raise UserInputError(f'The list of videos {path} must be a JSON list of video ids')
    return [to_name(name) for name in content]


def parse_predictions(
    raw: RawEvents,
    video_ids: Sequence[str],
    classes: Sequence[str],
    task: str = 'label',
    skipped_videos: Collection[str] = (),
) -> tuple[Predictions, ResultProblems]:
    """The predictions of a result file as one table.

    Args:
        raw: Of :func:`read_results`.
        video_ids: The videos of the ground truth, in the order of their numbers.
        classes: The class names in the order of their numbers; a label is looked up by :func:`number_classes`.
        task: The field that names the class, see :func:`task_labels`.
        skipped_videos: Videos that are left out and known to be.

    Raises:
        UserInputError: If a prediction lacks a field, or a segment or score is no number, or a far too large one.
    """
    raise_first(raw.problems)
    numbers, skipped = {name: number for number, name in enumerate(video_ids)}, set(skipped_videos)
    videos = np.array([-2 if name in skipped else numbers.get(name, -1) for name in raw.video], dtype=np.int64)
    values, codes = distinct(task_labels(raw, task))
    class_numbers, names = number_classes(classes), [_class_name(value) for value in values]
    labels = np.array([class_numbers.get(name, -1) for name in names], dtype=np.int64)[codes]  # type: ignore[arg-type]
    (start, _), (end, _) = seconds_column(raw.start), seconds_column(raw.end)
    scores = raw.columns.get('score', [None] * len(raw))
    score, nothing = number_column(scores), np.array([value is None for value in scores], dtype=bool)
    is_nan = np.array([value is None or value != value for value in scores], dtype=bool)
    named = np.array([name is not None for name in names], dtype=bool)[codes]
    times = (np.abs(start) <= MAX_SEC) & (np.abs(end) <= MAX_SEC)  # not of NaN either
    wrong = ~(times & named & (is_nan | (np.abs(score) <= MAX_SCORE) | nothing))
    for row in np.flatnonzero(wrong & (videos >= 0))[:1].tolist():
        found = f'segment {short([raw.start[row], raw.end[row]])}, {task} {short(values[codes[row]])}'
        raise UserInputError(
            f'{raw.file}, video {raw.video[row]}, {raw.tell(row)}: a prediction must have a segment (start, end) in '
            f'seconds, a {task} and a score, got {found}, score {short(scores[row])}'
        )
    known, problems = videos >= 0, ResultProblems()
    problems.unknown_videos.update(raw.video[row] for row in np.flatnonzero(videos == -1))
    problems.unknown_classes.update(str(names[codes[row]]) for row in np.flatnonzero(known & (labels < 0)))
    kept = known & (labels >= 0)
    problems.nan_scores.update(raw.video[row] for row in np.flatnonzero(kept & np.isnan(score)))
    kept &= ~np.isnan(score)
    problems.reversed_segments.update(raw.video[row] for row in np.flatnonzero(kept & (end < start)))
    rows = np.flatnonzero(kept)
    problems.silent_videos = len(numbers) - len(np.unique(videos[rows]))
    # A segment of no length matches nothing, as one that is reversed.
    segments = np.stack([start, np.maximum(start, end)], axis=1)[rows]
    return Predictions(videos[rows], labels[rows], segments, score[rows]), problems


def task_labels(raw: RawEvents, task: str) -> list[Any]:
    """What names the class of each annotation or prediction in a task; None where nothing does.

    It is the field of that name; ``'action'`` without such a field is ``'<verb>,<noun>'``.
    """
    if task == 'label':
        return raw.label
    nothing = [None] * len(raw)
    found = raw.columns.get(task, nothing)
    if task == 'action':
        parts = zip(found, raw.columns.get('verb', nothing), raw.columns.get('noun', nothing), strict=True)
        return [action if action is not None or None in (v, n) else f'{v},{n}' for action, v, n in parts]
    return found


def number_classes(classes: Sequence[str]) -> dict[str | int, int]:
    """The number of the class that a label, as text or as a number, means.

    A number means the class of that place, unless there are classes whose names are numbers: then it is such a name.
    """
    numbers: dict[str | int, int] = {str(name): place for place, name in enumerate(classes)}
    names = {int(name): place for name, place in numbers.items() if re.fullmatch(r'0|-?[1-9]\d*', str(name), re.ASCII)}
    return numbers | (names or {place: place for place in range(len(classes))})


def _class_name(value: Any) -> str | int | None:
    """What names a class: a text, or a number; None for all else."""
    if isinstance(value, str):
        return to_label(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
