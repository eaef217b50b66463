"""Checks of labels and their numbers over a whole annotation file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from mmdel.datasets.annotation_file import canonical_subset
from mmdel.datasets.checks.defects import Defect

MAX_LABEL_ID = 99_999


def check_label_ids(
    database: dict[str, Any], ann_file: str, ignore_labels: Collection[str] = ()
) -> tuple[dict[str, int], list[Defect]]:
    """The one id of each label, and what contradicts it: labels and ids are paired by the most events.

    Labels without an id are fine if no label has any: the names are then sorted.
    """
    counts: Counter = Counter()
    where: dict[str, tuple[str, int]] = {}
    defects = []

    def add(kind: str, found: str, expected: str, video_id: str, index: int) -> None:
        subset = database[video_id].get('subset')
        subset = canonical_subset(subset) if isinstance(subset, str) else ''
        defects.append(Defect(kind, found, expected, video_id, ann_file, subset, index))

    events = [event for event in _labelled(database) if event[2] not in ignore_labels]
    for video_id, index, label, label_id in events:
        where.setdefault(label, (video_id, index))
        if label_id is not None and not is_label_id(label_id):
            found = f'label_id {short(label_id)} of {label!r}'
            add('wrong-label-id', found, f'a whole number from 0 to {MAX_LABEL_ID}', video_id, index)
        elif label_id is not None:
            counts[label, label_id] += 1
    label_ids: dict[str, int] = {}
    owners: dict[int, str] = {}
    for (label, label_id), _ in counts.most_common():
        if label not in label_ids and label_id not in owners:
            label_ids[label], owners[label_id] = label_id, label
    for video_id, index, label, label_id in events:
        if label in label_ids and is_label_id(label_id) and label_id != label_ids[label]:
            add('label-id-clash', f'{label!r} has label_id {label_id}', f'{label_ids[label]}', video_id, index)
    numbered = dict(reversed(counts))
    for label, place in where.items():
        if label not in label_ids and label in numbered:
            owner = owners[numbered[label]]
            add('label-id-clash', f'{label!r} has label_id {numbered[label]}', f'another: {owner!r} has it', *place)
        elif label not in label_ids and label_ids:
            add('missing-label-id', f'{label!r} has none', 'a number, as others have', *place)
    return label_ids, defects


def _labelled(database: dict[str, Any]) -> Iterator[tuple[str, int, str, Any]]:
    """Video id, place, label and label_id of every annotation that has a label."""
    for video_id, entry in database.items():
        annotations = entry.get('annotations') if isinstance(entry, dict) else None
        for index, annotation in enumerate(annotations if isinstance(annotations, list) else ()):
            if isinstance(annotation, dict) and is_label(annotation.get('label')):
                yield video_id, index, annotation['label'], annotation.get('label_id')


def class_names(labels: Iterable[str], label_ids: Mapping[str, int], num_classes: int | None = None) -> tuple[str, ...]:
    """As :func:`mmdel.datasets.annotation_file.collect_classes`: in the order of the ids or, without any, sorted."""
    names = {label_id: label for label, label_id in label_ids.items()}
    names = names or dict(enumerate(sorted(set(labels), key=str)))
    num_named = max(names, default=-1) + 1
    return tuple(names.get(label_id, f'unused_{label_id}') for label_id in range(max(num_named, num_classes or 0)))


def is_label(label: Any) -> bool:
    """Whether it can name a class."""
    return isinstance(label, (str, int)) and not isinstance(label, bool) and label != ''


def is_label_id(label_id: Any) -> bool:
    """Whether it can number a class."""
    return isinstance(label_id, int) and not isinstance(label_id, bool) and 0 <= label_id <= MAX_LABEL_ID


def short(value: Any) -> str:
    """A value for a message, not too long."""
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
