"""What the formats share whose files are nested: values with their places, and videos that must be named once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from xml.etree import ElementTree

from mmdel.events.problems import Problem, short
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.events.times import to_seconds
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import to_name


@dataclass(frozen=True)
class Node:
    """A value of a JSON file, where it stands in it: ``database.v1.annotations[3]``.

    Raises:
        UserInputError: From every method, if the value is of another kind; with file and place.
    """

    file: str
    place: str
    value: Any

    def error(self, expected: str) -> UserInputError:
        """What to raise if the value is not as expected."""
        return UserInputError(f'{self.file}: {self.place or "the file"} is {short(self.value)}; expected {expected}')

    def mapping(self) -> dict[str, Any]:
        """The value as a mapping."""
        if not isinstance(self.value, dict):
            raise self.error('a mapping')
        return self.value

    def get(self, key: str) -> Any:
        """A value of the mapping as it stands; None if it is not there."""
        return self.mapping().get(key)

    def __getitem__(self, key: str) -> Node:
        return Node(self.file, f'{self.place}.{key}' if self.place else key, self.get(key))

    def members(self) -> Iterator[tuple[str, Node]]:
        """The keys and values of the mapping, which is empty if it is null or not there."""
        for key in {} if self.value is None else self.mapping():
            yield key, self[key]

    def items(self) -> Iterator[Node]:
        """The items of the list, which is empty if it is null or not there."""
        if self.value is not None and not isinstance(self.value, list):
            raise self.error('a list')
        for index, value in enumerate(self.value or ()):
            yield Node(self.file, f'{self.place}[{index}]', value)

    def row(self, *names: str) -> list[Any]:
        """The items of a list of as many as there are names."""
        if not isinstance(self.value, list) or len(self.value) != len(names):
            raise self.error(f'a list [{", ".join(names)}]')
        return self.value

    def name(self) -> str:
        """The value as an id: a text, or a whole number's text."""
        if isinstance(self.value, bool) or not isinstance(self.value, (str, int)) or self.value == '':
            raise self.error('a name')
        return to_name(str(self.value))

    def number(self) -> float:
        """The value as a number, or its text; for what has to be calculated with."""
        number = to_seconds(self.value)
        if number != number:
            raise self.error('a number')
        return number


def root_of(source: Source) -> Node:
    """All of a JSON file."""
    return Node(source.path, '', source.json)


def peek_json(source: Source) -> Any:
    """The content of a JSON file; None for everything else, be it broken or of another kind."""
    try:
        return source.json
    except UserInputError:
        return None


def peek_xml(source: Source) -> ElementTree.Element | None:
    """The root of an XML file; None for everything else, be it broken or of another kind."""
    try:
        return source.xml
    except UserInputError:
        return None


def looks_like_videos(content: Any, key: str) -> bool:
    """Whether it is a mapping of mappings, the first of which have a list at a key."""
    if not isinstance(content, dict) or not content:
        return False
    return all(isinstance(entry, dict) and isinstance(entry.get(key), list) for entry in islice(content.values(), 10))


def add_video(raw: RawEvents, video_id: str, fields: Mapping[str, Any]) -> None:
    """Add a video of a list that should name each once; if it does not, that is a problem, and the last counts."""
    if video_id in raw.videos:
        raw.problems.append(_twice(raw, video_id))
    raw.videos[video_id] = dict(fields)


def twice_in(source: Source, mapping: dict[str, Any]) -> list[str]:
    """The ids that stand twice in a mapping of the file, the last of which counts."""
    return [to_name(key) for repeated, keys in source.repeated if repeated is mapping for key in keys]


def each_video(source: Source, raw: RawEvents) -> Iterator[tuple[str, Node]]:
    """The entries of a file that maps ids to videos; of an id that stands twice the last, and a problem."""
    root = root_of(source)
    twice = twice_in(source, root.mapping())
    entries: dict[str, Node] = {}
    for key, entry in root.members():
        video_id = to_name(key)
        twice += [video_id] if video_id in entries else []
        entries[video_id] = entry
    raw.problems += [_twice(raw, video_id) for video_id in dict.fromkeys(twice)]
    yield from entries.items()


def _twice(raw: RawEvents, video_id: str) -> Problem:
    return Problem('repeated-video-id', 'the id stands twice', 'one entry', video_id, raw.file)
