"""Features of a fixed number of steps, for data sets and models that want every video to have the same length."""

from __future__ import annotations

import numpy as np

from mmdel.datasets.transforms.aligning import resample
from mmdel.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ResizeStreams:
    """Resizes all streams, already on one grid, to ``length`` steps by linear interpolation.

    The steps become as long as the stretch of time that all steps cover divided by ``length``, side by side, as
    ActionFormer does on ActivityNet (Zhang et al. 2022). Changes ``features[stream]`` (length, C_s), ``grid``,
    ``segments`` and ``ignored_segments``.

    Args:
        length: Steps of every video.

    Raises:
        ValueError: If ``length`` is less than 1.
    """

    def __init__(self, length: int) -> None:
        if length < 1:
            raise ValueError(f'length must be at least 1, got {length}')
        self.length = length

    def __call__(self, results: dict) -> dict:
        return resize(results, self.length)


def resize(results: dict, length: int) -> dict:
    """Results whose streams have ``length`` steps, see :class:`ResizeStreams`."""
    features, grid = results['features'], results['grid']
    resized = grid.resized(len(next(iter(features.values()))), length)
    results['features'] = {
        name: resample(feature, grid, resized, length, 'linear') for name, feature in features.items()
    }
    for name in ('segments', 'ignored_segments'):
        results[name] = resized.to_grid(grid.to_sec(results[name].astype(np.float64))).astype(np.float32)
    results['grid'] = resized
    return results
