"""What was found in each video, a file for each: whoever is interrupted goes on where they were."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmdel.events import Events, Video
from mmdel.inference.detection import Detection, Inferencer
from mmdel.runtime.reading import Input
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json, write_json
from mmdel.utils.names import file_name
from mmdel.utils.number_format import NumberFormat
from mmdel.utils.numbers import is_number

FOLDER = 'videos'
COLUMNS = ('start_sec', 'end_sec', 'label', 'score')


@dataclass(frozen=True)
class Journal:
    """The folder ``videos`` of an output folder.

    Attributes:
        folder: The output folder.
        settings: What else than the video the events depend on: the model's weights, the threshold, the classes, and
            the number format, if one was asked for. Else each of several machines takes its own.
        number_format: In which the model computes.
    """

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    number_format: NumberFormat = 'float32'

    @classmethod
    def of(cls, folder: str | os.PathLike, inferencer: Inferencer) -> Journal:
        """That of an inferencer's detections."""
        settings: dict[str, Any] = dict(
            model=inferencer.bundle.weights_sha256,
            score_thr=inferencer.score_thr,
            classes=list(inferencer.classes),
        )
        if inferencer.amp is not None:
            settings['number_format'] = inferencer.number_format
        return cls(Path(folder), settings, inferencer.number_format)

    @property
    def exists(self) -> bool:
        """Whether anything was written."""
        return (self.folder / FOLDER).is_dir()

    def finished(self, item: Input) -> bool:
        """Whether the events of a video are there: of the file as it is now, found without error.

        Raises:
            UserInputError: If they were found by another model or by other settings.
        """
        path = self._path(item.video_id)
        if not path.is_file():
            return False
        record = _read(path)
        if record.get('error') or record.get('file') != _state(item):
            return False
        for name, value in self.settings.items():
            if record.get(name) != value:
                raise UserInputError(
                    f'{path} was made with {name} {record.get(name)!r}, not {value!r}: name another --out, or say '
                    '--overwrite to find the events of these videos anew'
                )
        return True

    def write(self, item: Input, detection: Detection) -> None:
        """Write down what was found in a video, whole or not at all."""
        record = dict(
            video_id=detection.video_id,
            path=detection.path,
            file=_state(item),
            duration_sec=detection.duration_sec,
            seconds=round(detection.seconds, 3),
            error=detection.error,
            notes=detection.notes,
            **{'number_format': self.number_format, **self.settings},
            events=[{name: getattr(event, name) for name in COLUMNS} for event in detection.events],
        )
        write_json(self._path(detection.video_id), record)

    def read(self) -> list[Detection]:
        """All that was found with these settings, by video id.

        Raises:
            UserInputError: If a record is damaged.
        """
        found = []
        for path in sorted((self.folder / FOLDER).glob('*.json')):
            record = _read(path)
            if all(record.get(name) == value for name, value in self.settings.items()):
                found.append(_detection(record))
        return sorted(found, key=lambda detection: detection.video_id)

    def _path(self, video_id: str) -> Path:
        return self.folder / FOLDER / f'{file_name(video_id)}.json'


def join(detections: Sequence[Detection]) -> Events:
    """The events of several videos as one table; videos that could not be read are left out."""
    read = [detection for detection in detections if detection.error is None]
    rows = [event for detection in read for event in detection.events]
    return _table(rows, [video for detection in read for video in detection.events.videos])


def _read(path: Path) -> dict[str, Any]:
    """A record, of which all that is used is of its kind.

    Raises:
        UserInputError: If it is damaged.
    """
    record = read_json(path, 'record of a video')
    try:
        sound = (
            all(isinstance(record[name], str) for name in ('video_id', 'path'))
            and is_number(record['seconds'])
            and (record['duration_sec'] is None or (is_number(record['duration_sec']) and record['duration_sec'] > 0))
            and (record['error'] is None or isinstance(record['error'], str))
            and all(isinstance(note, str) for note in record['notes'])
            and all(isinstance(event['label'], str) for event in record['events'])
            and all(is_number(event[name]) for event in record['events'] for name in COLUMNS if name != 'label')
        )
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise UserInputError(
            f'{path} is damaged, or no record of a video: delete it to find the events of the video anew'
        )
    return record


def _detection(record: Mapping[str, Any]) -> Detection:
    video_id = record['video_id']
    rows = [(video_id, *(event[name] for name in COLUMNS)) for event in record['events']]
    return Detection(
        record['path'],
        video_id,
        _table(rows, [Video(video_id, record['duration_sec'])]),
        record['duration_sec'],
        record['error'],
        record['notes'],
        record['seconds'],
    )


def _table(rows: Sequence[tuple], videos: Sequence[Video]) -> Events:
    """A table of predictions, which has scores even if it has no event."""
    return Events.from_rows(rows, videos) if rows else Events(tuple(videos), scores=np.zeros(0))


def _state(item: Input) -> list[int] | None:
    """Size and time of a video's file, by which a changed one is known; None if it has none."""
    paths = [path for value in item.features.values() for path in (value if isinstance(value, list) else [value])]
    try:
        status = os.stat(paths[0] if paths else item.path)
    except (OSError, TypeError):  # or an array
        return None
    return [status.st_size, status.st_mtime_ns]
