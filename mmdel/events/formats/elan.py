"""Annotation files of ELAN, of the Max Planck Institute for Psycholinguistics.

An XML file of tiers; an annotation stands in one and points to two time slots, or to an annotation of another tier. The
format is described in "EAF: ELAN Annotation Format" at https://archive.mpi.nl/tla/elan/documentation, its schema is
http://www.mpi.nl/tools/elan/EAFv3.0.xsd.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, Format
from mmdel.events.formats.one_video import check_texts, chosen_tiers, head, spans, tiers
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import written_whole
from mmdel.utils.names import media_name

FORMAT = Format(
    name='elan',
    title='ELAN',
    suffixes=('.eaf',),
    keeps=frozenset({'empty'}),
    per_video=True,
    resolution_sec=1e-3,
    note='`tier=` says which tiers are read. The label is the value of an annotation, or the name of a tier whose '
    'values are all empty. What refers to another annotation has its times. Written: a tier a label, more where events '
    'overlap.',
)
ROOT = 'ANNOTATION_DOCUMENT'
MAX_REFERENCES = 10  # from tier to tier, which are seldom three deep
NO_XML = '[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]'
SCHEMA = {
    'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
    'xsi:noNamespaceSchemaLocation': 'http://www.mpi.nl/tools/elan/EAFv3.0.xsd',
}


def matches(source: Source) -> int:
    """Whether it is one."""
    return SURELY if source.is_xml and f'<{ROOT}' in head(source) else NO


def read(source: Source, tier: str | Sequence[str] | None = None) -> RawEvents:
    """The annotations of all tiers or some; the first media file is the video.

    Args:
        source: The file.
        tier: The tiers to read; None are all.

    Raises:
        UserInputError: If it is no such file, an annotation points nowhere, or there is no such tier.
    """
    root = source.xml
    if root is None or root.tag != ROOT:
        raise UserInputError(f'{source.path} is no ELAN file: expected the element {ROOT}')
    units = root.find('HEADER[@TIME_UNITS]')
    if units is not None and units.get('TIME_UNITS') != 'milliseconds':
        raise UserInputError(f'{source.path}: TIME_UNITS: expected milliseconds, got {units.get("TIME_UNITS")!r}')
    media = root.find('HEADER/MEDIA_DESCRIPTOR')
    url = '' if media is None else media.get('MEDIA_URL') or media.get('RELATIVE_MEDIA_URL') or ''
    video_id = media_name(url) or source.stem
    raw = RawEvents(source.path, {video_id: {}}, times=1000)
    slots = _slots(root, 0 if media is None else _number(media.get('TIME_ORIGIN')) or 0)
    by_id = {item.get('ANNOTATION_ID'): item for holder in root.iterfind('TIER/ANNOTATION') for item in holder}
    by_id.pop(None, None)
    elements = root.findall('TIER')
    chosen = chosen_tiers(tier, [element.get('TIER_ID', '') for element in elements], source.path)
    for element in elements:
        name = element.get('TIER_ID', '')
        items = [item for holder in element.iterfind('ANNOTATION') for item in holder] if name in chosen else []
        values = [(item.findtext('ANNOTATION_VALUE') or '').strip() or None for item in items]
        if not any(values):
            values = [name] * len(values)
        for item, label in zip(items, values, strict=True):
            place = f'annotation {item.get("ANNOTATION_ID")} of tier {name}'
            for _ in range(MAX_REFERENCES):
                item = by_id.get(item.get('ANNOTATION_REF'), item)
            ends = [item.get('TIME_SLOT_REF1'), item.get('TIME_SLOT_REF2')]
            if not set(ends) <= slots.keys():
                raise UserInputError(f'{source.path}, {place}: expected two of the time slots, got {ends}')
            start, end = (slots[slot] for slot in ends)
            if start is None or end is None:
                raw.left_out[f'annotations of tier {name} without a time of their own'] += 1
            else:
                raw.add(video_id, start, end, label, place, tier=name, speaker=element.get('PARTICIPANT') or None)
    return raw


def _slots(root: Element, origin_ms: int) -> dict[str | None, int | str | None]:
    """The times of the slots in the media file, which begins with a part that the annotations' time does not count."""
    slots: dict[str | None, int | str | None] = {}
    for slot in root.iterfind('TIME_ORDER/TIME_SLOT'):
        value = slot.get('TIME_VALUE')
        number = _number(value)
        slots[slot.get('TIME_SLOT_ID')] = value if number is None else number + origin_ms
    return slots


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r'-?[0-9]{1,19}', text) else None


def write(events: Events, path: str) -> None:
    """A tier for each label, or as the column ``tier`` says; overlapping events take further tiers.

    Raises:
        UserInputError: If a label has characters that XML cannot hold, or an event starts before 0.
    """
    events = events[events.label_index >= 0]
    check_texts(events, path, NO_XML, 'a character that XML cannot hold')
    times = spans(events, 1000)
    date = datetime.now(timezone.utc).isoformat(timespec='seconds')
    root = Element(ROOT, {'AUTHOR': 'mmdel', 'DATE': date, 'FORMAT': '3.0', 'VERSION': '3.0', **SCHEMA})
    SubElement(root, 'HEADER', MEDIA_FILE='', TIME_UNITS='milliseconds')
    order = SubElement(root, 'TIME_ORDER')
    moments = sorted((time, place, side) for place, span in enumerate(times) for side, time in enumerate(span))
    slots = {moment[1:]: f'ts{number}' for number, moment in enumerate(moments, 1)}
    for (time, *_), slot in zip(moments, slots.values(), strict=True):
        SubElement(order, 'TIME_SLOT', TIME_SLOT_ID=slot, TIME_VALUE=str(time))
    rows = list(events)
    for name, places in tiers(events, times).items():
        tier = SubElement(root, 'TIER', LINGUISTIC_TYPE_REF='default-lt', TIER_ID=name)
        for place in places:
            start, end = slots[place, 0], slots[place, 1]
            holder = SubElement(tier, 'ANNOTATION')
            item = SubElement(holder, 'ALIGNABLE_ANNOTATION', ANNOTATION_ID=f'a{place + 1}')
            item.attrib |= {'TIME_SLOT_REF1': start, 'TIME_SLOT_REF2': end}
            SubElement(item, 'ANNOTATION_VALUE').text = rows[place].label
    kind = dict(GRAPHIC_REFERENCES='false', LINGUISTIC_TYPE_ID='default-lt', TIME_ALIGNABLE='true')
    SubElement(root, 'LINGUISTIC_TYPE', kind)
    with written_whole(path, 'wb') as file:
        ElementTree.ElementTree(root).write(file, encoding='UTF-8', xml_declaration=True)
