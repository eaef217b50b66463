"""A video as blocks of features on the model's grid, whatever it is given as.

Shapes: k steps of a block, C_s channels of stream s.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from mmdel.datasets.feature_store import as_float32, first_nonfinite_step
from mmdel.datasets.transforms.aligning import end_sec, length_problem
from mmdel.datasets.transforms.loading import load_stream
from mmdel.features import Extraction, FeatureStream, build_streams
from mmdel.inference.alignment import Block, StreamAligner
from mmdel.inference.bundle import Bundle
from mmdel.inference.feature_folder import require_same_streams
from mmdel.inference.inputs import Input
from mmdel.utils.errors import UserInputError
from mmdel.utils.optional import require

BLOCK_SEC = 8.0  # of features that are there already, as much as is decoded at once


class VideoReader:
    """Opens videos for the streams of a bundle. It may serve several threads, each with extractors of its own."""

    def __init__(self, bundle: Bundle, device: str = 'cpu') -> None:
        self.bundle, self.device = bundle, device
        self.grids, self.shaping = bundle.grids, bundle.shaping
        self.reference = self.shaping.reference(self.grids)
        self.mode = self.shaping.align.mode if self.shaping.align else 'linear'
        self._extractors = bundle.extractors
        self._own = threading.local()

    def require_media(self) -> None:
        """Stops where no media file could be read.

        Raises:
            UserInputError: If the bundle has no extractors or such that give other features than its streams, or PyAV
                is not installed.
        """
        if not self._extractors:
            grids = ', '.join(
                f'{name}: {stream["channels"]} channels, a step every {self.grids[name].step_sec:.4g} s'
                for name, stream in self.bundle.streams.items()
            )
            raise UserInputError(
                f'this model knows no extractors for media files: it takes ready features ({grids}). A bundle gets '
                'extractors by mmdel export --streams FOLDER, which mmdel extract has written'
            )
        require('av', 'media')
        for name, stream in self._streams().items():
            given, wanted = (stream.grid, stream.channels), (self.grids[name], self.bundle.streams[name]['channels'])
            if given != wanted:
                raise UserInputError(
                    f'the extractors of stream {name!r} give {given[1]} channels on {given[0]}, and the model reads '
                    f'{wanted[1]} on {wanted[0]}'
                )

    def open(self, item: Input) -> Reading:
        """The features of a video.

        Raises:
            UserInputError: If it cannot be opened; what goes wrong later is raised while it is read.
        """
        if item.error:
            raise UserInputError(item.error)
        return FeatureReading(self, item) if item.features else MediaReading(self, item)

    def extraction(self, path: str) -> Extraction:
        """The features of a media file."""
        return Extraction(path, self._streams())

    def _streams(self) -> dict[str, FeatureStream]:
        """The extractors of this thread."""
        if not hasattr(self._own, 'streams'):
            self._own.streams = build_streams(self._extractors, self.device)
        return self._own.streams


class Reading:
    """Iterate over it once: blocks (k, C_s) float32 of every stream, all finite, on the model's grid.

    Attributes:
        duration_sec: The length of the video, once all is read.
        notes: What was amiss but read all the same, once all is read.
    """

    def __init__(self, reader: VideoReader, item: Input) -> None:
        self.reader, self.item = reader, item
        self.duration_sec: float | None = item.duration_sec
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Block]:
        aligner = StreamAligner(self.reader.grids, self.reader.reference, self.reader.mode)
        for block in self._blocks():
            for name, rows in block.items():
                if len(rows) and first_nonfinite_step(rows) is not None:
                    raise UserInputError(f'{self.item.path}: features of stream {name!r} are NaN or infinite')
            yield aligner.push(block)
        yield aligner.finish()

    def _blocks(self) -> Iterator[Block]:
        """Blocks of each stream on its own grid."""
        raise NotImplementedError


class MediaReading(Reading):
    """Features that are made while a media file is decoded."""

    def _blocks(self) -> Iterator[Block]:
        extraction = self.reader.extraction(self.item.path)
        yield from extraction
        self.duration_sec, self.notes = extraction.info.duration_sec, list(extraction.notes)


class FeatureReading(Reading):
    """Features that are there, in files or arrays."""

    def __init__(self, reader: VideoReader, item: Input) -> None:
        super().__init__(reader, item)
        streams = reader.bundle.streams
        lacking, unknown = sorted(streams.keys() - item.features.keys()), sorted(item.features.keys() - streams.keys())
        if lacking or (unknown and not item.folder):
            raise UserInputError(
                f'{item.path}: the model reads the streams {sorted(streams)}, got {sorted(item.features)}'
            )
        if item.folder:
            require_same_streams(streams, item.folder, 'the model')
        self.features = {name: self._load(name, item.features[name]) for name in streams}
        if self.duration_sec is None:
            reference = reader.reference
            self.duration_sec = end_sec(reader.grids[reference], len(self.features[reference]))
        for name, feature in self.features.items():
            problem = length_problem(name, reader.grids[name], len(feature), self.duration_sec, item.video_id)
            if problem is not None and problem.severity == 'error':
                raise UserInputError(f'{problem.found}; expected {problem.expected}')
            if problem is not None:
                self.notes.append(f'{problem.found}; expected {problem.expected}')

    def _load(self, name: str, value: Any) -> np.ndarray:
        """The feature (T, C) of a stream, float16 or float32."""
        channels = self.reader.bundle.streams[name]['channels']
        if isinstance(value, str | os.PathLike | list | tuple):
            files = [os.fspath(value)] if isinstance(value, str | os.PathLike) else [os.fspath(path) for path in value]
            stream = dict(files=files, key=None, grid=self.reader.grids[name], channels=channels, resized=False)
            return load_stream(name, stream, self.duration_sec, self.item.video_id)
        feature = np.asarray(value)
        if feature.ndim != 2 or not len(feature) or feature.shape[1] != channels or feature.dtype.kind not in 'fiu':
            raise UserInputError(
                f'{self.item.path}: stream {name!r} is an array {feature.shape} of {feature.dtype}; expected '
                f'(T >= 1, {channels}) of numbers'
            )
        return feature if feature.dtype in (np.float16, np.float32) else feature.astype(np.float32)

    def _blocks(self) -> Iterator[Block]:
        sizes = {name: max(round(BLOCK_SEC / grid.step_sec), 1) for name, grid in self.reader.grids.items()}
        num_blocks = max(-(-len(feature) // sizes[name]) for name, feature in self.features.items())
        for index in range(num_blocks):
            yield {
                name: as_float32(np.ascontiguousarray(feature[index * sizes[name] : (index + 1) * sizes[name]]))
                for name, feature in self.features.items()
            }
