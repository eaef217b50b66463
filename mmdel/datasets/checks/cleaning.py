"""A cleaned copy of an annotation file: without what is broken, and nothing else changed."""

from __future__ import annotations

import copy
import json
import math
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmdel.datasets.checks.annotations import Annotations
from mmdel.datasets.checks.defects import KINDS, Defect
from mmdel.utils.errors import UserInputError


def clean(annotations: Annotations, defects: Iterable[Defect]) -> tuple[dict[str, Any], Counter]:
    """The entries without the videos and events that have an error, events clipped, label ids set straight.

    Args:
        annotations: What the file says; it is not changed.
        defects: What is wrong with it and with its videos' features.

    Returns:
        The new entries, and how often each thing was done.
    """
    database = copy.deepcopy(annotations.database)
    done: Counter = Counter()
    dropped: set[str] = set()
    dropped_events: dict[str, set[int | None]] = {}
    for defect in defects:
        fix, video_id = KINDS[defect.kind].fix, defect.video_id
        if fix == 'drop video' and defect.event is not None:
            fix = 'drop event'  # an annotation that is laid out wrongly
        if fix == 'drop video' and defect.severity == 'error':
            dropped.add(video_id)
        elif fix == 'drop event':
            dropped_events.setdefault(video_id, set()).add(defect.event)
        elif fix == 'clip event':
            annotation = database[video_id]['annotations'][defect.event]
            end_sec = annotations.videos[video_id].duration_sec or math.inf
            annotation['segment'] = [min(max(float(time), 0.0), end_sec) for time in annotation['segment']]
            done['clipped events'] += 1
        elif fix == 'set label_id':
            annotation = database[video_id]['annotations'][defect.event]
            if annotation['label'] in annotations.label_ids:
                annotation['label_id'] = annotations.label_ids[annotation['label']]
                done['label_ids set'] += 1
    for video_id, places in dropped_events.items():
        if video_id not in dropped:
            kept = [item for place, item in enumerate(database[video_id]['annotations']) if place not in places]
            database[video_id]['annotations'] = kept
            done['dropped events'] += len(places)
    for video_id in dropped:
        done['dropped videos'] += database.pop(video_id, None) is not None
    return database, done


def write_cleaned(path: str | Path, database: dict[str, Any]) -> None:
    """Write an annotation file; never over another file.

    Raises:
        UserInputError: If the file exists or cannot be written.
    """
    if os.path.lexists(path):
        raise UserInputError(f'{path} exists and is left alone; name a new file')
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, 'x', encoding='utf-8') as file:
            json.dump({'database': database}, file)
    except OSError as error:
        raise UserInputError(f'Cannot write to {path}: {error.strerror}') from error
