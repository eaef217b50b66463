"""MMAction2's own layout of ActivityNet: a mapping from video ids to entries, without ``database`` around it.

An entry has ``duration_second``, ``duration_frame``, ``feature_frame`` (how many frames the features cover), ``fps``,
``rfps`` and ``annotations``, each with ``segment`` (start, end) in seconds and ``label``: see ``ActivityNetDataset`` in
https://github.com/open-mmlab/mmaction2.
"""

from __future__ import annotations

import os
from itertools import islice

from mmdel.events.events import Events
from mmdel.events.formats import NO, PERHAPS, SURELY, Format
from mmdel.events.formats.activitynet import from_database, to_database
from mmdel.events.formats.structure import looks_like_videos, peek_json, root_of, twice_in
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
    content = root_of(source).mapping()
    return from_database(content, source.path, twice_in(source, content))


def write(events: Events, path: str | os.PathLike) -> None:
    """Write it; the numbers of frames are those of the duration where the video says nothing else."""
    entries = to_database(events.to_raw())
    for entry in entries.values():
        if 'duration' in entry:
            entry['duration_second'] = entry.pop('duration')
            if 'fps' in entry:
                num_frames = round(entry['duration_second'] * entry['fps'])
                entry.setdefault('duration_frame', num_frames)
                entry.setdefault('feature_frame', num_frames)
    write_json(path, entries)
