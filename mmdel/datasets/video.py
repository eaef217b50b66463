"""What annotations say of a video and its events."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

SUBSET_SYNONYMS = {'training': 'train', 'validation': 'val', 'testing': 'test'}


def canonical_subset(subset: str) -> str:
    """One name for all the spellings of a subset: ``'Training'`` → ``'train'``."""
    name = str(subset).strip().lower()
    return SUBSET_SYNONYMS.get(name, name)


class Event(NamedTuple):
    """An event: its times in seconds, its label, and its place in the video's annotations."""

    start_sec: float
    end_sec: float
    label: str
    place: int

    def span(self) -> str:
        """Its times, for messages."""
        return f'{self.start_sec:g}-{self.end_sec:g} s'


@dataclass
class Video:
    """What a file says of a video.

    Attributes:
        video_id: Its id.
        subset: The one name of its subset; empty if it has none.
        duration_sec: Its length; None if that is not known.
        fps: Its frames a second; None if the file does not say.
        events: All that have a label and do not end before they start, as annotated.
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
        events = (event._replace(start_sec=max(event[0], 0.0), end_sec=min(event[1], end)) for event in self.events)
        return [event for event in events if event.end_sec > event.start_sec]
