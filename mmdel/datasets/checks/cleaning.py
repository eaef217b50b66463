"""A cleaned copy of an annotation file: without what is broken, and nothing else changed."""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

from mmdel.datasets.checks.diagnosis import Source
from mmdel.events.formats.activitynet import to_database
from mmdel.events.problems import KINDS
from mmdel.events.raw import RawEvents
from mmdel.events.times import from_ticks
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json
from mmdel.utils.names import to_label


def clean(source: Source) -> tuple[RawEvents, Counter]:
    """The table without the videos and events that have an error, events clipped, label ids set straight.

    Args:
        source: An annotation file and what is wrong with it and its videos; it is not changed.

    Returns:
        The new table, and how often each thing was done.
    """
    raw = source.raw
    start, end, label_id = list(raw.start), list(raw.end), list(raw.columns.get('label_id', [None] * len(raw)))
    label_ids = source.uses[0][1].label_ids
    videos = {video.video_id: video for video in source.videos()}
    done: Counter = Counter()
    dropped_videos: set[str] = set()
    dropped_rows: set[int] = set()
    for problem in source.problems:
        fix, video_id, row = KINDS[problem.kind].fix, problem.video_id, problem.event
        label = to_label(raw.label[row]) if fix == 'set label_id' and row is not None else None
        if row is None and problem.place:  # what stands there is no event, and was not read
            done['dropped events'] += 1
        elif fix == 'drop event' and row is not None:
            dropped_rows.add(row)
        elif fix == 'drop video' and problem.severity == 'error':
            dropped_videos.add(video_id)
        elif fix == 'clip event' and row is not None:
            end_sec, ticks_hz = videos[video_id].duration_sec or math.inf, videos[video_id].ticks_hz or 1.0
            for times in (start, end):
                times[row] = min(max(from_ticks(times[row], ticks_hz), 0.0), end_sec) * ticks_hz
            done['clipped events'] += 1
        elif row is not None and label in label_ids:
            label_id[row] = label_ids[label]
            done['label_ids set'] += 1
        elif fix == 'keep the last':
            done['repeated videos left out'] += 1
    rows = [row for row, video_id in enumerate(raw.video) if row not in dropped_rows and video_id not in dropped_videos]
    dropped = {raw.video[row] for row in dropped_rows} - dropped_videos
    done['dropped videos'] += len(dropped_videos)
    done['dropped events'] += sum(raw.video[row] in dropped for row in dropped_rows)
    columns = raw.columns | ({'label_id': label_id} if any(item is not None for item in label_id) else {})
    kept = {video_id: fields for video_id, fields in raw.videos.items() if video_id not in dropped_videos}
    cleaned = replace(raw, videos=kept, start=start, end=end, columns=columns, problems=[]).keep(rows)
    return cleaned, +done


def write_cleaned(path: str | Path, raw: RawEvents) -> None:
    """Write an annotation file in ActivityNet's layout; never over another file.

    Raises:
        UserInputError: If the file exists or cannot be written.
    """
    if os.path.lexists(path):
        raise UserInputError(f'{path} exists and is left alone; name a new file')
    write_json(path, {'database': to_database(raw)})
