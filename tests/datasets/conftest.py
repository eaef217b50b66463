"""What the tests of the data share: a writer of small data sets."""

from __future__ import annotations

import json

import numpy as np
import pytest


@pytest.fixture
def write_annotations(tmp_path):
    """Writes a database (video id → entry) to a file and returns its path."""

    def write(database: dict, **more) -> str:
        path = tmp_path / 'annotations.json'
        path.write_text(json.dumps({'database': database, **more}))
        return str(path)

    return write


@pytest.fixture
def write_features(tmp_path):
    """Writes an ``.npy`` file for every video of a database, (T, 3), and returns the stream's config."""

    def write(database: dict, num_steps: int = 20) -> dict:
        folder = tmp_path / 'features'
        folder.mkdir(exist_ok=True)
        for video_id in database:
            np.save(folder / f'{video_id}.npy', np.zeros((num_steps, 3), np.float32))
        return {'root': str(folder), 'files': ['{id}.npy'], 'stride': 1, 'window': 1}

    return write
