"""What files say of events: a table of them, records for training and scoring, and all that is wrong.

Every format is read into :class:`~mmdel.events.raw.RawEvents`; ``docs/formats.md`` has the rules by which that is kept,
mended or refused, and ``docs/messages.md`` the kinds of problems.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from mmdel.events.events import Event, Events, Video
from mmdel.events.judge import Judge
from mmdel.events.labels import look_alikes, name_classes, number_labels, to_labels
from mmdel.events.problems import Problem, raise_first, short, warn_of
from mmdel.events.raw import RawEvents
from mmdel.events.times import Times, check_times
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import canonical_subset


@dataclass
class AnnotatedVideo:
    """What a file says of one video.

    Attributes:
        video_id: Its id.
        subset: The one name of its subset; empty if it has none.
        duration_sec: Its length; None if that is not known.
        fps: Its frames a second; None if the file does not say.
        events: All of its events that have a label and do not end before they start, as annotated.
        ticks_hz: How many units of the file's times a second has; None for frames of an unknown rate.
    """

    video_id: str
    subset: str
    duration_sec: float | None
    fps: float | None
    events: list[Event] = field(default_factory=list)
    ticks_hz: float | None = 1.0

    def clipped(self) -> list[Event]:
        """The events within the video; what has then no length is left out."""
        end = math.inf if self.duration_sec is None else self.duration_sec
        cut = (e._replace(start_sec=max(e.start_sec, 0.0), end_sec=min(e.end_sec, end)) for e in self.events)
        return [event for event in cut if event.end_sec > event.start_sec]


@dataclass
class Annotations:
    """What an annotation file says.

    Attributes:
        events: All that makes sense, of all subsets, as annotated: events that have a label (or may lack one) and do
            not end before they start.
        rows: The row of each event in the raw table.
        ticks_hz: For each video, how many units of the file's times a second has; NaN for frames of an unknown rate.
        subsets: The subsets that were asked for; None for all.
        classes: The class names in the order of their numbers.
        label_ids: The one id of each label, where the file numbers its labels.
        ignored: The labels that are no classes.
        problems: What is wrong with the file, and with the videos of the subsets.
    """

    events: Events
    rows: np.ndarray
    ticks_hz: np.ndarray
    subsets: frozenset[str] | None
    classes: tuple[str, ...]
    label_ids: dict[str, int]
    ignored: frozenset[str]
    problems: list[Problem]

    @cached_property
    def videos(self) -> dict[str, AnnotatedVideo]:
        """Video id → the video with its events, of all subsets, in the order of the file."""
        events = list(self.events)
        ticks = [None if math.isnan(hz) else hz for hz in self.ticks_hz.tolist()]
        groups = zip(self.events.videos, self.events.groups(), ticks, strict=True)
        return {
            v.video_id: AnnotatedVideo(
                v.video_id, v.subset, v.duration_sec, v.fps, [events[row] for row in rows.tolist()], hz
            )
            for v, rows, hz in groups
        }

    def is_read(self, video: Video | AnnotatedVideo) -> bool:
        """Whether a video is of the subsets."""
        return self.subsets is None or video.subset in self.subsets

    @property
    def read(self) -> list[AnnotatedVideo]:
        """The videos of the subsets."""
        return [item for item in self.videos.values() if self.is_read(item)]

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
        names = (*self.events.labels, '')
        known = np.array([name in {'', *numbers, *self.ignored} for name in names], dtype=bool)
        number_of = np.array([numbers.get(name, -1) for name in names], dtype=np.int64)
        is_ignored = np.array([name in self.ignored for name in names], dtype=bool)
        last_sec = np.full(len(self.events.videos), -math.inf)
        np.maximum.at(last_sec, self.events.video_index, self.events.end_sec)
        events = self.events.clip() if clip else self.events
        events = events[known[events.label_index]]
        segments = np.stack([events.start_sec, events.end_sec], axis=1)
        records = []
        for video, rows, last in zip(events.videos, events.groups(), last_sec.tolist(), strict=True):
            if self.is_read(video):
                labels = events.label_index[rows]
                records.append(
                    dict(
                        video_id=video.video_id,
                        duration_sec=video.duration_sec or (last if math.isfinite(last) else 1.0),
                        fps=video.fps,
                        segments_sec=segments[rows],
                        labels=number_of[labels],
                        ignored=is_ignored[labels],
                    )
                )
        return records


def parse_annotations(
    raw: RawEvents,
    subsets: Iterable[str] | None = None,
    classes: Sequence[Any] | None = None,
    num_classes: int | None = None,
    ignore_labels: Collection[Any] = (),
    drop_labels: Collection[Any] = (),
    needs_fps: bool = False,
    measure: Callable[[str, float | None], float | None] | None = None,
    needs_labels: bool = True,
    times: Times = 'seconds',
) -> Annotations:
    """What a file says, and all that is wrong with it.

    Labels are texts without white space around them; a whole number is its text. The place of a class in ``classes`` is
    the number of its label: the id where the file has label ids (an id of no label is named ``unused_<id>``), else the
    place in the sorted names of all subsets (by their value if all are numbers).

    Args:
        raw: What the file says.
        subsets: Whose videos are to be read; of the others only the labels' numbers are checked. None reads all, those
            that name no subset, and those that have no duration, too.
        classes: Class names in the order of their numbers; None takes them from the whole file.
        num_classes: How many classes there are at most; the last ones are then unused if need be.
        ignore_labels: Labels that are no classes.
        drop_labels: Labels whose events are as if they were not there.
        needs_fps: Whether a video must have a frame rate.
        measure: Tells by id and fps how long, in seconds, a video without a duration is, or None; without it a duration
            is needed.
        needs_labels: Whether an event must have a label; else its label is empty if it has none.
        times: The unit of the events' times, unless the format has one of its own: ``'seconds'``, ``'frames'`` of the
            video's fps, or how many a second there are, as 1000 for milliseconds. Durations are in seconds, and so are
            times as ``0:01:02.5``.

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
    chosen = None if subsets is None else frozenset(map(canonical_subset, subsets))
    judge = Judge(raw, chosen, raw.times if times == 'seconds' else times)
    judge.judge_videos(needs_fps, measure)
    judge.leave_out(frozenset(to_labels(drop_labels, 'drop_labels')))
    judge.judge_labels(set(given) | ignored if given else None, needs_labels)
    judge.judge_times()
    judge.find_duplicates()
    problems = judge.sorted_problems() + judge.subset_problems() + judge.unmeasured_problems(measure is not None)
    problems = judge.with_unit_problem(problems)
    known = judge.labels.uses(judge.present & (judge.known if given else True))
    problems += look_alikes(known, {*given, *ignored}, raw.file)
    label_ids: dict[str, int] = {}
    if not given:
        uses = [use for use in judge.labels.uses(judge.present) if use.label not in ignored]
        label_ids, wrong_ids = number_labels(uses)
        given, wrong_names = name_classes(uses, label_ids, num_classes, raw.file)
        problems += wrong_ids + ([] if subsets is None and not uses else wrong_names)
    events, rows = judge.events()
    return Annotations(events, rows, judge.ticks_hz, chosen, given, label_ids, ignored, problems)
