"""Checks of an annotation file, entry by entry: a broken one is reported and the next is looked at."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mmdel.datasets.annotation_file import canonical_subset
from mmdel.datasets.checks.defects import Defect
from mmdel.datasets.checks.labels import check_label_ids, class_names, is_label, short
from mmdel.datasets.csv_annotations import load_csv_database
from mmdel.utils.errors import UserInputError


class Event(NamedTuple):
    """A sound event: times in seconds, its place in the video's annotations, and its label."""

    start_sec: float
    end_sec: float
    label: str
    place: int


@dataclass
class Video:
    """What an entry says of its video; None where it says nothing or nonsense. ``events`` are the sound ones."""

    video_id: str
    subset: str
    duration_sec: float | None
    fps: float | None
    events: list[Event] = field(default_factory=list)


@dataclass
class Annotations:
    """An annotation file as read, and what was found in it.

    Attributes:
        ann_file: Its path.
        database: Its raw entries: video id → anything.
        videos: The entries that make sense, of all subsets.
        classes: The class names in the order of their numbers.
        label_ids: The one id of each label, if the file numbers its labels without contradiction.
        defects: What is wrong.
    """

    ann_file: str
    database: dict[str, Any]
    videos: dict[str, Video]
    classes: tuple[str, ...]
    label_ids: dict[str, int]
    defects: list[Defect]


def read_annotation_file(ann_file: str, csv: dict | None = None) -> tuple[dict[str, Any], list[Defect]]:
    """The raw entries of an annotation file, and the ids that it has twice.

    Args:
        ann_file: A JSON file or, with ``csv``, a table.
        csv: The layout of the table.

    Raises:
        UserInputError: If the file cannot be read, is not JSON or no such table, or has no mapping ``database``.
    """
    if csv is not None:
        return load_csv_database(ann_file, csv), []
    repeated: list[tuple[dict, list[str]]] = []

    def keep_last(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(pairs)
        if len(mapping) < len(pairs):
            repeated.append((mapping, [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]))
        return mapping

    try:
        with open(ann_file, encoding='utf-8') as file:
            content = json.load(file, object_pairs_hook=keep_last)
    except OSError as error:
        raise UserInputError(f'Cannot read the annotation file {ann_file}: {error.strerror}') from error
    except (ValueError, RecursionError) as error:
        raise UserInputError(f'The annotation file {ann_file} is not JSON: {error}') from error
    database = content.get('database') if isinstance(content, dict) else None
    if not isinstance(database, dict):
        raise UserInputError(f"The annotation file {ann_file} needs a key 'database' that maps video ids to entries")
    defects = [
        Defect('repeated-video-id', 'the id stands twice in the file', 'one entry', video_id, ann_file)
        for mapping, names in repeated
        if mapping is database
        for video_id in names
    ]
    return database, defects


def check_annotations(
    ann_file: str,
    subsets: Collection[str],
    classes: Sequence[str] | None = None,
    ignore_labels: Collection[str] = (),
    needs_fps: bool = False,
    csv: dict | None = None,
    num_classes: int | None = None,
) -> Annotations:
    """Everything that is wrong with an annotation file, and what of it makes sense.

    Args:
        ann_file: Path of the file.
        subsets: Canonical names of the subsets whose videos are checked; of the others only the label ids are.
        classes: Class names of the config; None takes them from the file.
        ignore_labels: Labels that are no classes.
        needs_fps: Whether a stream takes the frame rate from here.
        csv: The layout of a table, if the file is one.
        num_classes: How many classes the config says there are.

    Raises:
        UserInputError: If the file cannot be read at all.
    """
    database, defects = read_annotation_file(ann_file, csv)
    videos = {}
    for video_id, entry in database.items():
        video, found = _check_video(video_id, entry, ann_file, needs_fps)
        if video is not None:
            videos[video_id] = video
        if video is None or not video.subset or video.subset in subsets:
            defects += found
    named = {video.subset for video in videos.values()} - {''}
    for subset in sorted(set(subsets) - named):
        expected = f'videos of the subset {subset!r}'
        defects.append(Defect('empty-subset', f'the subsets {sorted(named)}', expected, file=ann_file))
    if classes:
        for video in videos.values():
            defects += _unknown_labels(video, ann_file, subsets, set(classes) | set(ignore_labels))
        return Annotations(ann_file, database, videos, tuple(classes), {}, defects)
    label_ids, found = check_label_ids(database, ann_file, ignore_labels)
    labels = {event.label for video in videos.values() for event in video.events} - set(ignore_labels)
    names = class_names(labels, label_ids, num_classes)
    if num_classes and len(names) > num_classes:
        found.append(Defect('too-many-classes', f'{len(names)} classes', f'{num_classes} of them', file=ann_file))
    return Annotations(ann_file, database, videos, names, label_ids, defects + found)


def _unknown_labels(video: Video, ann_file: str, subsets: Collection[str], known: set[str]) -> list[Defect]:
    """The defects of a video's events of other labels, which are taken from its sound events."""
    expected = f'one of the {len(known)} classes'
    defects = [
        Defect('unknown-label', f'label {event.label!r}', expected, video.video_id, ann_file, video.subset, event.place)
        for event in video.events
        if event.label not in known and video.subset in subsets
    ]
    video.events = [event for event in video.events if event.label in known]
    return defects


def _check_video(video_id: str, entry: Any, ann_file: str, needs_fps: bool) -> tuple[Video | None, list[Defect]]:
    if not isinstance(entry, dict):
        return None, [Defect('wrong-entry', short(entry), 'a mapping', video_id, ann_file)]
    subset = entry.get('subset')
    subset = canonical_subset(subset) if isinstance(subset, str) else ''
    defects: list[Defect] = []

    def add(kind: str, found: str, expected: str, event: int | None = None) -> None:
        defects.append(Defect(kind, found, expected, video_id, ann_file, subset, event))

    if not subset:
        add('missing-subset', f'subset {short(entry.get("subset"))}', 'the name of a subset')
    duration, fps = entry.get('duration', entry.get('duration_second')), entry.get('fps')
    video = Video(video_id, subset, _positive(duration), _positive(fps))
    if not entry.keys() & {'duration', 'duration_second'}:
        add('missing-duration', 'none', 'a positive number of seconds')
    elif video.duration_sec is None:
        add('wrong-duration', f'duration {short(duration)}', 'a positive number of seconds')
    if fps is None and needs_fps:
        add('missing-fps', 'none', 'a positive number')
    elif fps is not None and video.fps is None:
        add('wrong-fps', f'fps {short(fps)}', 'a positive number')
    annotations = entry.get('annotations') or []
    if not isinstance(annotations, list):
        add('wrong-entry', f'annotations {short(annotations)}', 'a list')
        annotations = []
    first: dict[tuple, int] = {}
    for index, annotation in enumerate(annotations):
        if not isinstance(annotation, dict):
            add('wrong-entry', short(annotation), 'a mapping with segment and label', index)
            continue
        problem = segment_defect(annotation.get('segment'), video.duration_sec)
        if problem is not None:
            add(*problem, index)
        label: Any = annotation.get('label')
        if not is_label(label):
            add('missing-label', f'label {short(label)}', 'the name of a class', index)
            continue
        if problem is not None and problem[0] != 'event-beyond-video':
            continue
        start_sec, end_sec = map(float, annotation['segment'])
        event = Event(start_sec, end_sec, label, index)
        if first.setdefault(event[:3], index) == index:
            video.events.append(event)
        else:
            add(
                'duplicate-event',
                f'{label!r} at {_seconds(event)}, as event {first[event[:3]]}',
                'each event once',
                index,
            )
    return video, defects


def segment_defect(segment: Any, duration_sec: float | None) -> tuple[str, str, str] | None:
    """Kind, what was found and what was expected, of a wrong segment."""
    try:
        start, end = map(float, segment if isinstance(segment, (list, tuple)) else ())
    except (TypeError, ValueError, OverflowError):
        start = end = math.nan
    if not (math.isfinite(start) and math.isfinite(end)):
        return 'wrong-segment', f'segment {short(segment)}', '(start, end) in seconds'
    found = f'{start:g}-{end:g} s'
    if end < start:
        return 'reversed-event', found, 'start before end'
    if end == start:
        return 'zero-length-event', found, 'start before end'
    end_sec = math.inf if duration_sec is None else duration_sec
    if end <= 0 or start >= end_sec:
        return 'event-outside-video', found, f'inside 0-{end_sec:g} s'
    if start < 0 or end > end_sec:
        return 'event-beyond-video', found, f'inside 0-{end_sec:g} s'
    return None


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _seconds(event: Event) -> str:
    return f'{event.start_sec:g}-{event.end_sec:g} s'
