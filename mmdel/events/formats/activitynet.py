"""ActivityNet's annotations, as UnAV-100, THUMOS14, HACS, FineAction, MUSES, ActionFormer and OpenTAD have them, too.

``{"database": {id: {"subset", "duration", "fps", "annotations": [{"segment": [start, end], "label", "label_id"}]}}}``,
times in seconds (activity-net.org, 1.2 and 1.3). null is as if it were not there.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.structure import peek_json
from mmdel.events.problems import Problem, short
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json
from mmdel.utils.names import to_name

FORMAT = Format(
    'activitynet',
    "ActivityNet's JSON; THUMOS14, UnAV-100, HACS, FineAction, MUSES, ActionFormer, OpenTAD",
    ('.json',),
    frozenset(('score', 'duration', 'fps', 'subset', 'extra', 'empty', 'unlabelled')),
    note='further fields of videos and events are kept; subsets are written as training, validation, testing',
)
SUBSETS = {'train': 'training', 'val': 'validation', 'test': 'testing'}
KNOWN = ('segment', 'label')


def matches(source: Source) -> int:
    """Whether it is JSON with a mapping ``database``."""
    content = peek_json(source)
    return SURELY if isinstance(content, dict) and 'database' in content else NO


def read(source: Source) -> RawEvents:
    """What the file says.

    Raises:
        UserInputError: If it is not JSON, or has no mapping ``database``.
    """
    database = source.json.get('database') if isinstance(source.json, dict) else None
    if not isinstance(database, dict):
        raise UserInputError(f"The file {source.path} needs a key 'database' that maps video ids to entries")
    twice = [to_name(name) for mapping, names in source.repeated if mapping is database for name in names]
    return from_database(database, source.path, twice)


def from_database(database: dict[str, Any], file: str, twice: list[str] | None = None) -> RawEvents:
    """The raw table of such entries.

    Args:
        database: Video id → entry.
        file: Where they are from, for messages.
        twice: Ids that stand there twice.
    """
    raw, twice = RawEvents(file), twice or []
    names = Counter(map(to_name, database))
    twice += [name for name, count in names.items() if count > 1 and name not in twice]
    raw.problems += [Problem('repeated-video-id', 'the id stands twice', 'one entry', name, file) for name in twice]
    entries = {to_name(video_id): entry for video_id, entry in database.items()}
    for video_id, entry in entries.items():
        if not isinstance(entry, dict):
            raw.problems.append(Problem('wrong-entry', short(entry), 'a mapping', video_id, file))
            continue
        fields = {name: value for name, value in entry.items() if name != 'annotations'}
        fields.setdefault('duration', fields.pop('duration_second', None))
        raw.videos[video_id] = fields
        annotations = entry.get('annotations') or []
        if not isinstance(annotations, list):
            found = f'annotations {short(annotations)}'
            raw.problems.append(Problem('wrong-entry', found, 'a list', video_id, file))
            continue
        for index, annotation in enumerate(annotations):
            place = f'event {index}'
            if not isinstance(annotation, dict):
                said = short(annotation), 'a mapping with segment and label', video_id, file
                raw.problems.append(Problem('wrong-entry', *said, place=place))
                continue
            segment, more = annotation.get('segment'), {k: v for k, v in annotation.items() if k not in KNOWN}
            start, end = segment if isinstance(segment, list) and len(segment) == 2 else (segment, None)
            raw.add(video_id, start, end, annotation.get('label'), place, **more)
    return raw


def to_database(raw: RawEvents) -> dict[str, dict[str, Any]]:
    """The entries that such a table is read from; what is None is left out."""
    database: dict[str, dict[str, Any]] = {
        video_id: {name: value for name, value in fields.items() if value is not None} | {'annotations': []}
        for video_id, fields in raw.videos.items()
    }
    for row, (video_id, start, end, label) in enumerate(zip(raw.video, raw.start, raw.end, raw.label, strict=True)):
        more = {name: values[row] for name, values in raw.columns.items() if values[row] is not None}
        annotation = {'segment': [start, end], **({} if label is None else {'label': label}), **more}
        database[video_id]['annotations'].append(annotation)
    return database


def content_of(events: Events) -> dict[str, Any]:
    """What a file of these events holds, with ActivityNet's own names of the subsets."""
    raw = events.to_raw()
    for fields in raw.videos.values():
        fields['subset'] = SUBSETS.get(fields['subset'], fields['subset'])
    return {'version': 'mmdel', 'database': to_database(raw)}


def write(events: Events, path: str) -> None:
    """The file of these events."""
    write_json(path, content_of(events))
