"""Reading annotation files: ActivityNet's JSON layout, which UnAV-100, THUMOS14 and ActionFormer's files share.

``database`` maps a video id to its ``subset``, ``duration`` in seconds, ``fps`` (optional) and ``annotations``, each
with a ``segment`` (start, end) in seconds, a ``label`` and, in most files, a ``label_id``. Tables become the same, see
:mod:`mmdel.datasets.csv_annotations`.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from mmengine.logging import print_log

from mmdel.datasets.csv_annotations import load_csv_database
from mmdel.utils.errors import UserInputError

SUBSET_SYNONYMS = {'training': 'train', 'validation': 'val', 'testing': 'test'}


def canonical_subset(subset: str) -> str:
    """One name for all the spellings of a subset: ``'Training'`` → ``'train'``."""
    name = str(subset).strip().lower()
    return SUBSET_SYNONYMS.get(name, name)


def some_of(names: Sequence[str], num: int = 3) -> str:
    """The first few names, for a message."""
    return ', '.join(names[:num]) + (', …' if len(names) > num else '')


def load_database(ann_file: str, csv: dict | None = None) -> dict[str, dict]:
    """The ``database`` of an annotation file: video id → entry, in the order of the file.

    Args:
        ann_file: A JSON file or, with ``csv``, a table.
        csv: Which columns of the table say what: arguments of :class:`~mmdel.datasets.csv_annotations.CsvLayout`.

    Raises:
        UserInputError: If the file cannot be read, is not JSON, or has no such mapping.
    """
    if csv is not None:
        return load_csv_database(ann_file, csv)
    try:
        with open(ann_file, encoding='utf-8') as file:
            content = json.load(file)
    except OSError as error:
        raise UserInputError(f'Cannot read the annotation file {ann_file}: {error.strerror}') from error
    except ValueError as error:
        raise UserInputError(f'The annotation file {ann_file} is not JSON: {error}') from error
    database = content.get('database') if isinstance(content, dict) else None
    if not isinstance(database, dict) or not all(isinstance(entry, dict) for entry in database.values()):
        raise UserInputError(f"The annotation file {ann_file} needs a key 'database' that maps video ids to entries")
    return database


def collect_classes(
    database: dict[str, dict], ann_file: str, ignore_labels: Collection[str] = (), num_classes: int | None = None
) -> tuple[str, ...]:
    """The class names of a whole file, all subsets; the place in the list is the label's number.

    With label ids in the file the place is the id, and an id that no annotation uses is named ``unused_<id>``.
    Without any the names are sorted. With ``num_classes`` there are so many, the last ones unused if need be.

    Raises:
        UserInputError: If a label has two ids or an id two labels, if only some labels have an id, if an id is not a
            whole number >= 0, if there is no label at all, or more than ``num_classes``.
    """
    ids: dict[str, int] = {}
    names: dict[int, str] = {}
    labels: set[str] = set()
    for video_id, entry in database.items():
        for annotation in entry.get('annotations') or ():
            label = _field(annotation, 'label', video_id, ann_file)
            if label in ignore_labels:
                continue
            labels.add(label)
            if annotation.get('label_id') is None:
                continue
            label_id = annotation['label_id']
            where = f'{ann_file}, video {video_id}'
            if isinstance(label_id, bool) or not isinstance(label_id, int) or label_id < 0:
                raise UserInputError(f'{where}: label_id must be a whole number >= 0, got {label_id!r}')
            if ids.setdefault(label, label_id) != label_id:
                raise UserInputError(f'{where}: label {label!r} has label_id {label_id}, elsewhere {ids[label]}')
            if names.setdefault(label_id, label) != label:
                raise UserInputError(f'{where}: label_id {label_id} is {label!r}, elsewhere {names[label_id]!r}')
    if not labels:
        raise UserInputError(
            f'The annotation file {ann_file} has no labelled event: the classes cannot be read from it'
        )
    if ids and len(ids) < len(labels):
        raise UserInputError(
            f'{ann_file}: only some labels have a label_id; none for {some_of(sorted(labels - ids.keys()))}'
        )
    names = names or dict(enumerate(sorted(labels)))
    found = max(names) + 1
    if num_classes is not None and found > num_classes:
        raise UserInputError(f'{ann_file} has {found} classes (the last is {names[found - 1]!r}), not {num_classes}')
    return tuple(names.get(label_id, f'unused_{label_id}') for label_id in range(num_classes or found))


def parse_videos(
    database: dict[str, dict],
    ann_file: str,
    subsets: Iterable[str],
    classes: Sequence[str],
    ignore_labels: Collection[str] = (),
    clip: bool = True,
) -> list[dict]:
    """One record per video of the subsets, in the order of the file.

    A record has ``video_id``, ``duration_sec``, ``fps`` (None if the file gives none), ``segments_sec`` (N, 2) float64
    in seconds, ``labels`` (N,) int64 and ``ignored`` (N,) bool; ignored events have label -1. Events that end (or
    start) outside [0, duration] are clipped to it and what has then no length is dropped, each with one warning;
    without ``clip`` they stay as annotated. Events that end before they start, of which published files have some, are
    no events: they are dropped with a warning.

    Raises:
        UserInputError: If a subset has no video, or a video a wrong duration, fps, segment or label.
    """
    wanted = {canonical_subset(subset) for subset in subsets}
    label_ids = {name: index for index, name in enumerate(classes)}
    reversed_, clipped, dropped, records = [], [], [], []
    for video_id, entry in database.items():
        if canonical_subset(entry.get('subset', '')) not in wanted:
            continue
        record = _parse_video(video_id, entry, ann_file, label_ids, ignore_labels)
        records.append(record)
        segments = record['segments_sec']
        ordered = segments[:, 0] <= segments[:, 1]
        reversed_ += [video_id] * int((~ordered).sum())
        _keep(record, ordered)
        if not clip:
            continue
        segments = record['segments_sec']
        record['segments_sec'] = inside = segments.clip(0.0, record['duration_sec'])
        kept = inside[:, 1] > inside[:, 0]
        clipped += [video_id] * int((inside != segments)[kept].any(axis=1).sum())
        dropped += [video_id] * int((~kept).sum())
        _keep(record, kept)
    if not records:
        found = sorted({str(entry.get('subset')) for entry in database.values()})
        raise UserInputError(f'{ann_file} has no video of the subset {sorted(wanted)}; its subsets are {found}')
    _warn(ann_file, reversed_, 'end before they start and are dropped')
    _warn(ann_file, clipped, 'reach beyond their video and are clipped')
    _warn(ann_file, dropped, 'have no length in their video and are dropped')
    return records


def _keep(record: dict, kept: np.ndarray) -> None:
    """Leave in a record the events that are marked, (N,) bool."""
    for key in ('segments_sec', 'labels', 'ignored'):
        record[key] = record[key][kept]


def _warn(ann_file: str, video_ids: list[str], what: str) -> None:
    """One warning about all the events of one kind; ``video_ids`` has an entry for each event."""
    if video_ids:
        videos = list(dict.fromkeys(video_ids))
        message = f'{ann_file}: {len(video_ids)} events of {len(videos)} videos ({some_of(videos)}) {what}'
        print_log(message, logger='current', level=logging.WARNING)


def _parse_video(
    video_id: str,
    entry: dict,
    ann_file: str,
    label_ids: dict[str, int],
    ignore_labels: Collection[str],
) -> dict:
    duration = entry.get('duration', entry.get('duration_second'))
    duration_sec = _positive(duration, 'duration', video_id, ann_file)
    fps = entry.get('fps')
    annotations = entry.get('annotations') or ()
    segments, labels = [], []
    for annotation in annotations:
        segments.append(_segment(_field(annotation, 'segment', video_id, ann_file), video_id, ann_file))
        label = _field(annotation, 'label', video_id, ann_file)
        if label not in label_ids and label not in ignore_labels:
            raise UserInputError(
                f'{ann_file}, video {video_id}: unknown label {label!r}; '
                f'the {len(label_ids)} classes are {some_of(list(label_ids), 5)}'
            )
        labels.append(-1 if label in ignore_labels else label_ids[label])
    label_array = np.array(labels, dtype=np.int64)
    return dict(
        video_id=video_id,
        duration_sec=duration_sec,
        fps=None if fps is None else _positive(fps, 'fps', video_id, ann_file),
        segments_sec=np.array(segments, dtype=np.float64).reshape(-1, 2),
        labels=label_array,
        ignored=label_array < 0,
    )


def _field(annotation: dict, key: str, video_id: str, ann_file: str):
    if not isinstance(annotation, dict) or annotation.get(key) is None:
        raise UserInputError(f'{ann_file}, video {video_id}: an annotation has no {key!r}: {annotation}')
    return annotation[key]


def _positive(value, name: str, video_id: str, ann_file: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise UserInputError(f'{ann_file}, video {video_id}: {name} must be a positive number, got {value!r}')
    return number


def _segment(segment, video_id: str, ann_file: str) -> tuple[float, float]:
    try:
        start, end = map(float, segment)
    except (TypeError, ValueError):
        start = end = math.nan
    if not (math.isfinite(start) and math.isfinite(end)):
        raise UserInputError(f'{ann_file}, video {video_id}: segment must be (start, end) in seconds, got {segment!r}')
    return start, end
