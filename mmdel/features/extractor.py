"""What every extractor of features is: pictures or sound at a declared rate → steps on a declared grid."""

from __future__ import annotations

import inspect
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np

from mmdel.media import PictureRate, SoundRate
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

Rate: TypeAlias = PictureRate | SoundRate


def frames_per_sec(rate: Rate) -> float:
    """Pictures or samples a second."""
    return rate.fps if isinstance(rate, PictureRate) else float(rate.hz)


def blank_frames(rate: Rate, num: int) -> np.ndarray:
    """Black pictures ``(num, height, width, 3)`` uint8, or silence ``(num,)`` float32."""
    if isinstance(rate, PictureRate):
        return np.zeros((num, rate.height, rate.width, 3), np.uint8)
    return np.zeros(num, np.float32)


class Extractor(ABC):
    """Frames (pictures, or samples of sound) → one feature step for every window of them.

    A subclass says what it reads and gives in ``super().__init__`` and computes steps in ``__call__``.
    :class:`~mmdel.features.FeatureStream` cuts the frames into windows, however they arrive.

    Args:
        rate: What it reads: pictures of so many a second and such a size, or mono sound of so many samples a second.
        stride: Frames from one step to the next, >= 1.
        window: Frames that one step sees, >= 1.
        channels: C.

    Attributes:
        rate: As given.
        stride: As given.
        window: As given.
        channels: As given.
        grid: The time grid of the steps, counted in frames.
        config: What :func:`~mmdel.features.build_streams` built it from, as plain data, with its defaults written out,
            so that it means the same when they change.
        file_arguments: Names of the arguments that are paths of files. Such a part also takes ``root``, the folder that
            they are relative to; it is no part of the config, since a folder may be moved.
        runs_code: True for a part that may run code from the files that its config names. A bundle holds none of them.

    Raises:
        ValueError: If stride, window or channels is no whole number of at least 1, or the rate is not positive.
    """

    config: dict[str, Any]
    file_arguments: tuple[str, ...] = ()
    runs_code = False

    def __init__(self, rate: Rate, stride: int, window: int, channels: int) -> None:
        for name, value in dict(stride=stride, window=window, channels=channels).items():
            if value != int(value) or value < 1:
                raise ValueError(f'{name} must be a whole number of at least 1, got {value!r}')
        self.rate, self.stride, self.window, self.channels = rate, int(stride), int(window), int(channels)
        self.grid = FeatureGrid(self.stride, self.window, frames_per_sec(rate))

    @abstractmethod
    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """The steps of consecutive windows; each depends on its own window alone.

        Args:
            frames: Pictures ``((n - 1) * stride + window, height, width, 3)`` uint8, in RGB, or samples
                ``((n - 1) * stride + window,)`` float32 in [-1, 1], with n >= 1.

        Returns:
            ``(n, C)`` float32.
        """

    def to(self, device: str) -> Extractor:
        """The extractor, with its weights, if it has any, on a device of torch."""
        return self

    def windows(self, frames: np.ndarray) -> np.ndarray:
        """The windows ``(n, window, …)`` of such frames, as a view."""
        view = np.lib.stride_tricks.sliding_window_view(frames, self.window, axis=0)[:: self.stride]
        return np.moveaxis(view, -1, 1)


EXTRACTORS: dict[str, type[Extractor]] = {}
Kind = TypeVar('Kind', bound=type[Extractor])


def register_extractor(kind: Kind) -> Kind:
    """Lets configs name a class of extractors, ``mmdel.X``; a decorator. No registry of mmengine: this needs no torch.

    Raises:
        ValueError: If another class has that name.
    """
    if EXTRACTORS.setdefault(kind.__name__, kind) is not kind:
        raise ValueError(f'there is another extractor {kind.__name__}, of {EXTRACTORS[kind.__name__].__module__}')
    return kind


def registered_extractor(name: Any) -> type[Extractor] | None:
    """The registered class of a name, ``mmdel.X`` or ``X``; None if there is none."""
    return EXTRACTORS.get(name.removeprefix('mmdel.')) if isinstance(name, str) else None


def complete_config(kind: type[Extractor], config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of an extractor with its defaults written out.

    Args:
        kind: The extractor's class.
        config: Its ``type`` and arguments.

    Raises:
        TypeError: If an argument is missing, unknown, or no plain data, as JSON takes them.
    """
    arguments = {name: value for name, value in config.items() if name != 'type'}
    if 'root' in arguments:
        raise TypeError("got an unexpected argument 'root'")
    bound = inspect.signature(kind).bind(**arguments)
    bound.apply_defaults()
    bound.arguments.pop('root', None)
    return json.loads(json.dumps(dict(type=config['type'], **bound.arguments)))


def file_under(root: str | None, name: str) -> str:
    """The path of a file that a config names.

    Args:
        root: The folder of all such files, which the name may not lead out of; None takes the name as it is.
        name: The path.

    Raises:
        UserInputError: If it leads out of the folder.
    """
    if root is None:
        return name
    path = os.path.realpath(os.path.join(root, name))
    if os.path.commonpath([path, os.path.realpath(root)]) != os.path.realpath(root):
        raise UserInputError(f'{name} leads out of {root}')
    return path
