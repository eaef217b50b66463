"""CVAT for video 1.1, XML: tracks of shapes by frame.

A ``track`` has a label and a shape for each frame, from the first to the last on which the object is; ``outside="1"``
says that it has left: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat. Frames count from 0 in the
video, also where a task has only every n-th of them (``frame_filter``).
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.structure import add_video, peek_xml
from mmdel.events.problems import short
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import media_name

FORMAT = Format(
    name='cvat',
    title='CVAT for video 1.1',
    suffixes=('.xml',),
    writes=False,
    note='An event is a stretch of frames on which a track is visible; shapes and attributes are not read. '
    'Times are frames, whose rate is not in the file: fps=25.0.',
)


def matches(source: Source) -> int:
    """Whether it has tracks, or no images and a task that is a video."""
    root = peek_xml(source)
    if root is None or root.tag != 'annotations' or root.find('meta') is None or root.find('image') is not None:
        return NO
    is_video = root.find('track') is not None or root.findtext('.//mode') == 'interpolation'
    return SURELY if is_video else NO


def read(source: Source) -> RawEvents:
    """The videos of its tasks, and a stretch of frames for each time that a track is visible.

    Raises:
        UserInputError: If a track has no label or is of a task that the file does not name, or a shape has no frame.
    """
    raw, root = RawEvents(source.path, times='frames'), source.xml
    if root is None:
        raise UserInputError(f'{source.path} is not XML')
    meta = root.find('meta')
    tasks: dict[str | None, tuple[str, int]] = {}  # id → video and step between its frames; None if there is one task
    elements = [] if meta is None else meta.findall('.//task') or meta.findall('job')
    for task in elements:
        shared = meta.findtext('source') if meta is not None and len(elements) == 1 else None  # as older versions write
        name = task.findtext('source') or shared or task.findtext('name') or source.stem
        tasks[task.findtext('id')] = media_name(name), _step_of(task.findtext('frame_filter') or '')
    only = next(iter(tasks.values()), (source.stem, 1))
    for video_id, _ in tasks.values() or [only]:
        add_video(raw, video_id, {})
    for index, track in enumerate(root.findall('track')):
        place, task_id = f'track[{index}]', track.get('task_id')
        if 'label' not in track.attrib or (len(tasks) > 1 and task_id not in tasks):
            raise UserInputError(f'{source.path}: {place} has {short(track.attrib)}; expected label and task_id')
        video_id, step = tasks.get(task_id, only)
        for start, end in _stretches(source.path, place, track, step):
            raw.add(video_id, start, end, track.get('label'), place, track=track.get('id'))
    return raw


def _step_of(frame_filter: str) -> int:
    """How many frames of the video one of the task is apart from the next."""
    step = frame_filter.replace(' ', '').removeprefix('step=')
    return int(step) if step.isdecimal() else 1


def _stretches(file: str, place: str, track: Element, step: int) -> Iterator[tuple[int, int]]:
    """The first frames on which a track is visible, and the first ones after them on which it is not."""
    shapes = []
    for shape in track:
        frame = shape.get('frame', '')
        if not frame.isdecimal() or len(frame) > 18:
            raise UserInputError(f'{file}: {place}: a {shape.tag} has the frame {frame!r}; expected a number')
        # A skeleton is outside if all its points are.
        parts = [part for part in (shape, *shape) if 'outside' in part.attrib]
        shapes.append((int(frame), bool(parts) and all(part.get('outside') == '1' for part in parts)))
    if shapes:
        shapes.append((max(shapes)[0] + step, True))
    first: int | None = None
    for number, outside in sorted(shapes):
        if outside and first is not None:
            yield first, number
        first = None if outside else number if first is None else first
