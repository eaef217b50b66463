"""Ego4D's moment queries: ``moments_train.json`` and its kind.

``videos`` have ``clips``, these have ``annotations`` of an annotator each, and these ``labels`` with times in the video
and whether the label is ``primary``, one of the benchmark's: https://ego4d-data.org/docs/data/annotations-schemas.
"""

from __future__ import annotations

from itertools import islice

from mmdel.events.formats import NO, PERHAPS, SURELY, Format
from mmdel.events.formats.structure import Node, add_video, peek_json, root_of
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source

FORMAT = Format(
    name='ego4d_mq',
    title="Ego4D's moment queries",
    suffixes=('.json',),
    writes=False,
    note='A clip is a video, and times are from its start. primary_only=False reads the other labels, too.',
)


def matches(source: Source) -> int:
    """Whether videos have clips: surely if these have labels, perhaps if they have no annotations at all."""
    content = peek_json(source)
    videos = content.get('videos') if isinstance(content, dict) else None
    if not isinstance(videos, list):
        return NO
    clips = [clip for video in islice(videos, 10) for clip in _list_at(video, 'clips') if isinstance(clip, dict)]
    annotations = [annotation for clip in clips for annotation in _list_at(clip, 'annotations')]
    if any(_list_at(annotation, 'labels') for annotation in annotations):
        return SURELY
    return PERHAPS if any('clip_uid' in clip for clip in clips) and not annotations else NO


def _list_at(mapping: object, key: str) -> list:
    value = mapping.get(key) if isinstance(mapping, dict) else None
    return value if isinstance(value, list) else []


def read(source: Source, primary_only: bool = True) -> RawEvents:
    """Its clips, as videos, and their events.

    Args:
        source: The file.
        primary_only: Leave out the labels that the benchmark does not score.
    """
    raw = RawEvents(source.path)
    for video in root_of(source)['videos'].items():
        for clip in video['clips'].items():
            clip_id = clip['clip_uid'].name()
            start_sec = max(clip['video_start_sec'].number(), 0.0)  # a few are slightly negative
            fields = {'duration': round(clip['video_end_sec'].number() - start_sec, 6), 'video_start_sec': start_sec}
            add_video(raw, clip_id, {'subset': video.get('split'), 'video_uid': video.get('video_uid'), **fields})
            for annotation in clip['annotations'].items():
                for label in annotation['labels'].items():
                    if primary_only and label.get('primary') is not True:
                        raw.left_out['labels that are not primary'] += 1
                        continue
                    _add_label(raw, clip_id, start_sec, label, annotation.get('annotator_uid'))
    return raw


def _add_label(raw: RawEvents, clip_id: str, clip_start_sec: float, label: Node, annotator: object) -> None:
    """Adds the event of a label, from the start of its clip."""
    start, end = (round(label[f'video_{name}_time'].number() - clip_start_sec, 6) for name in ('start', 'end'))
    raw.add(clip_id, start, end, label.get('label'), label.place, annotator=annotator)
