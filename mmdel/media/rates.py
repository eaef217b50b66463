"""What is asked of a file: pictures of a size so many times a second, or samples of sound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from mmdel.utils.errors import UserInputError

Fit = Literal['stretch', 'crop', 'pad']
MAX_SIDE = 8192
MAX_FPS = 1000
SOUND_HZ = (100, 384_000)


@dataclass(frozen=True)
class PictureRate:
    """Pictures (height, width, 3) in RGB.

    Attributes:
        fps: Pictures a second, which need not be the file's.
        height: In pixels.
        width: In pixels.
        fit: What is done where the file's pictures are of another shape: ``stretch`` them, ``crop`` their middle, or
            ``pad`` them with black.

    Raises:
        UserInputError: If one of these is out of range.
    """

    fps: float
    height: int
    width: int
    fit: Fit = 'stretch'

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and 0 < self.fps <= MAX_FPS):
            raise UserInputError(f'fps of pictures must be above 0 and at most {MAX_FPS}, got {self.fps!r}')
        for name in ('height', 'width'):
            if not 1 <= getattr(self, name) <= MAX_SIDE:
                raise UserInputError(f'{name} of pictures must be from 1 to {MAX_SIDE}, got {getattr(self, name)!r}')
        if self.fit not in get_args(Fit):
            raise UserInputError(f'fit of pictures must be one of {", ".join(get_args(Fit))}, got {self.fit!r}')


@dataclass(frozen=True)
class SoundRate:
    """Samples of one channel, the mean of the file's.

    Attributes:
        hz: Samples a second, which need not be the file's.

    Raises:
        UserInputError: If it is out of range.
    """

    hz: int

    def __post_init__(self) -> None:
        low, high = SOUND_HZ
        if not (low <= self.hz <= high and self.hz == int(self.hz)):
            raise UserInputError(f'hz of sound must be a whole number from {low} to {high}, got {self.hz!r}')
