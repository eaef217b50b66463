"""One stream made worse than it is, to measure how much a trained model depends on it.

Shapes: T steps, C channels.
"""

from __future__ import annotations

import zlib
from typing import Literal

import numpy as np

from mmdel.datasets.feature_store import as_float32
from mmdel.registry import TRANSFORMS
from mmdel.structures.feature_grid import interpolate
from mmdel.utils.errors import UserInputError


@TRANSFORMS.register_module()
class DisturbStream:
    """Shifts one stream against the truth and the other streams, or replaces a stretch of it; the same in every epoch.

    Belongs behind ``AlignStreams``, where all streams have the same steps. Changes ``features[stream]`` (T, C) alone.
    First it is shifted: step t takes the value of step ``t - shift - drift · t / (T - 1)``, by linear interpolation,
    edges held. Then one stretch is replaced, at a place that is drawn from the video's id.

    Args:
        stream: The stream.
        shift: How many steps it comes late; early where negative.
        drift: How many steps later than at its begin it comes at its end, growing evenly, as of a clock that is slow.
        replace: ``'babble'``: the stretch holds what the stream has half a video away: events, but of another time.
            ``'zeros'``: it holds zeros, as streams do that ``EventDataPreprocessor(zero_streams=…)`` names. None:
            nothing is replaced.
        replaced_share: The share of the steps that is replaced, in (0, 1].

    Raises:
        ValueError: If ``replace`` is none of the three, or ``replaced_share`` not in (0, 1].
        UserInputError: If a video has no such stream.
    """

    def __init__(
        self,
        stream: str,
        shift: float = 0.0,
        drift: float = 0.0,
        replace: Literal['babble', 'zeros'] | None = None,
        replaced_share: float = 0.5,
    ) -> None:
        if replace not in ('babble', 'zeros', None):
            raise ValueError(f"replace must be 'babble', 'zeros' or None, got {replace!r}")
        if not 0 < replaced_share <= 1:
            raise ValueError(f'replaced_share must be in (0, 1], got {replaced_share}')
        self.stream = stream
        self.shift = shift
        self.drift = drift
        self.replace = replace
        self.replaced_share = replaced_share

    def __call__(self, results: dict) -> dict:
        features = results['features']
        if self.stream not in features:
            raise UserInputError(
                f'{type(self).__name__}: there is no stream {self.stream!r}; there are {sorted(features)}'
            )
        feature = features[self.stream]
        steps = np.arange(len(feature))
        if self.shift or self.drift:
            positions = steps - self.shift - self.drift * steps / max(len(feature) - 1, 1)
            feature = interpolate(as_float32(feature) if feature.dtype == np.float16 else feature, positions)
        if self.replace:
            other = (
                np.roll(feature, -(len(feature) // 2), axis=0) if self.replace == 'babble' else np.zeros_like(feature)
            )
            feature = np.where(self._replaced(len(feature), results['video_id'])[:, None], other, feature)
        features[self.stream] = feature
        return results

    def _replaced(self, num_steps: int, video_id: str) -> np.ndarray:
        """Which steps (T,) are replaced."""
        length = max(round(self.replaced_share * num_steps), 1)
        first = np.random.default_rng(zlib.crc32(video_id.encode(errors='surrogatepass'))).integers(
            num_steps - length + 1
        )
        steps = np.arange(num_steps)
        return (steps >= first) & (steps < first + length)
