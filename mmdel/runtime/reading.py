"""A video as blocks of features on the model's grid, whether it is a media file or ready features.

Shapes: T steps, k steps of a block, C_s channels of stream s.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmdel.features import Extraction, FeatureStream, build_streams
from mmdel.runtime.alignment import Block, StreamAligner
from mmdel.runtime.streams import BundleStreams
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import require_regular_file
from mmdel.utils.optional import require

BLOCK_SEC = 8.0  # of features that are there already, as much as is decoded at once
MAX_STEPS_APART, MAX_FRACTION_APART = 2, 0.05  # of a stream from what its video's length allows


@dataclass(frozen=True)
class Input:
    """One video.

    Attributes:
        path: What it is called in messages and tables: the media file, or that of its features.
        video_id: Its id, which no other one of the same call has.
        features: Stream → array (T, C), or path or paths of files; empty of a media file.
        duration_sec: Its length, where that is known beforehand.
        folder: Of its features, where ``mmdel extract`` has written them.
        error: Why it cannot be opened, where that is known already.
    """

    path: str
    video_id: str
    features: Mapping[str, Any] = field(default_factory=dict)
    duration_sec: float | None = None
    folder: str = ''
    error: str = ''


class VideoReader:
    """Opens videos for the streams of a bundle. It may serve several threads, each with extractors of its own.

    Args:
        bundle: Whose streams are read.
        device: Where learned extractors run.
    """

    def __init__(self, bundle: BundleStreams, device: str = 'cpu') -> None:
        self.bundle, self.device = bundle, device
        self.grids, self.reference = bundle.grids, bundle.reference
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
        return self.open_features(item) if item.features else MediaReading(self, item)

    def open_features(self, item: Input) -> FeatureReading:
        """The features of a video that has some."""
        return FeatureReading(self, item)

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
        aligner = StreamAligner(self.reader.grids, self.reader.reference, self.reader.bundle.mode)
        for block in self._blocks():
            for name, rows in block.items():
                if not np.isfinite(rows).all():
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
    """Features that are there, in ``.npy`` files or arrays."""

    def __init__(self, reader: VideoReader, item: Input) -> None:
        super().__init__(reader, item)
        streams = reader.bundle.streams
        lacking, unknown = sorted(streams.keys() - item.features.keys()), sorted(item.features.keys() - streams.keys())
        if lacking or (unknown and not item.folder):
            raise UserInputError(
                f'{item.path}: the model reads the streams {sorted(streams)}, got {sorted(item.features)}'
            )
        self.features = {name: self._load(name, item.features[name]) for name in streams}
        if self.duration_sec is None:
            reference = reader.reference
            self.duration_sec = reader.grids[reference].end_sec(len(self.features[reference]))
        for name, feature in self.features.items():
            self.check_length(name, len(feature), self.duration_sec)

    def load_files(self, name: str, files: Sequence[str]) -> np.ndarray:
        """The feature (T, C) of a stream from its files, put side by side.

        Raises:
            UserInputError: If one is no ``.npy`` file, or their lengths differ.
        """
        parts = [read_npy(path) for path in files]
        if len(set(map(len, parts))) > 1:
            raise UserInputError(f'{", ".join(files)}: these parts of stream {name!r} have different lengths')
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def check_length(self, name: str, num_steps: int, duration_sec: float) -> None:
        """Stops at a stream whose steps cannot be those of the video on the stream's grid.

        Raises:
            UserInputError: Naming the steps that were expected.
        """
        fewest, most = self.reader.grids[name].expected_steps(duration_sec)
        nearest = min(max(num_steps, fewest), most)
        if abs(num_steps - nearest) > max(MAX_STEPS_APART, MAX_FRACTION_APART * nearest):
            raise UserInputError(
                f'{self.item.path}: stream {name!r} has {num_steps} steps in {duration_sec:.2f} s; expected {fewest} '
                f'to {most}, one every {self.reader.grids[name].step_sec:.4g} s'
            )

    def _load(self, name: str, value: Any) -> np.ndarray:
        """The feature (T, C) of a stream, float16 or float32."""
        channels = self.reader.bundle.streams[name]['channels']
        if isinstance(value, str | os.PathLike | list | tuple):
            files = [value] if isinstance(value, str | os.PathLike) else value
            feature = self.load_files(name, [os.fspath(path) for path in files])
        else:
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
                name: np.asarray(feature[index * sizes[name] : (index + 1) * sizes[name]], np.float32)
                for name, feature in self.features.items()
            }


def read_npy(path: str) -> np.ndarray:
    """The array of an ``.npy`` file, mapped and not copied; never an object that a program could hide in.

    Raises:
        UserInputError: If it is none.
    """
    require_regular_file(path, 'feature')
    try:
        array = np.load(path, mmap_mode='r', allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError('it is an archive')
    except (ValueError, OSError, EOFError) as error:
        reason = '' if 'pickle' in str(error) else f': {error}'  # which would tell how to run what is in it
        raise UserInputError(f'{path} is no .npy file of numbers{reason}') from error
    return array
