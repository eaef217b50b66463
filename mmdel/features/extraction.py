"""Features straight from a media file, as it is decoded: one pass for all streams, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mmdel.features.extractor import Rate, blank_frames, frames_per_sec
from mmdel.features.feature_stream import FeatureStream
from mmdel.media import MediaInfo, MediaReader, PictureRate

BLOCK_SEC = 8.0


class Extraction:
    """The features of a media file; each iteration yields the next steps ``(k, C)`` of every stream, k >= 0.

    A file without sound is read as if it were silent, and one without picture as if it were black, so that the features
    of every file fit a model of both; the notes say so.
    """

    def __init__(
        self, path: str | os.PathLike, streams: Mapping[str, FeatureStream], block_sec: float = BLOCK_SEC
    ) -> None:
        self.streams, self.block_sec = streams, block_sec
        self.rates = tuple(dict.fromkeys(rate for stream in streams.values() for rate in stream.rates))
        self._reader = MediaReader(path, {str(index): rate for index, rate in enumerate(self.rates)}, block_sec)
        self._absent = [rate for rate in self.rates if self._is_absent(rate)]

    @property
    def info(self) -> MediaInfo:
        """What is known of the file; its duration is right once all is read."""
        return self._reader.info

    @property
    def notes(self) -> list[str]:
        """What was amiss but read all the same; complete once all is read."""
        lacking = {isinstance(rate, PictureRate) for rate in self._absent}
        notes = ['no picture: features of black pictures'] if True in lacking else []
        notes += ['no sound: features of silence'] if False in lacking else []
        return notes + self._reader.notes

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        for stream in self.streams.values():
            stream.reset()
        for frames in self._blocks():
            yield {name: stream.push(frames) for name, stream in self.streams.items()}
        yield {name: stream.finish() for name, stream in self.streams.items()}

    def _is_absent(self, rate: Rate) -> bool:
        return (self.info.picture if isinstance(rate, PictureRate) else self.info.sound) is None

    def _blocks(self) -> Iterator[dict[Rate, np.ndarray]]:
        """The next frames of every rate, with nothing seen or heard for what the file lacks."""
        counts = dict.fromkeys(self.rates, 0)

        def filled(frames: dict[Rate, np.ndarray], until_sec: float) -> dict[Rate, np.ndarray]:
            for rate in self._absent:
                frames[rate] = blank_frames(rate, round(until_sec * frames_per_sec(rate)) - counts[rate])
            for rate, piece in frames.items():
                counts[rate] += len(piece)
            return frames

        for block in self._reader:
            frames = {self.rates[int(name)]: piece for name, piece in block.items()}
            ends_sec = [(counts[rate] + len(piece)) / frames_per_sec(rate) for rate, piece in frames.items()]
            yield filled(frames, max(ends_sec))
        if len(self._absent) == len(self.rates):
            duration_sec = self.info.duration_sec or 0.0
            for until_sec in np.arange(self.block_sec, duration_sec, self.block_sec):
                yield filled({}, until_sec)
            yield filled({}, duration_sec)


@dataclass
class Extracted:
    """All features of a media file.

    Attributes:
        features: Stream → ``(T, C)`` float32.
        info: What is known of the file.
        notes: What was amiss but read all the same.
    """

    features: dict[str, np.ndarray]
    info: MediaInfo
    notes: list[str]


def extract(path: str | os.PathLike, streams: Mapping[str, FeatureStream], block_sec: float = BLOCK_SEC) -> Extraction:
    """The features of a media file, block by block.

    Args:
        path: The file.
        streams: As :func:`~mmdel.features.build_streams` makes them; they may serve one file after another.
        block_sec: What is decoded at once.

    Raises:
        UserInputError: If the file cannot be read, now or later.
    """
    return Extraction(path, streams, block_sec)


def extract_all(path: str | os.PathLike, streams: Mapping[str, FeatureStream]) -> Extracted:
    """All features of a media file.

    Raises:
        UserInputError: If the file cannot be read.
    """
    extraction = extract(path, streams)
    blocks = list(extraction)
    features = {name: np.concatenate([block[name] for block in blocks]) for name in streams}
    return Extracted(features, extraction.info, extraction.notes)
