"""MMAction2's own layout of ActivityNet: a mapping from video ids to entries, without ``database`` around it.

An entry has ``duration_second``, ``duration_frame``, ``feature_frame`` (how many frames the features cover), ``fps``,
``rfps`` and ``annotations``, each with ``segment`` (start, end) in seconds and ``label``: see ``ActivityNetDataset`` in
https://github.com/open-mmlab/mmaction2.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import Any

from mmdel.events.events import Events, Video
from mmdel.events.formats import NO, PERHAPS, SURELY, Format
from mmdel.events.formats.structure import each_video, further_columns, looks_like_videos, peek_json
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.files import write_json

FORMAT = Format(
    name='mmaction',
    title="MMAction2's ActivityNet JSON",
    suffixes=('.json',),
    keeps=frozenset({'score', 'duration', 'fps', 'subset', 'extra', 'empty', 'unlabelled'}),
    note='Its localizers need the duration and the fps of every video.',
)


def matches(source: Source) -> int:
    """Whether it maps ids to entries with annotations: surely if they have durations in ``duration_second``."""
    content = peek_json(source)
    if not looks_like_videos(content, 'annotations'):
        return NO
    return SURELY if any('duration_second' in entry for entry in islice(content.values(), 10)) else PERHAPS


def read(source: Source) -> RawEvents:
    """Its videos and events; other fields of an entry are the video's, other keys of an annotation columns."""
    raw = RawEvents(source.path)
    for video_id, entry in each_video(source, raw):
        fields = {key: value for key, value in entry.mapping().items() if key != 'annotations'}
        if 'duration_second' in fields:
            fields['duration'] = fields.pop('duration_second')
        raw.videos[video_id] = fields
        for annotation in entry['annotations'].items():
            start, end = annotation['segment'].row('start', 'end')
            columns = further_columns(raw, annotation.mapping(), ('segment', 'label'))
            raw.add(video_id, start, end, annotation.get('label'), annotation.place, **columns)
    return raw


def write(events: Events, path: str | os.PathLike) -> None:
    """Write it; the numbers of frames are those of the duration where the video says nothing else."""
    rows = list(events)
    entries: dict[str, Any] = {}
    for video, places in zip(events.videos, events.groups(), strict=True):
        annotations = []
        for place in places.tolist():
            _, start_sec, end_sec, label, score = rows[place]
            known = {name: values[place] for name, values in events.extra.items()}
            known.update(label=label or None, score=score)
            known = {name: value for name, value in known.items() if value is not None}
            annotations.append({**known, 'segment': [start_sec, end_sec]})
        entries[video.video_id] = {**_fields_of(video), 'annotations': annotations}
    write_json(path, entries)


def _fields_of(video: Video) -> dict[str, Any]:
    """What an entry says of its video."""
    fields = {'duration_second': video.duration_sec, 'fps': video.fps, 'subset': video.subset or None}
    if video.duration_sec is not None and video.fps is not None:
        num_frames = round(video.duration_sec * video.fps)
        fields.update(duration_frame=num_frames, feature_frame=num_frames)
    return {name: value for name, value in {**fields, **video.extra}.items() if value is not None}
