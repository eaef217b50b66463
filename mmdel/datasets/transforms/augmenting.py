"""Random changes of what a model is trained on, so that it learns few videos less by heart.

Shapes: T steps and C_s channels of stream s.
"""

from __future__ import annotations

import math

import numpy as np

from mmdel.datasets.transforms.disturbing import DisturbStream
from mmdel.datasets.transforms.random_draws import RandomDraws
from mmdel.datasets.transforms.resizing import resize
from mmdel.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomSpeed(RandomDraws):
    """Plays all streams, already on one grid, faster or slower: as many more steps, by linear interpolation.

    Speed perturbation, as in speech recognition (Ko et al. 2015). The factor is drawn evenly on a logarithmic scale.
    Changes what :class:`ResizeStreams` changes. Comes after :class:`RandomTemporalCrop`, whose ``max_len`` steps become
    up to ``longest`` times as many.

    Args:
        shortest: The least factor of the number of steps, > 0.
        longest: The greatest.

    Raises:
        ValueError: If ``shortest`` is not positive or above ``longest``.
    """

    def __init__(self, shortest: float = 0.8, longest: float = 1.25) -> None:
        if not 0 < shortest <= longest < math.inf:
            raise ValueError(f'0 < shortest <= longest, got {shortest} and {longest}')
        self.log_range = math.log(shortest), math.log(longest)

    def __call__(self, results: dict) -> dict:
        num_steps = len(next(iter(results['features'].values())))
        factor = math.exp(self._random.uniform(*self.log_range))
        return resize(results, max(round(factor * num_steps), 1))


@TRANSFORMS.register_module()
class RandomNoise(RandomDraws):
    """Adds to each stream itself, at other times and at a random share: noise of the stream's own kind.

    Streams are changed independently: x (T, C_s) becomes x + share · roll(x), with a share and a shift in time drawn
    evenly for each. Events stay.

    Args:
        max_share: The greatest share, >= 0.

    Raises:
        ValueError: If it is negative.
    """

    def __init__(self, max_share: float = 0.5) -> None:
        if not 0 <= max_share < math.inf:
            raise ValueError(f'max_share must be 0 or more, got {max_share}')
        self.max_share = max_share

    def __call__(self, results: dict) -> dict:
        results['features'] = {name: self._noisy(feature) for name, feature in results['features'].items()}
        return results

    def _noisy(self, feature: np.ndarray) -> np.ndarray:
        share, shift = self._random.uniform(0, self.max_share), self._random.randint(len(feature))
        noisy: np.ndarray = feature + feature.dtype.type(share) * np.roll(feature, shift, axis=0)
        return noisy


@TRANSFORMS.register_module()
class RandomShift(RandomDraws, DisturbStream):
    """Shifts one stream against the truth and the other streams, for videos whose sound may come late or early.

    As :class:`DisturbStream` does it, behind ``AlignStreams``, by a number of steps that is drawn evenly for each item.
    The truth is the other stream's.

    Args:
        stream: The stream.
        max_shift: The most steps that it comes late, and the most that it comes early, >= 0.

    Raises:
        ValueError: If ``max_shift`` is negative.
        UserInputError: If a video has no such stream.
    """

    def __init__(self, stream: str, max_shift: float) -> None:
        super().__init__(stream)
        if not 0 <= max_shift < math.inf:
            raise ValueError(f'max_shift must be 0 or more, got {max_shift}')
        self.max_shift = max_shift

    def __call__(self, results: dict) -> dict:
        self.shift = self._random.uniform(-self.max_shift, self.max_shift)
        return super().__call__(results)
