"""Videos whose features may lie in every kind of file that a data set reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmdel.datasets.transforms.aligning import length_problem
from mmdel.datasets.transforms.loading import load_stream
from mmdel.inference.bundle import Bundle
from mmdel.inference.feature_folder import require_same_streams
from mmdel.runtime.reading import FeatureReading, Input, VideoReader
from mmdel.utils.errors import UserInputError


class StoredVideoReader(VideoReader):
    """A :class:`~mmdel.runtime.reading.VideoReader` that reads stored features as a data set does."""

    def __init__(self, bundle: Bundle, device: str = 'cpu') -> None:
        super().__init__(bundle, device)
        self.shaping = bundle.shaping

    def open_features(self, item: Input) -> FeatureReading:
        if item.folder:
            require_same_streams(self.bundle.streams, item.folder, 'the model')
        return StoredFeatureReading(self, item)


class StoredFeatureReading(FeatureReading):
    """Features in files of any kind, or arrays; lesser faults are notes."""

    def load_files(self, name: str, files: Sequence[str]) -> np.ndarray:
        channels = self.reader.bundle.streams[name]['channels']
        stream = dict(files=[*files], key=None, grid=self.reader.grids[name], channels=channels, resized=False)
        return load_stream(name, stream, self.duration_sec, self.item.video_id)

    def check_length(self, name: str, num_steps: int, duration_sec: float) -> None:
        problem = length_problem(name, self.reader.grids[name], num_steps, duration_sec, self.item.video_id)
        if problem is not None and problem.severity == 'error':
            raise UserInputError(f'{problem.found}; expected {problem.expected}')
        if problem is not None:
            self.notes.append(f'{problem.found}; expected {problem.expected}')
