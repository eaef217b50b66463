"""The rules by which the columns of a file are kept, mended or refused: the one judge of all formats.

Columns are judged at once, so that a million events take seconds; only what is wrong is looked at one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from mmdel.events.columns import LabelColumn, number_column
from mmdel.events.events import Events, Video
from mmdel.events.problems import Problem, short, some_of
from mmdel.events.raw import RawEvents
from mmdel.events.times import MAX_SEC, Times, seconds_column, ticks_a_second, to_seconds, unit_problem
from mmdel.utils.names import canonical_subset


class Judge:
    """Goes through the columns of a raw table, and keeps what they say and what is wrong.

    Attributes:
        present: The rows that count at all.
        known: The rows whose label there may be.
        kept: The rows that make sense.
    """

    def __init__(self, raw: RawEvents, subsets: frozenset[str] | None, times: Times) -> None:
        self.raw, self.subsets, self.times = raw, subsets, times
        self.video_ids = list(raw.videos)
        places = {video_id: place for place, video_id in enumerate(self.video_ids)}
        self.video_index = np.fromiter(map(places.__getitem__, raw.video), dtype=np.int64, count=len(raw))
        self.labels = LabelColumn(raw)
        self.present = np.ones(len(raw), dtype=bool)
        self.known = np.ones(len(raw), dtype=bool)
        self.found: list[tuple[int, int, Problem]] = []  # place of the video, row or -1, problem

    def _add(self, kind: str, found: str, expected: str, video: int, row: int = -1) -> None:
        """Keeps a problem, if it is of a subset that counts."""
        if self.counts[video]:
            place = self.raw.tell(row) if row >= 0 else ''
            where = self.video_ids[video], self.raw.file, None if row < 0 else row, place
            problem = Problem(kind, found, expected, *where)
            self.found.append((video, row, problem))

    def _add_rows(self, kind: str, wrong: np.ndarray, expected: str, say: Callable[[int], str]) -> None:
        """Keeps a problem of each row that is wrong."""
        for row in np.flatnonzero(wrong & self.counts[self.video_index]).tolist():
            self._add(kind, say(row), expected, int(self.video_index[row]), row)

    def judge_videos(self, needs_fps: bool, measure: Callable[[str, float | None], float | None] | None) -> None:
        """Subset, duration and fps of every video."""
        self.videos: list[Video] = []
        self.unmeasured: list[str] = []
        self.counts = np.ones(len(self.raw.videos), dtype=bool)
        for place, (video_id, fields) in enumerate(self.raw.videos.items()):
            subset, duration, fps = (fields.get(name) for name in ('subset', 'duration', 'fps'))
            name = canonical_subset(subset) if isinstance(subset, str) else ''
            if not name and self.subsets is not None:
                self._add('missing-subset', f'subset {short(subset)}', 'the name of a subset', place)
            self.counts[place] = self.subsets is None or name in self.subsets or not name
            duration_sec, rate = _positive(duration), _positive(fps)
            if fps is None and self.times == 'frames':
                self._add(
                    'missing-fps',
                    'no fps',
                    "a positive number (or fps=, --fps), since the events' times are in frames",
                    place,
                )
            elif fps is None and needs_fps:
                self._add('missing-fps', 'no fps', "a positive number, or fps in the stream's config", place)
            elif fps is not None and rate is None:
                self._add('wrong-fps', f'fps {short(fps)}', 'a positive number', place)
            self.counts[place] = self.subsets is None or name in self.subsets
            if duration is not None and duration_sec is None:
                self._add('wrong-duration', f'duration {short(duration)}', 'a positive number of seconds', place)
            elif duration is None and self.counts[place] and self.subsets is not None:
                self.unmeasured.append(video_id)
                duration_sec = measure(video_id, rate) if measure else None
            extra = {key: value for key, value in fields.items() if key not in ('subset', 'duration', 'fps')}
            self.videos.append(Video(video_id, duration_sec, rate, name, extra))
        ticks = [ticks_a_second(self.times, video.fps) for video in self.videos]
        self.ticks_hz = np.array([math.nan if hz is None else hz for hz in ticks], dtype=np.float64)

    def leave_out(self, labels: Collection[str]) -> None:
        """Events of these labels are as if they were not there."""
        self.present = ~self.labels.among(labels)

    def judge_labels(self, known: Collection[str] | None, needs_labels: bool) -> None:
        """The label of every event."""
        raw, lacking = self.raw.label, self.labels.lacking
        may_lack = np.zeros(len(raw), dtype=bool)
        if not needs_labels:
            may_lack = np.fromiter((value is None for value in raw), dtype=bool, count=len(raw))
        wrong = self.present & lacking & ~may_lack
        self._add_rows('wrong-label', wrong, 'the name of a class', lambda row: f'label {short(raw[row])}')
        self.known = ~lacking | may_lack
        if known is not None:
            unknown = self.present & ~lacking & ~self.labels.among(known)
            expected = f'one of {some_of(sorted(known), 5)}'
            self._add_rows('unknown-label', unknown, expected, lambda row: f'label {raw[row]!r}')
            self.known &= ~unknown

    def judge_times(self) -> None:
        """Start and end of every event."""
        raw, hz = self.raw, self.ticks_hz[self.video_index]
        self.start_sec, self.end_sec = (
            np.where(is_clock, values, values / hz) for values, is_clock in map(seconds_column, (raw.start, raw.end))
        )
        self.duration_sec = np.array([math.nan if v.duration_sec is None else v.duration_sec for v in self.videos])[
            self.video_index
        ]
        with np.errstate(invalid='ignore'):
            timed = self.present & ~np.isnan(hz)  # else the video has an error
            fine = (np.abs(self.start_sec) <= MAX_SEC) & (np.abs(self.end_sec) <= MAX_SEC)
            is_reversed = self.end_sec < self.start_sec
            ends = np.where(np.isnan(self.duration_sec), math.inf, self.duration_sec)
            empty = np.minimum(self.end_sec, ends) <= np.maximum(self.start_sec, 0.0)
            beyond = (self.start_sec < 0) | (self.end_sec > ends)
        expected = '(start, end), in seconds or as h:m:s'
        self._add_rows(
            'wrong-segment', timed & ~fine, expected, lambda row: f'segment {short([raw.start[row], raw.end[row]])}'
        )
        timed &= fine
        self._add_rows('reversed-event', timed & is_reversed, 'start before end', self._span)
        timed &= ~is_reversed
        for kind, wrong in (('empty-event', empty), ('event-beyond-video', beyond & ~empty)):
            for row in np.flatnonzero(timed & wrong).tolist():
                inside = f'inside 0-{ends[row]:g} s' if math.isfinite(ends[row]) else 'from 0 s on'
                expected = 'start before end, ' * (kind == 'empty-event') + inside
                self._add(kind, self._span(row), expected, int(self.video_index[row]), row)
        self.measured = self.present & fine & self.counts[self.video_index] & ~np.isnan(self.duration_sec)
        self.kept = timed & self.known

    def _span(self, row: int) -> str:
        return f'{self.start_sec[row]:g}-{self.end_sec[row]:g} s'

    def find_duplicates(self) -> None:
        """Events that stand twice."""
        rows = np.flatnonzero(self.kept)
        if len(rows) < 2:
            return
        keys = (self.labels.codes[rows], self.end_sec[rows], self.start_sec[rows], self.video_index[rows])
        order = np.lexsort(keys)  # a stable sort: the first of the same stays the first
        same = np.logical_and.reduce([np.diff(key[order]) == 0 for key in keys])
        first = np.maximum.accumulate(np.where(np.append(True, ~same), np.arange(len(rows)), 0))
        for place in np.flatnonzero(same).tolist():
            row, other = int(rows[order[place + 1]]), int(rows[order[first[place + 1]]])
            label = self.labels.names[self.labels.codes[row]] if self.labels.codes[row] >= 0 else ''
            found = f'{label!r} at {self._span(row)}, as {self.raw.tell(other)}'
            self._add('duplicate-event', found, 'each event once', int(self.video_index[row]), row)

    def sorted_problems(self) -> list[Problem]:
        """The problems of the file's structure, and those of videos and events in the order of the file."""
        counted = {video_id for video_id, counts in zip(self.raw.videos, self.counts, strict=True) if counts}
        own = [x for x in self.raw.problems if x.video_id in counted or x.video_id not in self.raw.videos]
        return own + [problem for *_, problem in sorted(self.found, key=lambda item: item[:2])]

    def subset_problems(self) -> list[Problem]:
        """Subsets that no video names."""
        named = {video.subset for video in self.videos} - {''}
        return [
            Problem(
                'empty-subset', f'the subsets {sorted(named)}', f'a video of the subset {subset!r}', '', self.raw.file
            )
            for subset in sorted((self.subsets or frozenset()) - named)
        ]

    def unmeasured_problems(self, can_measure: bool) -> list[Problem]:
        """Videos without a duration."""
        # Where no video has one, as in LFAV's tables, it is meant so.
        num_read = int(self.counts.sum())
        severity = 'error' if not can_measure else 'warning' if len(self.unmeasured) < num_read else 'info'
        said = 'no duration', 'a number of seconds'
        return [
            Problem('missing-duration', *said, video_id, self.raw.file, severity=severity)
            for video_id in self.unmeasured
        ]

    def with_unit_problem(self, problems: list[Problem]) -> list[Problem]:
        """The problems, and that of times in another unit than they are read in."""
        rows = np.flatnonzero(self.measured)
        hz = self.ticks_hz[self.video_index[rows]]
        fps = np.array([video.fps or 30.0 for video in self.videos])[self.video_index[rows]] if len(rows) else hz
        contradiction = unit_problem(self.end_sec[rows] * hz, self.duration_sec[rows], hz, fps)
        if contradiction is None:
            return problems
        # Of a duration that the features tell, the stream's stride may be wrong.
        severity = 'warning' if self.unmeasured else 'error'
        if severity == 'error':  # which explains these
            problems = [item for item in problems if item.kind not in ('empty-event', 'event-beyond-video')]
        return [*problems, Problem('wrong-times', *contradiction, file=self.raw.file, severity=severity)]

    def events(self) -> tuple[Events, np.ndarray]:
        """What makes sense, and its rows."""
        rows = np.flatnonzero(self.kept)
        codes, names = self.labels.codes[rows], self.labels.names
        used = np.unique(codes[codes >= 0])
        place = np.full(len(names) + 1, -1, dtype=np.int64)
        place[used] = np.arange(len(used))
        scores = self.raw.columns.get('score')
        extra = {name: values for name, values in self.raw.columns.items() if name != 'score'}
        picked = rows.tolist() if len(rows) < len(self.raw) else None
        return Events(
            tuple(self.videos),
            tuple(names[code] for code in used),
            self.video_index[rows],
            place[codes],
            self.start_sec[rows],
            self.end_sec[rows],
            None if scores is None else number_column(scores)[rows],
            {name: values if picked is None else [values[row] for row in picked] for name, values in extra.items()},  # type: ignore[misc]
        ), rows


def _positive(value: Any) -> float | None:
    number = to_seconds(value)
    return number if 0 < number <= MAX_SEC else None
