"""JAMS, the JSON of annotated sound: segments and tags, and Scaper's synthetic soundscapes.

``annotations`` have a ``namespace`` and ``data``, each with ``time`` and ``duration`` in seconds, ``value`` and
``confidence``; dense data are columns instead of rows: https://jams.readthedocs.io. Scaper's values are mappings with
``label`` and ``role``: https://scaper.readthedocs.io.
"""

from __future__ import annotations

import os
from typing import Any

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.structure import Node, peek_json, root_of
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.events.times import to_seconds
from mmdel.utils.files import write_json

FORMAT = Format(
    name='jams',
    title='JAMS',
    suffixes=('.jams', '.json'),
    keeps=frozenset({'score', 'duration', 'fps', 'subset', 'empty', 'unlabelled'}),
    per_video=True,
    resolution_sec=1e-9,
    note="Segments, tags and Scaper's foreground events are read, or the namespace that is named.",
)
STRETCHES = ('segment', 'tag', 'scaper', 'sound_event')  # how namespaces begin whose labels hold for a stretch of time


def matches(source: Source) -> int:
    """Whether it has annotations with a namespace, or none, and the metadata of a file."""
    content = peek_json(source)
    annotations = content.get('annotations') if isinstance(content, dict) else None
    if not isinstance(annotations, list) or not isinstance(content.get('file_metadata'), dict):
        return NO
    return SURELY if all(isinstance(item, dict) and 'namespace' in item for item in annotations) else NO


def read(source: Source, namespace: str | None = None) -> RawEvents:
    """The events of its one video.

    Args:
        source: The file.
        namespace: Whose annotations are events; None takes those whose labels hold for a stretch of time.
    """
    raw, root = RawEvents(source.path), root_of(source)
    sandbox = root.get('sandbox')
    own = sandbox.get('mmdel') if isinstance(sandbox, dict) else None
    fields = own if isinstance(own, dict) else {'duration': root['file_metadata'].get('duration')}
    raw.videos[source.stem] = dict(fields)
    for annotation in root['annotations'].items():
        name = annotation['namespace'].name()
        if not (name.startswith(STRETCHES) if namespace is None else name == namespace):
            raw.left_out[f'annotations of the namespace {name}'] += 1
            continue
        for item in _data_of(annotation):
            _add_item(raw, source.stem, item)
    return raw


def _data_of(annotation: Node) -> list[Node]:
    """The rows of an annotation."""
    data = annotation['data']
    if not isinstance(data.value, dict):
        return list(data.items())
    columns = {key: list(column.items()) for key, column in data.members()}
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise data.error('columns of one length')
    rows = [
        dict(zip(columns, (node.value for node in row), strict=True)) for row in zip(*columns.values(), strict=True)
    ]
    return [Node(data.file, f'{data.place}[{index}]', row) for index, row in enumerate(rows)]


def _add_item(raw: RawEvents, video_id: str, item: Node) -> None:
    """Adds an event of an annotation."""
    label, columns = item.get('value'), {}
    if isinstance(label, dict):
        if label.get('role') == 'background':
            raw.left_out['backgrounds of a soundscape'] += 1
            return
        columns = {name: label.get(name) for name in ('role', 'snr', 'source_file')}
        label = label.get('label')
    start = item.get('time')
    end = round(to_seconds(start) + to_seconds(item.get('duration')), 9)  # or it may lie a trifle beyond the video
    raw.add(video_id, start, end, label, item.place, score=item.get('confidence'), **columns)


def write(events: Events, path: str | os.PathLike) -> None:
    """Write the events of one video as open segments; what is known of it stands in the sandbox.

    Outside, the duration must be a number: where it is not known, the last event's end.
    """
    (video,) = events.videos
    duration_sec = float(events.end_sec.max(initial=0)) if video.duration_sec is None else video.duration_sec
    data: list[dict[str, Any]] = [
        {'time': start_sec, 'duration': end_sec - start_sec, 'value': label or None, 'confidence': score}
        for _, start_sec, end_sec, label, score in events
    ]
    annotation = {
        'namespace': 'segment_open',
        'annotation_metadata': {'data_source': 'mmdel'},
        'data': data,
        'sandbox': {},
        'time': 0,
        'duration': duration_sec,
    }
    metadata: dict[str, Any] = {
        'title': video.video_id,
        'duration': duration_sec,
        'identifiers': {},
        'jams_version': '0.3.4',
    }
    own = {'duration': video.duration_sec, 'subset': video.subset or None, 'fps': video.fps}
    write_json(path, {'annotations': [annotation], 'file_metadata': metadata, 'sandbox': {'mmdel': own}})
