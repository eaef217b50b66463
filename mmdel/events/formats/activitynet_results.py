"""ActivityNet's results, which detectors write and evaluations read.

``{"version", "results": {id: [{"segment": [start, end], "label", "score"}]}}``, times in seconds (the evaluation code
of activity-net.org).
"""

from __future__ import annotations

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.activitynet import from_database, to_database
from mmdel.events.formats.structure import peek_json
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json
from mmdel.utils.names import to_name

FORMAT = Format(
    'activitynet_results',
    "ActivityNet's result files",
    ('.json',),
    frozenset(('score', 'extra', 'empty', 'unlabelled')),
    note='written for events that have scores',
)


def matches(source: Source) -> int:
    """Whether it is JSON with a mapping ``results`` of lists."""
    content = peek_json(source)
    results = content.get('results') if isinstance(content, dict) and 'database' not in content else None
    is_one = isinstance(results, dict) and all(isinstance(entries, list) for entries in results.values())
    return SURELY if is_one else NO


def read(source: Source) -> RawEvents:
    """What the file says.

    Raises:
        UserInputError: If it has no mapping ``results`` of ids to lists.
    """
    results = source.json.get('results') if isinstance(source.json, dict) else None
    if not isinstance(results, dict) or not all(isinstance(entries, list) for entries in results.values()):
        raise UserInputError(f"{source.path} needs a key 'results' that maps video ids to lists of predictions")
    twice = [to_name(name) for mapping, names in source.repeated if mapping is results for name in names]
    raw = from_database({name: {'annotations': entries} for name, entries in results.items()}, source.path, twice)
    for fields in raw.videos.values():
        fields.clear()
    return raw


def write(events: Events, path: str) -> None:
    """The file of these events."""
    database = to_database(events.to_raw())
    results = {video_id: entry['annotations'] for video_id, entry in database.items()}
    write_json(path, {'version': 'mmdel', 'results': results, 'external_data': {}})
