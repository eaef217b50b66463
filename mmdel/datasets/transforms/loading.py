"""Features from disk.

Shapes: T_s steps and C_s channels of stream s on its own grid.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from mmdel.datasets.feature_store import FeatureCache, first_nonfinite_step, read_feature
from mmdel.registry import TRANSFORMS
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

MAX_STEPS_APART = 2


@TRANSFORMS.register_module()
class LoadFeatures:
    """Loads every stream of a record: ``.npy``, ``.npz``, ``.pt``/``.pth`` or packed, each an array (T, channels).

    Several files of one stream are concatenated on the channels; lengths that differ by up to two steps are cut to
    the shortest. Sets ``features[stream]`` (T_s, C_s), float16 if it is stored so, else float32, and
    ``grids[stream]``.

    Args:
        cache_gb: Keep what was loaded in memory, up to so many gigabytes (10^9 bytes) of this process: every data
            loading worker has a cache of its own, and loses it with ``persistent_workers=False``.

    Raises:
        UserInputError: If a file cannot be read, is not (T, channels) with T >= 1, holds NaN or infinity, has
            another width than the stream's ``channels``, or is transposed.
    """

    def __init__(self, cache_gb: float = 0.0) -> None:
        self.cache = FeatureCache(int(cache_gb * 1e9))

    def __call__(self, results: dict) -> dict:
        results['features'], results['grids'] = {}, {}
        for name, stream in results['streams'].items():
            results['grids'][name] = stream['grid']
            results['features'][name] = self.cache.get(
                (*stream['files'], stream['key']),
                partial(load_stream, name, stream, results['duration_sec']),
            )
        return results


def load_stream(name: str, stream: dict, duration_sec: float) -> np.ndarray:
    """The feature (T_s, C_s) of one stream of a record, checked.

    Args:
        name: The stream's name, for messages.
        stream: ``record['streams'][name]`` of :class:`mmdel.datasets.EventDataset`.
        duration_sec: The video's duration.

    Raises:
        UserInputError: As :class:`LoadFeatures`.
    """
    arrays = [load_feature_file(path, stream['key']) for path in stream['files']]
    lengths = [len(array) for array in arrays]
    if max(lengths) - min(lengths) > MAX_STEPS_APART:
        raise UserInputError(f'stream {name!r}: the files {stream["files"]} have {lengths} steps; expected the same')
    feature = arrays[0] if len(arrays) == 1 else np.concatenate([array[: min(lengths)] for array in arrays], axis=1)
    expected = stream['channels']
    transposed = (
        _looks_transposed(feature.shape, stream['grid'], duration_sec)
        if expected is None
        else feature.shape[0] == expected != feature.shape[1]
    )
    if transposed or (expected is not None and feature.shape[1] != expected):
        hint = '; the array looks transposed' if transposed else ''
        wanted = '' if expected is None else f' with {expected} channels'
        shape = f'an array {feature.shape}, expected (T, channels){wanted}{hint}'
        raise UserInputError(f'stream {name!r}: {stream["files"]} give {shape}')
    return feature


def load_feature_file(path: str, key: str | None = None) -> np.ndarray:
    """The feature (T, channels) at a path, see :func:`mmdel.datasets.feature_store.read_feature`, all of it finite.

    Raises:
        UserInputError: If the file cannot be read or its content is not finite numbers of shape (T >= 1, channels).
    """
    feature = read_feature(path, key)
    step = first_nonfinite_step(feature)
    if step is not None:
        raise UserInputError(f'{path}: NaN or infinity in the features, first in step {step}')
    return feature


def _looks_transposed(shape: tuple[int, ...], grid: FeatureGrid, duration_sec: float) -> bool:
    """Whether the second of two sizes is the number of steps that the video's duration gives, and the first is not."""
    expected = duration_sec / grid.step_sec
    return abs(shape[1] - expected) <= MAX_STEPS_APART and abs(shape[0] - expected) > 0.5 * expected
