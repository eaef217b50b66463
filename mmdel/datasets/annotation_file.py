"""The one parser of annotation files: records for training and scoring, and all that is wrong.

The layout is ActivityNet's JSON, which UnAV-100, THUMOS14 and ActionFormer's files share: ``database`` maps a video id
to its ``subset``, ``duration`` in seconds, ``fps`` (optional) and ``annotations``, each with a ``segment`` (start, end)
in seconds, a ``label`` and, in most files, a ``label_id``. null is as if it were not there. Tables become the same, see
:mod:`mmdel.datasets.csv_annotations`; ``docs/datasets.md`` has the rules.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmdel.datasets.csv_annotations import load_csv_database
from mmdel.datasets.video import Event, Video, canonical_subset
from mmdel.events.labels import LabelPlace, look_alikes, name_classes, number_labels, to_labels
from mmdel.events.problems import Problem, raise_first, short, some_of, warn_of
from mmdel.events.times import (
    EventEnd,
    Times,
    check_times,
    from_ticks,
    ticks_a_second,
    to_seconds,
    unit_problem,
)
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json
from mmdel.utils.names import to_label, to_name


@dataclass
class Annotations:
    """What an annotation file says.

    Attributes:
        videos: Video id → what makes sense of its entry, for all subsets, in the order of the file.
        subsets: The subsets that were asked for.
        classes: The class names in the order of their numbers.
        label_ids: The one id of each label, where the file numbers its labels.
        ignored: The labels that are no classes.
        problems: What is wrong with the file, and with the videos of the subsets.
    """

    videos: dict[str, Video]
    subsets: frozenset[str]
    classes: tuple[str, ...]
    label_ids: dict[str, int]
    ignored: frozenset[str]
    problems: list[Problem]

    @property
    def read(self) -> list[Video]:
        """The videos of the subsets."""
        return [video for video in self.videos.values() if video.subset in self.subsets]

    def records(self, clip: bool = True) -> list[dict[str, Any]]:
        """One record for each video of the subsets, in the order of the file; other warnings are logged.

        A record has ``video_id``, ``duration_sec``, ``fps`` (None if the file gives none), ``segments_sec`` (N, 2)
        float64 in seconds, ``labels`` (N,) int64 and ``ignored`` (N,) bool; events that are ignored, or have no label,
        have label -1. A video of unknown duration, whose features are not there, lasts until its last event.

        Args:
            clip: Clip the events to [0, duration] and leave out what has then no length; else they are as annotated.

        Raises:
            ProblemError: If there is an error among the problems: the first.
        """
        raise_first(self.problems)
        warn_of(self.problems)
        numbers = {name: number for number, name in enumerate(self.classes) if name not in self.ignored}
        known, records = {'', *numbers, *self.ignored}, []
        for video in self.read:
            events = video.clipped() if clip else video.events
            events = [event for event in events if event.label in known]
            labels = np.array([numbers.get(event.label, -1) for event in events], dtype=np.int64)
            records.append(
                dict(
                    video_id=video.video_id,
                    duration_sec=video.duration_sec or max((event.end_sec for event in video.events), default=1.0),
                    fps=video.fps,
                    segments_sec=np.array([event[:2] for event in events], dtype=np.float64).reshape(-1, 2),
                    labels=labels,
                    ignored=np.array([event.label in self.ignored for event in events], dtype=bool),
                )
            )
        return records


def read_annotation_file(ann_file: str, csv: dict | None = None) -> tuple[dict[str, Any], list[Problem]]:
    """The raw entries of an annotation file, in its order, and what is wrong with their ids and kinds.

    Ids are in Unicode's composed form, whatever the file has.

    Args:
        ann_file: A JSON file or, with ``csv``, a table.
        csv: Which columns of the table say what: arguments of :class:`~mmdel.datasets.csv_annotations.CsvLayout`.

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

    content = read_json(ann_file, 'annotation file', keep_last)
    database = content.get('database') if isinstance(content, dict) else None
    if not isinstance(database, dict):
        raise UserInputError(f"The annotation file {ann_file} needs a key 'database' that maps video ids to entries")
    twice = [to_name(video_id) for mapping, names in repeated if mapping is database for video_id in names]
    names = Counter(map(to_name, database))
    twice += [name for name, count in names.items() if count > 1 and name not in twice]
    database = {to_name(video_id): entry for video_id, entry in database.items()}
    problems = [Problem('repeated-video-id', 'the id stands twice', 'one entry', name, ann_file) for name in twice]
    return database, problems + [
        Problem('wrong-entry', short(entry), 'a mapping', video_id, ann_file)
        for video_id, entry in database.items()
        if not isinstance(entry, dict)
    ]


def load_database(ann_file: str, csv: dict | None = None) -> dict[str, dict]:
    """As :func:`read_annotation_file`, for those who want the entries alone.

    Raises:
        UserInputError: If there is a problem.
    """
    database, problems = read_annotation_file(ann_file, csv)
    raise_first(problems)
    return database


def parse_annotations(
    database: dict[str, Any],
    ann_file: str,
    subsets: Iterable[str],
    classes: Sequence[Any] | None = None,
    num_classes: int | None = None,
    ignore_labels: Collection[Any] = (),
    drop_labels: Collection[Any] = (),
    needs_fps: bool = False,
    measure: Callable[[str, float | None], float | None] | None = None,
    needs_labels: bool = True,
    times: Times = 'seconds',
) -> Annotations:
    """What the entries of an annotation file say, and all that is wrong with them.

    Labels are texts without white space around them; a whole number is its text. The place of a class in ``classes`` is
    the number of its label: the id where the file has label ids (an id of no label is named ``unused_<id>``), else the
    place in the sorted names of all subsets (by their value if all are numbers).

    Args:
        database: The raw entries.
        ann_file: Where they are from, for messages.
        subsets: Whose videos are to be read; of the others only the labels' numbers are checked.
        classes: Class names in the order of their numbers; None takes them from the whole file.
        num_classes: How many classes there are at most; the last ones are then unused if need be.
        ignore_labels: Labels that are no classes.
        drop_labels: Labels whose events are as if they were not there.
        needs_fps: Whether a video must have a frame rate.
        measure: Tells by id and fps how long, in seconds, a video without a duration is, or None; without it a duration
            is needed.
        needs_labels: Whether an event must have a label; else its label is empty if it has none.
        times: The unit of the events' times: ``'seconds'``, ``'frames'`` of the video's fps, or how many a second there
            are, as 1000 for milliseconds. Durations are in seconds, and so are times as ``0:01:02.5``.

    Raises:
        UserInputError: If those of ``classes``, ``ignore_labels`` or ``drop_labels`` are no labels, or ``classes`` has
            one twice.
        ValueError: If there are no such ``times``.
    """
    check_times(times)
    ignored = frozenset(to_labels(ignore_labels, 'ignore_labels'))
    given = to_labels(classes or (), 'classes')
    if len(set(given)) < len(given):
        raise UserInputError(f'classes names a label twice: {short(given)}')
    parser = _Parser(ann_file, frozenset(map(canonical_subset, subsets)), set(given) | ignored if given else None)
    parser.needs_fps, parser.needs_labels, parser.measure, parser.times = needs_fps, needs_labels, measure, times
    parser.dropped = frozenset(to_labels(drop_labels, 'drop_labels'))
    for video_id, entry in database.items():
        if isinstance(entry, dict):
            parser.parse_video(video_id, entry)
    parser.check_subsets()
    parser.check_unit()
    known = [place for place in parser.labels if parser.known is None or place.label in parser.known]
    parser.problems += look_alikes(known, {*given, *ignored}, ann_file)
    label_ids: dict[str, int] = {}
    if not given:
        labels = [place for place in parser.labels if place.label not in ignored]
        label_ids, wrong_ids = number_labels(labels, ann_file)
        given, wrong_names = name_classes(labels, label_ids, num_classes, ann_file)
        parser.problems += wrong_ids + wrong_names
    return Annotations(parser.videos, parser.subsets, given, label_ids, ignored, parser.problems)


class _Parser:
    """Goes through the entries of a file and keeps what they say and what is wrong.

    Args:
        ann_file: The file, for messages.
        subsets: Whose videos' problems count.
        known: The labels that there may be; None for any.
    """

    def __init__(self, ann_file: str, subsets: frozenset[str], known: set[str] | None) -> None:
        self.ann_file = ann_file
        self.subsets = subsets
        self.known = known
        self.dropped: frozenset[str] = frozenset()
        self.needs_fps = False
        self.needs_labels = True
        self.times: Times = 'seconds'
        self.measure: Callable[[str, float | None], float | None] | None = None
        self.videos: dict[str, Video] = {}
        self.problems: list[Problem] = []
        self.unmeasured: list[Video] = []
        self.ends: list[EventEnd] = []  # of events of subsets that count
        self.labels: list[LabelPlace] = []  # of all subsets

    def add(self, kind: str, found: str, expected: str, video_id: str = '', event: int | None = None) -> None:
        """Keeps a problem, if it is of a subset that counts."""
        video = self.videos.get(video_id)
        if video is None or video.subset in self.subsets:
            self.problems.append(Problem(kind, found, expected, video_id, self.ann_file, event))

    def parse_video(self, video_id: str, entry: dict[str, Any]) -> None:
        """Reads one entry."""
        subset = entry.get('subset')
        name = canonical_subset(subset) if isinstance(subset, str) else ''
        if not name:
            self.add('missing-subset', f'subset {short(subset)}', 'the name of a subset', video_id)
        duration, fps = entry.get('duration', entry.get('duration_second')), entry.get('fps')
        video = self.videos[video_id] = Video(video_id, name, _positive(duration), _positive(fps))
        video.ticks_hz = ticks_a_second(self.times, video.fps)
        if fps is None and self.times == 'frames':
            self.add('missing-fps', 'no fps', "a positive number, since the events' times are in frames", video_id)
        elif fps is None and self.needs_fps:
            self.add('missing-fps', 'no fps', "a positive number, or fps in the stream's config", video_id)
        elif fps is not None and video.fps is None:
            self.add('wrong-fps', f'fps {short(fps)}', 'a positive number', video_id)
        if duration is not None and video.duration_sec is None:
            self.add('wrong-duration', f'duration {short(duration)}', 'a positive number of seconds', video_id)
        elif duration is None and name in self.subsets:
            self.unmeasured.append(video)
            video.duration_sec = self.measure(video_id, video.fps) if self.measure else None
        annotations = entry.get('annotations') or []
        if not isinstance(annotations, list):
            self.add('wrong-entry', f'annotations {short(annotations)}', 'a list', video_id)
            return
        first: dict[tuple, int] = {}
        for index, annotation in enumerate(annotations):
            event = self._parse_event(video, index, annotation)
            if event is None:
                continue
            video.events.append(event)
            if first.setdefault(event[:3], index) != index:
                found = f'{event.label!r} at {event.span()}, as event {first[event[:3]]}'
                self.add('duplicate-event', found, 'each event once', video_id, index)

    def _parse_event(self, video: Video, index: int, annotation: Any) -> Event | None:
        """The event of an annotation; None if it is none."""
        place = (video.video_id, index)
        if not isinstance(annotation, dict):
            self.add('wrong-entry', short(annotation), 'a mapping with segment and label', *place)
            return None
        line = f'line {annotation["line"]}: ' if 'line' in annotation else ''  # a row of a table
        raw, segment = annotation.get('label'), annotation.get('segment')
        label = to_label(raw)
        if label in self.dropped:
            return None
        may_lack = raw is None and not self.needs_labels
        if label is None and not may_lack:
            self.add('wrong-label', f'{line}label {short(raw)}', 'the name of a class', *place)
        elif label is not None:
            self.labels.append(LabelPlace(label, raw, annotation.get('label_id'), *place))
            if self.known is not None and label not in self.known:
                self.add('unknown-label', f'{line}label {raw!r}', f'one of {some_of(sorted(self.known), 5)}', *place)
                label = None
        ticks_hz = video.ticks_hz
        if ticks_hz is None:  # the video has an error
            return None
        times = [from_ticks(time, ticks_hz) for time in segment] if isinstance(segment, (list, tuple)) else []
        if len(times) != 2 or not all(map(math.isfinite, times)):
            expected = '(start, end), in seconds or as h:m:s'
            self.add('wrong-segment', f'{line}segment {short(segment)}', expected, *place)
            return None
        event = Event(times[0], times[1], label or '', index)
        end_sec = math.inf if video.duration_sec is None else video.duration_sec
        if video.subset in self.subsets and video.duration_sec is not None:
            self.ends.append(EventEnd(event.end_sec * ticks_hz, end_sec, ticks_hz, video.fps))
        if event.end_sec < event.start_sec:
            self.add('reversed-event', event.span(), 'start before end', *place)
            return None
        if min(event.end_sec, end_sec) <= max(event.start_sec, 0.0):
            self.add('empty-event', event.span(), f'start before end, inside 0-{end_sec:g} s', *place)
        elif event.start_sec < 0 or event.end_sec > end_sec:
            self.add('event-beyond-video', event.span(), f'inside 0-{end_sec:g} s', *place)
        return event if label or may_lack else None

    def check_subsets(self) -> None:
        """Subsets that no video names, and videos without a duration."""
        named = {video.subset for video in self.videos.values()} - {''}
        for subset in sorted(self.subsets - named):
            self.add('empty-subset', f'the subsets {sorted(named)}', f'a video of the subset {subset!r}')
        num_read = sum(video.subset in self.subsets for video in self.videos.values())
        # Where no video has one, as in LFAV's tables, it is meant so.
        severity = 'error' if self.measure is None else 'warning' if len(self.unmeasured) < num_read else 'info'
        self.problems += [
            Problem(
                'missing-duration',
                'no duration',
                'a number of seconds',
                video.video_id,
                self.ann_file,
                severity=severity,
            )
            for video in self.unmeasured
        ]

    def check_unit(self) -> None:
        """Times that are in another unit than they are read in."""
        contradiction = unit_problem(self.ends)
        if contradiction is not None:
            # Of a duration that the features tell, the stream's stride may be wrong.
            severity = 'warning' if self.unmeasured else 'error'
            if severity == 'error':  # which explains these
                consequences = ('empty-event', 'event-beyond-video')
                self.problems = [problem for problem in self.problems if problem.kind not in consequences]
            self.problems.append(Problem('wrong-times', *contradiction, file=self.ann_file, severity=severity))


def _positive(value: Any) -> float | None:
    number = to_seconds(value)
    return number if math.isfinite(number) and number > 0 else None
