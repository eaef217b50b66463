"""Times in annotations: seconds, clock texts, frames or other ticks; and what unit they look like."""

from __future__ import annotations

import math
import re
from typing import Any, Literal

import numpy as np

CLOCK = re.compile(r'(?:(\d+):)?(\d+):(\d+(?:[.,]\d*)?)', re.ASCII)
NUMBER = re.compile(r'[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?', re.ASCII | re.IGNORECASE)
MAX_SEC = 1e9  # thirty years: what is longer is no time
MIN_EVENTS = 5  # fewer tell no unit
MARGIN = 1.05  # durations are rounded, and some events end a little late
Times = Literal['seconds', 'frames'] | float


def to_seconds(value: Any) -> float:
    """A time in seconds: a number, its text, or [hours:]minutes:seconds; NaN if it is none of these.

    In a text the decimal sign may be a comma.
    """
    if isinstance(value, str):
        text = value.strip()
        clock = CLOCK.fullmatch(text)
        if clock:
            return 3600 * float(clock[1] or 0) + 60 * float(clock[2]) + float(clock[3].replace(',', '.'))
        return float(text.replace(',', '.')) if NUMBER.fullmatch(text) else math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def seconds_column(values: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """:func:`to_seconds` of a whole column, (N,) float64, and which are clock texts, (N,) bool."""
    num, kinds = len(values), set(map(type, values))
    none = np.zeros(num, dtype=bool)
    try:
        if kinds <= {int, float}:
            return np.array(values, dtype=np.float64), none
        # What Python's float takes, and a table does not hold: 1_000, nan, inf.
        if kinds == {str} and not re.search('[_:,ni]', ' '.join(values), re.IGNORECASE):
            return np.fromiter(map(float, values), dtype=np.float64, count=num), none
    except (OverflowError, ValueError):
        pass
    clocks = np.fromiter((isinstance(value, str) and ':' in value for value in values), dtype=bool, count=num)
    return np.fromiter(map(to_seconds, values), dtype=np.float64, count=num), clocks


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


def unit_problem(
    ends: np.ndarray, duration_sec: np.ndarray, ticks_hz: np.ndarray, fps: np.ndarray
) -> tuple[str, str] | None:
    """What contradicts the unit of a file's times: (found, expected); None if it fits or the events are few.

    It does if most events end after their videos; or, where the times are no seconds, if all numbers would fit as such.

    Args:
        ends: Where each event ends, in the file's own unit, (N,).
        duration_sec: The length of its video, (N,).
        ticks_hz: How many units a second has there, (N,).
        fps: The video's frame rate, (N,).
    """
    if len(ends) < MIN_EVENTS:
        return None
    num_beyond = int((ends > MARGIN * duration_sec * ticks_hz).sum())
    if num_beyond <= len(ends) / 2:
        if ((ticks_hz <= 1) | (ends > duration_sec)).any():
            return None
        found = f'all {len(ends)} events would end within their videos if their times were seconds'
        return found, "other times than seconds; or leave out the data set's option times"

    def share_within(hz: np.ndarray | float) -> float:
        return float((ends <= MARGIN * duration_sec * hz).mean())

    found = f'{num_beyond} of {len(ends)} events end after their videos'
    if share_within(fps) > 0.95:
        return found, "times in seconds; these look like frames, which the data set's times='frames' reads"
    if share_within(1000.0) > 0.95 > share_within(100.0):
        return found, "times in seconds; these look like milliseconds, which the data set's times=1000 reads"
    return found, 'times in the unit that the data set says, seconds, and durations in seconds'
