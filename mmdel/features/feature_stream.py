"""Frames as they come in, in pieces of any length → feature steps as they are complete.

One stream of features has one or several extractors, side by side on the channels. T steps, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmdel.features.extractor import EXTRACTORS, Extractor, Rate, blank_frames, complete_config, registered_extractor
from mmdel.structures.feature_grid import FeatureGrid, interpolate
from mmdel.utils.errors import UserInputError

CHUNK_SEC = 8.0  # what an extractor is given at once; memory does not grow beyond it


class FeatureStream:
    """Feature steps of one video after another, from its frames piece by piece; how they are cut changes no step.

    Steps are of whole windows, and at least one: what is shorter is padded, pictures by the last one, sound by silence.
    Several extractors may have different rates and grids: the steps of all are put on the grid of the first by linear
    interpolation, edges held, as :class:`~mmdel.datasets.transforms.AlignStreams` does.

    Args:
        extractors: At least one; the first gives the grid.

    Attributes:
        rates: What is to be pushed.
        grid: The grid of the steps.
        channels: C, of all extractors together.
    """

    def __init__(self, extractors: Sequence[Extractor]) -> None:
        self.extractors = tuple(extractors)
        self.rates = tuple(dict.fromkeys(extractor.rate for extractor in extractors))
        self.grid = self.extractors[0].grid
        self.channels = sum(extractor.channels for extractor in extractors)
        self.reset()

    def reset(self) -> None:
        """Forget all frames: another video begins."""
        self._num_out = 0
        first, *others = self.extractors
        self._first = _Steps(first)
        self._others = [_StepsOnGrid(extractor, self.grid) for extractor in others]

    def push(self, frames: Mapping[Rate, np.ndarray]) -> np.ndarray:
        """The steps that are complete now.

        Args:
            frames: For each rate the next frames ``(n, height, width, 3)`` uint8 or ``(n,)`` float32, n >= 0. More
                rates than the stream reads do no harm.

        Returns:
            ``(k, C)`` float32, k >= 0.

        Raises:
            ValueError: If frames have another shape or type.
        """
        for steps in (self._first, *self._others):
            steps.push(frames[steps.extractor.rate])
        return self._complete()

    def finish(self) -> np.ndarray:
        """The steps ``(k, C)`` that are left; the stream is then ready for another video."""
        for steps in (self._first, *self._others):
            steps.finish()
        left = self._complete()
        self.reset()
        return left

    def whole(self, frames: Mapping[Rate, np.ndarray]) -> np.ndarray:
        """All steps ``(T, C)`` of a video whose frames are at hand; a memory map is read in slices."""
        self.reset()
        return np.concatenate([self.push(frames), self.finish()])

    def _complete(self) -> np.ndarray:
        """The steps that every extractor knows."""
        num_known = self._first.num_steps
        for steps in self._others:
            num_known = min(num_known, steps.num_known(self._num_out, num_known))
        parts = [self._first.take(self._num_out, num_known)]
        parts += [steps.take(self._num_out, num_known) for steps in self._others]
        self._num_out = num_known
        return np.concatenate(parts, axis=1)


def extract_frames(extractor: Extractor, frames: np.ndarray) -> np.ndarray:
    """The features ``(T, C)`` of all frames of a video by one extractor."""
    return FeatureStream([extractor]).whole({extractor.rate: frames})


class _Steps:
    """The steps of one extractor, kept until they are taken."""

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self.num_steps = 0
        self._frames = blank_frames(extractor.rate, 0)  # that later steps need
        self._num_skipped = 0  # frames to come that lie between windows
        self._kept = np.zeros((0, extractor.channels), np.float32)

    def push(self, frames: np.ndarray) -> None:
        """Compute the steps that are complete now."""
        shape, dtype = self._frames.shape[1:], self._frames.dtype
        if tuple(frames.shape) != (len(frames), *shape) or frames.dtype != dtype:
            wanted = f'{dtype} {("n", *shape)}'.replace("'", '')
            name = type(self.extractor).__name__
            raise ValueError(f'{name} reads {wanted}, got {frames.dtype} {tuple(frames.shape)}')
        size = max(1, round(CHUNK_SEC * self.extractor.grid.fps))
        for first in range(0, len(frames), size):
            self._push(np.asarray(frames[first : first + size]))

    def _push(self, frames: np.ndarray) -> None:
        stride, window = self.extractor.stride, self.extractor.window
        skipped = min(self._num_skipped, len(frames))
        self._frames = np.concatenate([self._frames, frames[skipped:]])
        self._num_skipped -= skipped
        num = (len(self._frames) - window) // stride + 1
        if num < 1:
            return
        steps = self.extractor(self._frames[: (num - 1) * stride + window])
        if steps.shape != (num, self.extractor.channels):
            expected = (num, self.extractor.channels)
            raise ValueError(f'{type(self.extractor).__name__} gave features {steps.shape} instead of {expected}')
        self._num_skipped = max(0, num * stride - len(self._frames))
        self._frames = self._frames[num * stride :]
        self._kept = np.concatenate([self._kept, steps])
        self.num_steps += num

    def finish(self) -> None:
        """Pad what is shorter than a window."""
        if self.num_steps == 0:
            missing = self.extractor.window - len(self._frames)
            edge = self._frames[-1:] if self._frames.ndim > 1 else self._frames[:0]
            edge = edge if len(edge) else blank_frames(self.extractor.rate, 1)
            self._push(np.repeat(edge, missing, axis=0))

    def take(self, first: int, last: int) -> np.ndarray:
        """Steps ``[first, last)``, which are forgotten then."""
        taken, self._kept = np.split(self._kept, [last - first])
        return taken


class _StepsOnGrid(_Steps):
    """The steps of one extractor on the grid of another."""

    def __init__(self, extractor: Extractor, grid: FeatureGrid) -> None:
        super().__init__(extractor)
        self._grid = grid
        self._first_kept = 0
        self._finished = False

    def num_known(self, first: int, last: int) -> int:
        """The end of those steps of ``[first, last)`` on the grid that are known."""
        if self._finished:
            return last
        # The last of its own steps that a step on the grid needs; grows with it.
        last_needed = np.ceil(self.extractor.grid.positions(self._grid, first, last)).clip(min=0)
        return first + int(np.searchsorted(last_needed, self.num_steps - 1, side='right'))

    def finish(self) -> None:
        """What comes after its last step is that step."""
        super().finish()
        self._finished = True

    def take(self, first: int, last: int) -> np.ndarray:
        """Steps ``[first, last)`` on the grid; own steps that no later one needs are forgotten."""
        positions = self.extractor.grid.positions(self._grid, first, last + 1) - self._first_kept
        taken = interpolate(self._kept, positions[:-1])
        num_used = int(np.clip(np.floor(positions[-1]), 0, max(len(self._kept) - 1, 0)))
        self._kept = self._kept[num_used:]
        self._first_kept += num_used
        return taken


def build_streams(
    streams: Mapping[str, Mapping[str, Any] | Sequence[Mapping[str, Any]]], device: str = 'cpu', root: str | None = None
) -> dict[str, FeatureStream]:
    """Streams of features from configs.

    Args:
        streams: Name → the config of an extractor, or of several to be put side by side.
        device: Where learned extractors run.
        root: Folder that all files that configs name are in; None takes their paths as they are.

    Raises:
        UserInputError: If an extractor is unknown, or its arguments are wrong.
    """
    built = {}
    for name, given in streams.items():
        configs: Sequence[Any] = given if isinstance(given, list | tuple) else [given]
        if not configs:
            raise UserInputError(f'stream {name!r} has no extractor')
        extractors = [build_extractor(config, f'stream {name!r}', root) for config in configs]
        built[name] = FeatureStream([extractor.to(device) for extractor in extractors])
    return built


def build_extractor(config: Mapping[str, Any], where: str, root: str | None = None) -> Extractor:
    """An extractor from its config; ``where`` it stands, for messages; ``root`` as in :func:`build_streams`.

    Raises:
        UserInputError: If it is unknown, or its arguments are wrong.
    """
    if not isinstance(config, Mapping):
        raise UserInputError(f'{where}: an extractor should be a dict with a type, got {config!r}')
    name = config.get('type')
    kind = registered_extractor(name)
    if kind is None:
        known = ', '.join(sorted(f'mmdel.{known}' for known in EXTRACTORS))
        raise UserInputError(f'{where}: no extractor is called {name!r}; there are {known}')
    try:
        complete = complete_config(kind, config)
        arguments: dict[str, Any] = {key: value for key, value in complete.items() if key != 'type'}
        if kind.file_arguments:
            arguments['root'] = root
        extractor = kind(**arguments)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UserInputError(f'{where}, {kind.__name__}: {error}') from error
    extractor.config = complete
    return extractor
