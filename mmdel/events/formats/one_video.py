"""What formats of one video a file share: how a file begins, tiers, whole ticks, and labels that they cannot hold."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from heapq import heappop, heappush

from mmdel.events.events import Events
from mmdel.events.formats.table_write import check_names
from mmdel.events.source import UTF_16, Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import HEAD_BYTES


def head(source: Source) -> str:
    """How a file begins, whatever its encoding: characters beyond ASCII may be wrong."""
    content = source.content[: 2 * HEAD_BYTES]
    return content.decode('utf-16' if content.startswith(UTF_16) else 'latin-1', 'replace').removeprefix('ï»¿')


def chosen_tiers(tier: str | Sequence[str] | None, names: Sequence[str], path: str) -> set[str]:
    """The tiers to read, of those in a file; None are all.

    Raises:
        UserInputError: If the file has no tier of a name; with those that it has.
    """
    wanted = set(names) if tier is None else {tier} if isinstance(tier, str) else set(tier)
    if not wanted <= set(names):
        missing = ', '.join(sorted(wanted - set(names)))
        raise UserInputError(f'{path} has no tier {missing}, but {", ".join(dict.fromkeys(names)) or "none"}')
    return wanted


def spans(events: Events, ticks_hz: int) -> list[tuple[int, int]]:
    """The start and the end of each event in whole ticks; an event lasts one at least.

    Raises:
        UserInputError: If one starts before its video, or has no time.
    """
    found = []
    for event in events:
        if not 0 <= event.start_sec <= event.end_sec < math.inf:
            raise UserInputError(
                f'video {event.video_id}: label {event.label!r}: expected a time from 0 on, got {event.start_sec} to '
                f'{event.end_sec} seconds; Events.clip() cuts what is outside the video'
            )
        start = round(event.start_sec * ticks_hz)
        found.append((start, max(round(event.end_sec * ticks_hz), start + 1)))
    return found


def tiers(events: Events, times: Sequence[tuple[int, int]]) -> dict[str, list[int]]:
    """Which events go into which tier, by their places in the order of time.

    A tier is called as the events' column ``tier`` says, else as their label. Annotations of a tier do not overlap:
    those that do take further tiers, ``dog (2)`` and so on.

    Args:
        events: The events; each has a label.
        times: Their starts and ends.
    """
    columns = events.extra.get('tier', [None] * len(events))
    names = [
        column if isinstance(column, str) and column else e.label for e, column in zip(events, columns, strict=True)
    ]
    members: dict[str, list[int]] = {}
    for place in sorted(range(len(events)), key=times.__getitem__):
        members.setdefault(names[place], []).append(place)
    found: dict[str, list[int]] = {}
    for name, places in members.items():
        number = 1
        for lane in _lanes(places, times):
            title = name
            while number > 1 and (title := f'{name} ({number})') in members:
                number += 1
            found[title] = lane
            number += 1
    return found


def _lanes(places: Sequence[int], times: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The places parted so that nothing overlaps; each takes the first lane that is free."""
    lanes: list[list[int]] = []
    free: list[int] = []
    busy: list[tuple[int, int]] = []  # until when, and which lane
    for place in places:
        start, end = times[place]
        while busy and busy[0][0] <= start:
            heappush(free, heappop(busy)[1])
        if not free:
            heappush(free, len(lanes))
            lanes.append([])
        lane = heappop(free)
        lanes[lane].append(place)
        heappush(busy, (end, lane))
    return lanes


def check_texts(events: Events, path: str | os.PathLike, forbidden: str, what: str) -> None:
    """Stop at a label, or the name of a tier, that a file of tiers cannot hold.

    Args:
        events: The events.
        path: The file, for the message.
        forbidden: What they must not have in them: a pattern. Nothing but white space is never allowed.
        what: The same for people.

    Raises:
        UserInputError: With the text.
    """
    forbidden, what = rf'^\s*$|{forbidden}', f'{what}, or is nothing but white space'
    check_names(events, path, forbidden, what, ids=False)
    for tier in events.extra.get('tier', ()):
        if isinstance(tier, str) and tier and re.search(forbidden, tier):
            raise UserInputError(f'{path} cannot hold the tier {tier!r}: it has {what}')
