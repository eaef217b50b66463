"""What a file says of videos and their events, before anybody judges it: the one thing that every reader gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mmdel.events.problems import Problem
from mmdel.events.times import Times

ROWS = ('video', 'start', 'end', 'label', 'places')


@dataclass
class RawEvents:
    """Videos and events as they stand in a file; :mod:`mmdel.events.annotations` makes sense of them.

    The columns have one item an event. Times are numbers or texts in the file's own unit, labels are whatever stands
    there: a reader does not repair, leave out or round anything that a rule of the parser is for.

    Attributes:
        file: The file, for messages.
        videos: Video id (composed Unicode) → what the file says of it: ``subset``, ``duration``, ``fps`` and further
            fields, which are kept. Every video of the file, those without events too.
        video: The id of each event's video.
        start: When it starts.
        end: When it ends.
        label: Its class.
        places: Where it stands, for messages: the number of its line, or its path in the file.
        columns: Further columns: ``score``, ``label_id`` and whatever else; None where an event has none.
        times: The unit of the times, where the format has one of its own: ``'seconds'``, ``'frames'`` of the video's
            ``fps``, or how many a second there are.
        left_out: What the reader leaves out → how often, such as tiers without times; told to the user.
        problems: What is wrong beyond what the columns show.
    """

    file: str
    videos: dict[str, dict[str, Any]] = field(default_factory=dict)
    video: list[str] = field(default_factory=list)
    start: list[Any] = field(default_factory=list)
    end: list[Any] = field(default_factory=list)
    label: list[Any] = field(default_factory=list)
    places: list[int | str] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    times: Times = 'seconds'
    left_out: Counter = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.video)

    def add(self, video_id: str, start: Any, end: Any, label: Any, place: int | str, /, **columns: Any) -> None:
        """Add an event, and its video if it is new."""
        self.videos.setdefault(video_id, {})
        for column in self.columns.keys() | {name for name, value in columns.items() if value is not None}:
            if column not in self.columns:
                self.columns[column] = [None] * len(self)
            self.columns[column].append(columns.get(column))
        for values, value in zip(self.rows(), (video_id, start, end, label, place), strict=True):
            values.append(value)

    def tell(self, row: int) -> str:
        """Where an event stands, for a message."""
        place = self.places[row]
        return f'line {place}' if isinstance(place, int) else place

    def keep(self, rows: Sequence[int]) -> RawEvents:
        """The same with these events alone; all videos stay."""

        def of(values: list) -> list:
            return [values[row] for row in rows]

        columns = {name: of(values) for name, values in self.columns.items()}
        parts: dict[str, Any] = dict(zip(ROWS, map(of, self.rows()), strict=True))
        return replace(self, **parts, columns=columns)

    def join(self, other: RawEvents, contradiction: Callable[[str, str, Any, Any], None]) -> None:
        """Add the videos and events of another file.

        Args:
            other: The other; it has the same unit of time.
            contradiction: Told the id, the field and both values of a video of which the files say different things.
        """
        for video_id, fields in other.videos.items():
            mine = self.videos.setdefault(video_id, {})
            for name, value in fields.items():
                if value is not None and mine.setdefault(name, value) != value:
                    contradiction(video_id, name, mine[name], value)
        for name in self.columns.keys() | other.columns.keys():
            mine_column = self.columns.setdefault(name, [None] * len(self))
            mine_column += other.columns.get(name, [None] * len(other))
        for mine_values, values in zip(self.rows(), other.rows(), strict=True):
            mine_values += values
        self.left_out += other.left_out
        self.problems += other.problems

    def rows(self) -> tuple[list, ...]:
        """The columns that every event has."""
        return tuple(getattr(self, name) for name in ROWS)
