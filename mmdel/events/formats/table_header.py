"""What the columns of a table mean, by the names that people give them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from mmdel.events.times import Times
from mmdel.utils.errors import UserInputError

OWN = ('video', 'start_sec', 'end_sec', 'label')  # a table with these is of the format csv, whatever else it has
OWN_FURTHER = {'score': 'score', 'subset': 'subset', 'duration': 'duration_sec', 'fps': 'fps', 'label_id': 'label_id'}
OWN_COLUMNS = (*OWN, *OWN_FURTHER.values())
UNITS: dict[Times, str] = {
    'seconds': r'(?:_(?:s|secs?|seconds?|hh_mm_ss(?:_ms(?:ec)?)?|ss_msec))?',
    1000: r'_(?:ms|msecs?|millis(?:econds?)?)',
    'frames': r'_(?:f|frames?|frame_(?:number|index|no|idx))',
}
EDGE = r'(?:event_|segment_|t_|time_)?(?:{})(?:_time|_timestamp|_timecode|_t)?{}'
STARTS, ENDS = 'starts?|onset|begins?|from|tmin|t0', 'ends?|offset|stops?|finish|to|tmax|t1'
LENGTHS = 'duration|length|dur'
FILE = r'_?(?:id|name|file|file_?name|path)'
NAMES = {
    'video': (
        rf'(?:video|audio|clip|recording)(?:{FILE})?|(?:media|sound|segment|wav|youtube|yt){FILE}'
        r'|(?:begin_)?file(?:_?(?:id|name|path))?|path'
    ),
    'label': (
        r'labels?|(?:event|class|category|action|activity|sound|target|segment)_(?:label|name|type|class|category)s?'
        r'|event|class|category|action|activity|behaviou?r|species|annotation|tag|verb|noun|call_type|label_name'
        r'|trial_type|common_name'
    ),
    'label_id': r'(?:label|class|category|action)_(?:id|index|idx|number)',
    'score': r'scores?|confidence|conf|probability|prob',
    'subset': r'subset|split|partition',
    'fps': r'(?:video_)?(?:fps|frame_?rate|frames_per_second)',
    'video length': r'video_(?:duration|length)(?:_(?:s|secs?|seconds?))?|duration_second',
    'some length': r'(?:duration|length)(?:_(?:s|secs?|seconds?))?',
}


@dataclass(frozen=True)
class Header:
    """The columns of a table.

    Attributes:
        places: What a column means → its place, as in :class:`~mmdel.events.formats.table_layout.TableLayout`;
            ``maybe_duration`` is that of the video or of the events.
        times: The unit of the events' times.
    """

    places: dict[str, int] = field(default_factory=dict)
    times: Times = 'seconds'


def plain_column(name: str) -> str:
    """``'Begin Time (s)'`` and ``'beginTime_s'`` → ``'begin_time_s'``."""
    parted = re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name)
    return re.sub(r'[\W_]+', '_', parted).strip('_').casefold()


def may_have_events(header: list[str]) -> bool:
    """Whether the columns are named like those of events."""
    return any(
        _edges(header, STARTS, unit) and (_edges(header, ENDS, unit) or _edges(header, LENGTHS, unit)) for unit in UNITS
    ) and bool(named_columns(header, 'label') or named_columns(header, 'label_id'))


def find_header(path: str, header: list[str], given: Mapping[str, int], told: Set[str] = frozenset()) -> Header:
    """What the columns mean.

    Args:
        path: The file, for messages.
        header: The names of the columns.
        given: The places of those columns that are known.
        told: Meanings that no other column needs to have.

    Raises:
        UserInputError: If two columns may be meant, or none, where one is needed; with the option that names it.
    """
    if set(OWN) <= set(header):
        own = dict(zip(('video', 'start', 'end', 'label'), OWN, strict=True)) | OWN_FURTHER
        found = {name: header.index(column) for name, column in own.items() if column in header and name not in told}
        return Header(found | dict(given))
    search = ColumnSearch(path, header, dict(given))
    times = search.find_times()
    for meaning in ('video', 'score', *({'subset', 'fps'} - told)):
        search.find(meaning, named_columns(header, meaning))
    if 'label' not in given:
        numbers, names = named_columns(header, 'label_id'), named_columns(header, 'label')
        search.find('label', names or numbers)
        search.find('label_id', numbers if names else [])
    search.need('label')
    if 'duration' not in told:
        search.find('duration', named_columns(header, 'video length'))
        lengths = search.free(named_columns(header, 'some length'))
        if 'duration' not in search.places and len(lengths) == 1 and times == 'seconds':
            search.places['maybe_duration'] = lengths[0]
    return Header(search.places, times)


class ColumnSearch:
    """Takes a column for each meaning."""

    def __init__(self, path: str, header: list[str], places: dict[str, int]) -> None:
        self.path, self.header, self.places = path, header, places

    def free(self, places: list[int]) -> list[int]:
        """Those without a meaning yet."""
        return [place for place in places if place not in self.places.values()]

    def find(self, meaning: str, places: list[int]) -> None:
        """Take the one of some columns that there is, unless another is known."""
        places = self.free(places)
        if meaning in self.places or not places:
            return
        if len(places) > 1:
            names = ' and '.join(repr(self.header[place]) for place in places)
            raise UserInputError(
                f'{self.path}: the columns {names} may each be the {meaning}; say which: {meaning}='
                f'{self.header[places[0]]!r}'
            )
        self.places[meaning] = places[0]

    def find_times(self) -> Times:
        """Take start, and end or length, of the first unit that has them; a known one tells the unit by its name."""
        columns = {unit: [_edges(self.header, words, unit) for words in (STARTS, ENDS, LENGTHS)] for unit in UNITS}
        known = {self.places[name] for name in ('start', 'end', 'length') if name in self.places}
        for unit in [unit for unit in UNITS if any(known & set(places) for places in columns[unit])] or UNITS:
            starts, ends, lengths = columns[unit]
            has_end = self.places.keys() & {'end', 'length'}
            if ('start' in self.places or starts) and (has_end or ends or lengths):
                self.find('start', starts)
                self.find('end', [] if has_end else ends)
                self.find('length', [] if has_end or ends else lengths)
                return unit
        self.need('end' if any(starts for starts, _, _ in columns.values()) else 'start')
        return 'seconds'

    def need(self, meaning: str) -> None:
        """Stop if no column has this meaning."""
        if meaning not in self.places:
            raise UserInputError(
                f"{self.path}: no column of its header {self.header} is known as the {meaning}; name it: {meaning}='…'"
            )


def named_columns(header: list[str], meaning: str) -> list[int]:
    """The places of the columns that a meaning's names fit."""
    return [place for place, name in enumerate(header) if re.fullmatch(NAMES[meaning], plain_column(name))]


def _edges(header: list[str], words: str, unit: Times) -> list[int]:
    """The places of the columns that hold a time of the events in a unit."""
    pattern = EDGE.format(words, UNITS[unit])
    return [place for place, name in enumerate(header) if re.fullmatch(pattern, plain_column(name))]
