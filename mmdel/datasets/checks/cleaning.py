"""A cleaned copy of an annotation file: without what is broken, and nothing else changed."""

from __future__ import annotations

import copy
import math
import os
from collections import Counter
from pathlib import Path
from typing import Any

from mmdel.datasets.checks.diagnosis import Source
from mmdel.events.problems import KINDS
from mmdel.events.times import from_ticks
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json
from mmdel.utils.names import to_label


def clean(source: Source) -> tuple[dict[str, Any], Counter]:
    """The entries without the videos and events that have an error, events clipped, label ids set straight.

    Args:
        source: An annotation file and what is wrong with it and its videos; it is not changed.

    Returns:
        The new entries, and how often each thing was done.
    """
    database = copy.deepcopy(source.database)
    label_ids = source.uses[0][1].label_ids
    videos = {video.video_id: video for video in source.videos()}
    done: Counter = Counter()
    dropped: dict[str, set[int | None]] = {}  # video → its events, None: the whole video
    for problem in source.problems:
        fix, video_id, index = KINDS[problem.kind].fix, problem.video_id, problem.event
        annotation = database[video_id]['annotations'][index] if index is not None else {}
        label = to_label(annotation.get('label')) if fix == 'set label_id' else None
        if fix == 'drop event' or (fix == 'drop video' and (index is not None or problem.severity == 'error')):
            dropped.setdefault(video_id, set()).add(index)
        elif fix == 'clip event':
            end_sec, ticks_hz = videos[video_id].duration_sec or math.inf, videos[video_id].ticks_hz or 1.0
            times_sec = (from_ticks(time, ticks_hz) for time in annotation['segment'])
            annotation['segment'] = [min(max(time_sec, 0.0), end_sec) * ticks_hz for time_sec in times_sec]
            done['clipped events'] += 1
        elif label in label_ids:
            annotation['label_id'] = label_ids[label]
            done['label_ids set'] += 1
        elif fix == 'keep the last':
            done['repeated videos left out'] += 1
    for video_id, places in dropped.items():
        if None in places:
            done['dropped videos'] += database.pop(video_id, None) is not None
        else:
            items = enumerate(database[video_id]['annotations'])
            database[video_id]['annotations'] = [item for place, item in items if place not in places]
            done['dropped events'] += len(places)
    return database, done


def write_cleaned(path: str | Path, database: dict[str, Any]) -> None:
    """Write an annotation file; never over another file.

    Raises:
        UserInputError: If the file exists or cannot be written.
    """
    if os.path.lexists(path):
        raise UserInputError(f'{path} exists and is left alone; name a new file')
    write_json(path, {'database': database})
