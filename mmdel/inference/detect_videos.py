"""Event detection for engines that share batches of rows out among workers, such as Ray Data and Daft."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from mmdel.inference.bundle import Bundle
from mmdel.inference.event_inferencer import EventInferencer
from mmdel.runtime.reading import Input
from mmdel.utils.errors import UserInputError

COLUMNS = ('start_sec', 'end_sec', 'label', 'score')


class DetectVideos:
    """Built once by a worker, and called on a batch of rows: columns by name, one of which has paths of videos.

    It knows no engine. With Ray Data (see docs/scale.md)::

        ray.data.read_csv('videos.csv').map_batches(DetectVideos, fn_constructor_args=['mine_model'], concurrency=2)

    Args:
        model: A bundle, its folder, or its name; see :class:`EventInferencer`.
        column: The column of the paths.
        kwargs: Other arguments of :class:`EventInferencer`.

    Raises:
        UserInputError: As of :class:`EventInferencer`.
    """

    def __init__(self, model: str | os.PathLike | Bundle = 'demo', column: str = 'path', **kwargs: Any) -> None:
        self.column = column
        self.detect = EventInferencer(model, **kwargs)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The same columns, and three more, a value for each row.

        Args:
            batch: Column name → as many values as there are rows.

        Returns:
            ``events``: a list of ``dict(start_sec=…, end_sec=…, label=…, score=…)``, by their start; ``duration``: the
            video's length in seconds, NaN if it is not known; ``error``: why the video could not be read, empty if it
            could.

        Raises:
            UserInputError: If the batch lacks the column, or the model takes no media files.
        """
        if self.column not in batch:
            raise UserInputError(f'the rows have no column {self.column!r}, but {", ".join(map(repr, batch))}')
        videos = [Input(str(path), str(row)) for row, path in enumerate(batch[self.column])]
        events: list[list[dict[str, Any]]] = []
        durations_sec, errors = [], []
        for found in self.detect(videos):
            events.append([{name: getattr(event, name) for name in COLUMNS} for event in found.events])
            durations_sec.append(np.nan if found.duration_sec is None else found.duration_sec)
            errors.append(found.error or '')
        return {
            **batch,
            'events': events,
            'duration': np.array(durations_sec, dtype=np.float64),
            'error': np.array(errors, dtype=object),
        }
