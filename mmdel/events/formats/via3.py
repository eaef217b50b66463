"""Projects of the VGG Image Annotator 3, JSON: temporal segments of videos and sound.

``file`` has the media, ``view`` which of them are shown together, ``attribute`` what can be said, and ``metadata`` what
is: a segment has its view ``vid``, its times ``z`` in seconds, no region ``xy``, and ``av``, attribute id → value, the
id of an option, several of them, or a text: https://gitlab.com/vgg/via (``via-3.x.y/CodeDoc.md``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.structure import Node, add_video, peek_json, root_of
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json
from mmdel.utils.names import media_name

FORMAT = Format(
    name='via3',
    title='VGG Image Annotator 3',
    suffixes=('.json',),
    keeps=frozenset({'score', 'empty', 'unlabelled'}),
    note="Temporal segments are read. label='Activity' says which attribute is the class if there are several. "
    'VIA asks for the files of a project that is written.',
)
TEXT, CHECKBOX, SELECT = 1, 2, 4  # types of attributes; the value of the second is options parted by commas
IMAGE, VIDEO = 2, 4  # types of files
LOCAL = 1  # a place of files: where the browser's file selector finds them


def matches(source: Source) -> int:
    """Whether it has the parts of a project."""
    content = peek_json(source)
    parts = ('project', 'attribute', 'file', 'view', 'metadata')
    return SURELY if isinstance(content, dict) and all(isinstance(content.get(key), dict) for key in parts) else NO


def read(source: Source, label: str | None = None) -> RawEvents:
    """The media of its views, and their temporal segments.

    Args:
        source: The file.
        label: The name of the attribute that is the class; None if segments have one alone.

    Raises:
        UserInputError: If there is no such attribute or, without a name, there are several.
    """
    raw, root = RawEvents(source.path), root_of(source)
    views = {key: video_id for key, view in root['view'].members() if (video_id := _video_of(root, view, raw))}
    segments = []
    for _, item in root['metadata'].members():
        if isinstance(item.get('z'), list) and len(item.get('z')) == 2 and not item.get('xy'):
            segments.append(item)
        else:
            raw.left_out['regions, points in time and attributes of files'] += 1
    used = {key for item in segments for key, _ in item['av'].members()}
    attributes = {key: node for key, node in root['attribute'].members() if key in used}
    names = {key: node['aname'].name() for key, node in attributes.items()}
    class_key = _class_of(source.path, names, label)
    for item in segments:
        view_key = item['vid'].name()
        if view_key not in views:
            if view_key not in root['view'].mapping():
                raise item['vid'].error('one of the views')
            raw.left_out['segments of such views'] += 1
            continue
        values = {key: _texts(attributes.get(key), value) for key, value in item['av'].mapping().items()}
        others = {names.get(key, key): ', '.join(map(str, texts)) for key, texts in values.items() if key != class_key}
        for name in {'segment', 'label'} & others.keys():  # an event has its own
            del others[name]
            raw.left_out[f'attributes {name!r} beside the class'] += 1
        start, end = item['z'].row('start', 'end')
        for text in values.get(class_key or '') or [None]:
            raw.add(views[view_key], start, end, text, item.place, **others)
    return raw


def _video_of(root: Node, view: Node, raw: RawEvents) -> str | None:
    """The video of a view, which is added; None of pictures and of files side by side."""
    files = [root['file'][fid.name()] for fid in view['fid_list'].items()]
    if len(files) != 1 or files[0].get('type') == IMAGE:
        raw.left_out['views of pictures or of several files'] += 1
        return None
    video_id = media_name(files[0]['fname'].name())
    add_video(raw, video_id, {})
    return video_id


def _class_of(file: str, names: dict[str, str], label: str | None) -> str | None:
    """The key of the attribute that is the class; None if segments have none but a score."""
    keys = [key for key, name in names.items() if label == name or (label is None and name != 'score')]
    if len(keys) > 1 or (label is not None and not keys):
        found = ', '.join(map(repr, names.values())) or 'none'
        raise UserInputError(f'{file}: its segments have the attributes {found}: say which is the class, label=…')
    return keys[0] if keys else None


def _texts(attribute: Node | None, value: Any) -> Sequence[Any]:
    """What a value says: the texts of its options, or itself."""
    options = attribute.get('options') if attribute is not None else None
    if not isinstance(options, dict) or not options or not isinstance(value, str):
        return [value]
    keys = value.split(',') if attribute is not None and attribute.get('type') == CHECKBOX else [value]
    return [options.get(key, key) for key in keys if key]


def write(events: Events, path: str | os.PathLike) -> None:
    """Write a project: its videos, and the label and the score of every segment as attributes.

    Raises:
        UserInputError: If the id of a video is none that can be found in a file's name.
    """
    for video_id in events.video_ids:
        if media_name(video_id) != video_id or not video_id:
            raise UserInputError(f'video {video_id!r}: expected an id without folder and media suffix for {path}')
    keys = [str(place) for place in range(1, len(events.videos) + 1)]
    segment = {'anchor_id': 'FILE1_Z2_XY0', 'desc': '', 'default_option_id': ''}
    options = {str(place): label for place, label in enumerate(events.labels)}
    attributes = {'1': {'aname': 'label', **segment, 'type': SELECT, 'options': options}}
    if events.scores is not None:
        attributes['2'] = {'aname': 'score', **segment, 'type': TEXT, 'options': {}}
    metadata: dict[str, Any] = {}
    columns = events.video_index.tolist(), events.label_index.tolist()
    for row, (event, place, label) in enumerate(zip(events, *columns, strict=True)):
        values = {'1': str(label)} if label >= 0 else {}
        values |= {} if event.score is None else {'2': repr(event.score)}
        times = {'z': [event.start_sec, event.end_sec], 'xy': []}
        metadata[f'{keys[place]}_{row}'] = {'vid': keys[place], 'flg': 0, **times, 'av': values}
    files = {
        key: {'fid': key, 'fname': video_id, 'type': VIDEO, 'loc': LOCAL, 'src': ''}
        for key, video_id in zip(keys, events.video_ids, strict=True)
    }
    project = {
        'pid': '__VIA_PROJECT_ID__',
        'rev': '__VIA_PROJECT_REV_ID__',
        'rev_timestamp': '__VIA_PROJECT_REV_TIMESTAMP__',
        'pname': 'mmdel',
        'creator': 'mmdel',
        'data_format_version': '3.1.1',
        'vid_list': keys,
    }
    config = {'file': {'loc_prefix': dict.fromkeys('1234', '')}, 'ui': {'file_content_align': 'center'}}
    content = {'project': project, 'config': config, 'attribute': attributes, 'file': files}
    write_json(path, {**content, 'view': {key: {'fid_list': [key]} for key in keys}, 'metadata': metadata})
