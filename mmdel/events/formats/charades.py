"""The JSON in which public code has Charades and MultiTHUMOS: ids with ``subset``, ``duration`` and ``actions``.

``actions`` is a list of [class, start, end] with times in seconds; classes are numbers, whose names stand in a file of
their own. It comes from https://github.com/piergiaj/pytorch-i3d (``charades/charades.json``).
"""

from __future__ import annotations

from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.structure import each_video, looks_like_videos, peek_json
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source

FORMAT = Format(
    name='charades',
    title='Charades and MultiTHUMOS as JSON',
    suffixes=('.json',),
    writes=False,
    note='The labels are the numbers of the classes, as they stand.',
)


def matches(source: Source) -> int:
    """Whether it maps ids to entries with actions."""
    return SURELY if looks_like_videos(peek_json(source), 'actions') else NO


def read(source: Source) -> RawEvents:
    """Its videos and actions."""
    raw = RawEvents(source.path)
    for video_id, entry in each_video(source, raw):
        raw.videos[video_id] = {key: value for key, value in entry.mapping().items() if key != 'actions'}
        for action in entry['actions'].items():
            label, start, end = action.row('class', 'start', 'end')
            raw.add(video_id, start, end, label, action.place)
    return raw
