"""The one table of events: what happens when, in which video. Seconds inside, always."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from mmdel.events.raw import RawEvents
from mmdel.utils.errors import UserInputError


@dataclass(frozen=True)
class Video:
    """A video.

    Attributes:
        video_id: Its id.
        duration_sec: Its length; None if that is not known.
        fps: Its frames a second; None if that is not known.
        subset: Its subset; empty if it has none.
        extra: What else a file says of it.
    """

    video_id: str
    duration_sec: float | None = None
    fps: float | None = None
    subset: str = ''
    extra: Mapping[str, Any] = field(default_factory=dict)


class Event(NamedTuple):
    """An event; its label is empty if it has none, its score None."""

    video_id: str
    start_sec: float
    end_sec: float
    label: str
    score: float | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Events:
    """An immutable table of N events and their videos, those without events included.

    ``len(events)`` is N; iteration gives an :class:`Event` each; ``events[mask]``, ``events[rows]`` and
    ``events[a:b]`` are tables of some of the events with all the videos. Two tables are equal if they have the same
    videos and events in the same order. Build one by :meth:`from_rows`, or read one with
    :func:`mmdel.events.read_events`.

    Attributes:
        videos: The videos, each id once.
        labels: The names that there are, each once.
        video_index: Each event's place in ``videos``: (N,) int64.
        label_index: Each event's place in ``labels``, -1 for none: (N,) int64.
        start_sec: (N,) float64.
        end_sec: (N,) float64.
        scores: (N,) float64, or None of events that are no predictions.
        extra: Further columns by their names, each (N,) of objects, None where an event has none.
    """

    videos: tuple[Video, ...] = ()
    labels: tuple[str, ...] = ()
    video_index: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    label_index: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    start_sec: np.ndarray = field(default_factory=lambda: np.zeros(0))
    end_sec: np.ndarray = field(default_factory=lambda: np.zeros(0))
    scores: np.ndarray | None = None
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len({video.video_id for video in self.videos}) < len(self.videos):
            raise ValueError('videos must name each id once')
        if len(set(self.labels)) < len(self.labels):
            raise ValueError('labels must name each label once')
        for name in ('video_index', 'label_index', 'start_sec', 'end_sec', 'scores'):
            values = getattr(self, name)
            if values is not None:
                values = np.array(values, dtype=np.int64 if name.endswith('index') else np.float64)  # a copy
                object.__setattr__(self, name, _frozen(values, name, len(self.video_index)))
        columns = {name: _frozen(_objects(values), name, len(self)) for name, values in self.extra.items()}
        object.__setattr__(self, 'extra', columns)
        for index, names in ((self.video_index, self.videos), (self.label_index, self.labels)):
            if len(index) and not -1 <= index.min() <= index.max() < len(names):
                raise ValueError(f'an index must be a place among the {len(names)} names, got {index}')

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[Any]], videos: Iterable[Video] = ()) -> Events:
        """A table of rows (video id, start_sec, end_sec, label) or (…, score), as :class:`Event` has them.

        Args:
            rows: The events.
            videos: What is known of videos; those of events alone are added behind.
        """
        events = [Event(*row) for row in rows]
        known = {video.video_id: video for video in videos}
        for event in events:
            known.setdefault(event.video_id, Video(event.video_id))
        places = {name: place for place, name in enumerate(known)}
        labels = {name: place for place, name in enumerate(sorted({event.label for event in events} - {''}))}
        scored = any(event.score is not None for event in events)
        return cls(
            tuple(known.values()),
            tuple(labels),
            np.array([places[event.video_id] for event in events], dtype=np.int64),
            np.array([labels.get(event.label, -1) for event in events], dtype=np.int64),
            np.array([event.start_sec for event in events], dtype=np.float64),
            np.array([event.end_sec for event in events], dtype=np.float64),
            np.array([np.nan if event.score is None else event.score for event in events]) if scored else None,
        )

    def __len__(self) -> int:
        return len(self.video_index)

    def __iter__(self) -> Iterator[Event]:
        names, labels = [video.video_id for video in self.videos], (*self.labels, '')
        scores = [None] * len(self) if self.scores is None else self.scores.tolist()
        columns = (self.video_index, self.start_sec, self.end_sec, self.label_index)
        for video, start, end, label, score in zip(*(column.tolist() for column in columns), scores, strict=True):
            yield Event(names[video], start, end, labels[label], None if score != score else score)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Events):
            return NotImplemented
        return self.videos == other.videos and list(self) == list(other) and self._columns() == other._columns()

    __hash__ = None  # type: ignore[assignment]

    def _columns(self) -> dict[str, list]:
        """The further columns that hold anything."""
        columns = {name: values.tolist() for name, values in self.extra.items()}
        return {name: values for name, values in columns.items() if any(value is not None for value in values)}

    def __repr__(self) -> str:
        return f'Events({len(self)} events of {len(self.labels)} labels in {len(self.videos)} videos)'

    def __getitem__(self, rows: slice | Sequence[int] | np.ndarray) -> Events:
        if isinstance(rows, (int, np.integer)):
            raise TypeError('choose events by a slice, a mask or a list of places; iterate to have them one by one')
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            rows = rows.astype(np.int64) if not len(rows) else rows
        return replace(
            self,
            video_index=self.video_index[rows],
            label_index=self.label_index[rows],
            start_sec=self.start_sec[rows],
            end_sec=self.end_sec[rows],
            scores=None if self.scores is None else self.scores[rows],
            extra={name: values[rows] for name, values in self.extra.items()},
        )

    @cached_property
    def video_ids(self) -> tuple[str, ...]:
        """The ids of the videos."""
        return tuple(video.video_id for video in self.videos)

    @cached_property
    def durations_sec(self) -> np.ndarray:
        """(number of videos,) float64; infinity where a duration is not known."""
        return np.array([np.inf if video.duration_sec is None else video.duration_sec for video in self.videos])

    def filter(
        self,
        labels: Collection[str] | None = None,
        min_score: float | None = None,
        min_sec: float | None = None,
        max_sec: float | None = None,
        where: Callable[[Event], bool] | None = None,
    ) -> Events:
        """The events that fulfil all conditions; every video stays.

        Args:
            labels: Labels that they may have.
            min_score: Their least score; events without one go.
            min_sec: Their least length.
            max_sec: Their greatest length.
            where: Whether to keep an event.
        """
        kept = np.ones(len(self), dtype=bool)
        if labels is not None:
            wanted = np.array([name in set(labels) for name in (*self.labels, '')], dtype=bool)
            kept &= wanted[self.label_index]
        if min_score is not None:
            kept &= False if self.scores is None else self.scores >= min_score
        length_sec = self.end_sec - self.start_sec
        kept &= (length_sec >= (-np.inf if min_sec is None else min_sec)) & (
            length_sec <= (np.inf if max_sec is None else max_sec)
        )
        if where is not None:
            kept &= np.fromiter(map(where, self), dtype=bool, count=len(self))
        return self[kept]

    def select(self, video_ids: Collection[str] | None = None, subset: str | None = None) -> Events:
        """These videos alone, by id or by subset, with their events.

        Raises:
            KeyError: If there is no video of an id.
        """
        wanted = None if video_ids is None else set(video_ids)
        if wanted is not None and not wanted <= set(self.video_ids):
            raise KeyError(f'no video {sorted(wanted - set(self.video_ids))[0]!r}')
        kept = [
            place
            for place, video in enumerate(self.videos)
            if (wanted is None or video.video_id in wanted) and (subset is None or video.subset == subset)
        ]
        places = np.full(len(self.videos) + 1, -1, dtype=np.int64)
        places[kept] = np.arange(len(kept))
        events = self[places[self.video_index] >= 0]
        return replace(
            events, videos=tuple(self.videos[place] for place in kept), video_index=places[events.video_index]
        )

    def merge(self, *others: Events) -> Events:
        """All videos and events of this table and others, in their order.

        Raises:
            UserInputError: If they say different things of a video.
        """
        tables = (self, *others)
        videos: dict[str, Video] = {}
        for table in tables:
            for video in table.videos:
                videos[video.video_id] = _join_videos(videos.get(video.video_id, video), video)
        labels = {name: place for place, name in enumerate(dict.fromkeys(n for t in tables for n in t.labels))}
        places = {name: place for place, name in enumerate(videos)}
        numbers = [np.array([labels[name] for name in t.labels] + [-1], dtype=np.int64)[t.label_index] for t in tables]
        indices = [np.array([places[n] for n in t.video_ids] or [0], dtype=np.int64)[t.video_index] for t in tables]
        scored = any(table.scores is not None for table in tables)
        scores = [np.full(len(t), np.nan) if t.scores is None else t.scores for t in tables]
        names = dict.fromkeys(name for table in tables for name in table.extra)
        nothing = [np.full(len(table), None, dtype=object) for table in tables]
        return Events(
            tuple(videos.values()),
            tuple(labels),
            np.concatenate(indices),
            np.concatenate(numbers),
            np.concatenate([table.start_sec for table in tables]),
            np.concatenate([table.end_sec for table in tables]),
            np.concatenate(scores) if scored else None,
            {n: np.concatenate([t.extra.get(n, e) for t, e in zip(tables, nothing, strict=True)]) for n in names},
        )

    def shift(self, sec: float | Mapping[str, float]) -> Events:
        """The events later by so many seconds, or by so many for each video id (0 for those not named)."""
        if isinstance(sec, Mapping):
            by = np.array([sec.get(video_id, 0.0) for video_id in self.video_ids] or [0.0])[self.video_index]
        else:
            by = np.full(len(self), float(sec))
        return replace(self, start_sec=self.start_sec + by, end_sec=self.end_sec + by)

    def clip(self) -> Events:
        """The events within their videos; what has then no length is left out."""
        ends = np.append(self.durations_sec, np.inf)[self.video_index]
        events = replace(self, start_sec=self.start_sec.clip(min=0), end_sec=np.minimum(self.end_sec, ends))
        return events[events.end_sec > events.start_sec]

    def with_videos(self, change: Callable[[Video], Video]) -> Events:
        """The same events, and of each video what ``change`` makes of it; its id stays."""
        return replace(self, videos=tuple(map(change, self.videos)))

    def split(self, fractions: Sequence[float] | Mapping[str, float], seed: int, group: str | None = None) -> Events:
        """The same events, every video in a subset; see :func:`mmdel.events.splits.split_events`."""
        from mmdel.events.splits import split_events

        return split_events(self, fractions, seed, group)

    def groups(self) -> list[np.ndarray]:
        """For each video the rows of its events, in their order."""
        order = np.argsort(self.video_index, kind='stable')
        return np.split(order, np.searchsorted(self.video_index[order], np.arange(1, max(len(self.videos), 1))))[
            : len(self.videos)
        ]

    def to_raw(self, file: str = 'events') -> RawEvents:
        """The table as a reader gives it, times to a microsecond: what is written to files."""
        videos: dict[str, dict[str, Any]] = {
            video.video_id: dict(video.extra, subset=video.subset or None, duration=video.duration_sec, fps=video.fps)
            for video in self.videos
        }
        columns = {name: values.tolist() for name, values in self.extra.items()}
        rows = list(self)
        if self.scores is not None:
            columns['score'] = [event.score for event in rows]
        places: list[int | str] = [f'event {row}' for row in range(len(rows))]
        labels = [event.label or None for event in rows]
        starts, ends = self.start_sec.round(6).tolist(), self.end_sec.round(6).tolist()  # 0.1 + 0.2 is 0.3
        return RawEvents(file, videos, [event.video_id for event in rows], starts, ends, labels, places, columns)

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` with the columns video_id, start_sec, end_sec, label, score and the further ones.

        Raises:
            ImportError: If there is no pandas.
        """
        import pandas

        frame = pandas.DataFrame(list(self), columns=list(Event._fields))
        return frame.assign(**self.extra)

    def plot(self) -> Any:
        """A ``matplotlib.figure.Figure`` with a panel for each video, see :func:`mmdel.events.picture.draw_events`."""
        from mmdel.events.picture import draw_events

        return draw_events(self)

    def _repr_png_(self) -> bytes | None:
        """The picture that a notebook shows of the table; None if it has no videos."""
        from mmdel.events.picture import png

        return png(self) if self.videos else None


def _join_videos(first: Video, second: Video) -> Video:
    """What two tables say of one video."""
    known = {name: getattr(first, name) for name in ('duration_sec', 'fps', 'subset')}
    for name, value in known.items():
        other = getattr(second, name)
        if value in (None, ''):
            known[name] = other
        elif other not in (None, '', value):
            raise UserInputError(f'video {first.video_id}: {name} is {value} and {other}')
    return Video(first.video_id, **known, extra={**second.extra, **first.extra})


def _objects(values: Sequence[Any] | np.ndarray) -> np.ndarray:
    """A column of whatever, lists included."""
    return np.fromiter(values, dtype=object, count=len(values))


def _frozen(values: np.ndarray, name: str, num: int) -> np.ndarray:
    if values.shape != (num,):
        raise ValueError(f'{name} must have one item for each of the {num} events, got {values.shape}')
    values.setflags(write=False)
    return values
