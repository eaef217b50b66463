"""Times in annotations: seconds, clock texts, frames or other ticks; and what unit they look like."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

CLOCK = re.compile(r'(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)')
MIN_EVENTS = 5  # fewer tell no unit
MARGIN = 1.05  # durations are rounded, and some events end a little late
Times = Literal['seconds', 'frames'] | float


class EventEnd(NamedTuple):
    """Where an event ends, in the file's own unit; its video's duration in seconds; the unit; the video's fps."""

    end: float
    duration_sec: float
    ticks_hz: float
    fps: float | None


def to_seconds(value: Any) -> float:
    """A time in seconds: a number, its text, or [hours:]minutes:seconds; NaN if it is none of these."""
    if isinstance(value, str):
        clock = CLOCK.fullmatch(value.strip())
        if clock:
            return 3600 * float(clock[1] or 0) + 60 * float(clock[2]) + float(clock[3])
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def check_times(times: Times) -> None:
    """Stops at a unit of time that there is not.

    Raises:
        ValueError: If it is neither a name nor a positive number.
    """
    is_number = isinstance(times, (int, float)) and not isinstance(times, bool)
    if times not in ('seconds', 'frames') and not (is_number and 0 < times < math.inf):  # type: ignore[operator]
        raise ValueError(f"times must be 'seconds', 'frames', or how many a second there are, got {times!r}")


def ticks_a_second(times: Times, fps: float | None) -> float | None:
    """How many units of a file's times a second has; None for frames of an unknown rate."""
    if times == 'frames':
        return fps
    return 1.0 if times == 'seconds' else float(times)


def from_ticks(value: Any, ticks_hz: float) -> float:
    """A time in seconds from the file's own unit; a clock text is in seconds already."""
    is_clock = isinstance(value, str) and ':' in value
    return to_seconds(value) / (1.0 if is_clock else ticks_hz)


def unit_problem(ends: Sequence[EventEnd]) -> tuple[str, str] | None:
    """What contradicts the unit of a file's times: (found, expected); None if it fits or the events are few.

    It does if most events end after their videos; or, where the times are no seconds, if all numbers would fit as such.
    """
    num_beyond = sum(item.end > MARGIN * item.duration_sec * item.ticks_hz for item in ends)
    if len(ends) < MIN_EVENTS:
        return None
    if num_beyond <= len(ends) / 2:
        if any(item.ticks_hz <= 1 or item.end > item.duration_sec for item in ends):
            return None
        found = f'all {len(ends)} events would end within their videos if their times were seconds'
        return found, "other times than seconds; or leave out the data set's option times"
    found = f'{num_beyond} of {len(ends)} events end after their videos'
    if _share_within(ends, [item.fps or 30.0 for item in ends]) > 0.95:
        return found, "times in seconds; these look like frames, which the data set's times='frames' reads"
    if _share_within(ends, [1000.0] * len(ends)) > 0.95 > _share_within(ends, [100.0] * len(ends)):
        return found, "times in seconds; these look like milliseconds, which the data set's times=1000 reads"
    return found, 'times in the unit that the data set says, seconds, and durations in seconds'


def _share_within(ends: Sequence[EventEnd], ticks_hz: Sequence[float]) -> float:
    """How many of the events end within their videos if the times are in other ticks."""
    within = [item.end <= MARGIN * item.duration_sec * hz for item, hz in zip(ends, ticks_hz, strict=True)]
    return sum(within) / len(ends)
