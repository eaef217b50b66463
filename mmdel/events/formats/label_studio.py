"""Label Studio's export as JSON: regions of sound, of time series and of a video's timeline.

A task has ``data``, which names its files, and ``annotations``, one a person, with a ``result`` of regions. Those of
type ``labels`` (sound) and ``timeserieslabels`` have ``start`` and ``end`` in seconds; those of type ``timelinelabels``
have ``ranges`` of frames, which count from 1, the last included: https://labelstud.io/guide/export and
https://labelstud.io/tags/timelinelabels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import unquote

from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.structure import Node, add_video, peek_json, root_of
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.names import media_name

FORMAT = Format(
    name='label_studio',
    title='Label Studio',
    suffixes=('.json',),
    writes=False,
    note="Full export, not JSON-MIN. video='audio' says which of a task's data names the file if several do. "
    'Labels of a timeline are in frames, whose rate is not in the file: fps=25.0. '
    'Predictions are read where no task has annotations.',
)
SECONDS, FRAMES = ('labels', 'timeserieslabels'), 'timelinelabels'
UPLOAD = re.compile(r'[0-9a-f]{8}-(?=.)')  # what Label Studio puts before the name of an uploaded file


def matches(source: Source) -> int:
    """Whether it is a list of tasks, with data and with annotations or predictions."""
    tasks = peek_json(source)
    if not isinstance(tasks, list) or not tasks:
        return NO
    lists = ('annotations', 'predictions')
    is_task = (
        isinstance(task, dict)
        and isinstance(task.get('data'), dict)
        and any(isinstance(task.get(k), list) for k in lists)
        for task in islice(tasks, 10)
    )
    return SURELY if all(is_task) else NO


def read(source: Source, video: str | None = None) -> RawEvents:
    """The files of its tasks, and their regions.

    Args:
        source: The file.
        video: Which of a task's data names its file; None takes the one that names a media file, or else any file.

    Raises:
        UserInputError: If a task names no file, or several media files, or a range of frames has no numbers.
    """
    raw, files = RawEvents(source.path), dict[str, str]()
    regions: list[tuple[str, Node, Any]] = []
    tasks = list(root_of(source).items())
    is_annotated = any(task.get('annotations') for task in tasks)
    for task in tasks:
        file = _file_of(task, video)
        video_id = media_name(file)
        if files.setdefault(video_id, file) != file or video_id not in raw.videos:
            add_video(raw, video_id, {})
        if is_annotated and task.get('predictions'):
            raw.left_out['predictions beside annotations'] += len(list(task['predictions'].items()))
        for annotation in task['annotations' if is_annotated else 'predictions'].items():
            if annotation.get('was_cancelled'):
                raw.left_out['annotations that were skipped'] += 1
                continue
            regions += [(video_id, region, annotation.get('completed_by')) for region in annotation['result'].items()]
    raw.times = 'frames' if FRAMES in [region.get('type') for _, region, _ in regions] else 'seconds'
    for video_id, region, annotator in regions:
        _add_region(raw, video_id, region, annotator)
    return raw


def _file_of(task: Node, key: str | None) -> str:
    """The file that a task is about, without what an upload or a server puts around its name."""
    texts = {k: _path(value) for k, value in task['data'].mapping().items() if isinstance(value, str)}
    if key is not None:
        found = [text for k, text in texts.items() if k == key]
    else:
        media = [text for text in texts.values() if media_name(text) != text.rpartition('/')[2]]
        found = media or [text for text in texts.values() if '/' in text and ' ' not in text]
    if len({media_name(text) for text in found}) != 1:
        raise task['data'].error("the name of one file; if there are several, name its key: video='…'")
    name = found[0].rpartition('/')[2]
    return UPLOAD.sub('', name) if name == task.get('file_upload') else found[0]


def _path(address: str) -> str:
    """The path in an address, such as ``https://host/a%20b.wav?key=1`` or ``/data/local-files/?d=a.wav``."""
    if '/' not in address:
        return address
    return unquote(address.rpartition('?d=')[2].partition('?')[0])


def _add_region(raw: RawEvents, video_id: str, region: Node, annotator: Any) -> None:
    """Adds the events of a region, one for each label and range."""
    kind, value = region.get('type'), region['value']
    if kind not in (*SECONDS, FRAMES) or (kind == 'labels' and 'text' in value.mapping()):
        raw.left_out[f'regions of type {kind}' + (' in texts' if kind == 'labels' else '')] += 1
        return
    length = region.get('original_length')
    if length is not None:
        raw.videos[video_id].setdefault('duration', length)
    labels = [node.value for node in value[kind].items()] or [None]
    for start, end in _times_of(raw, value, kind):
        for label in labels:
            score = region.get('score')
            raw.add(video_id, start, end, label, region.place, score=score, annotator=annotator)


def _times_of(raw: RawEvents, value: Node, kind: str) -> Iterator[tuple[Any, Any]]:
    """When a region starts and ends, in the unit of the file."""
    if kind == FRAMES:
        for span in value['ranges'].items():
            yield span['start'].number() - 1, span['end'].number()
    elif value.get('instant'):
        raw.left_out['points in time'] += 1
    elif raw.times == 'frames':  # a clock text is in seconds whatever the unit
        yield f'0:{value["start"].number():.9f}', f'0:{value["end"].number():.9f}'
    else:
        yield value.get('start'), value.get('end')
