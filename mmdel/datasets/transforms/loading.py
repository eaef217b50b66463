"""Features from disk, and onto one time grid.

Shapes: T_s steps and C_s channels of stream s on its own grid; T steps of the common grid; N events.
"""

from __future__ import annotations

import logging
import zlib
from typing import Literal

import numpy as np
import torch
from mmengine.logging import print_log

from mmdel.registry import TRANSFORMS
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

MAX_STEPS_APART = 2
MAX_FRACTION_APART = 0.05


@TRANSFORMS.register_module()
class LoadFeatures:
    """Loads every stream of a record: ``.npy``, ``.npz`` or ``.pt``/``.pth``, each an array (T, channels).

    Several files of one stream are concatenated on the channels; lengths that differ by up to two steps are cut to
    the shortest. Sets ``features[stream]`` (T_s, C_s) float32 and ``grids[stream]``.

    Raises:
        UserInputError: If a file cannot be read, is not (T, channels) with T >= 1, holds NaN or infinity, has
            another width than the stream's ``channels``, or is transposed.
    """

    def __call__(self, results: dict) -> dict:
        results['features'], results['grids'] = {}, {}
        for name, stream in results['streams'].items():
            results['grids'][name] = stream['grid']
            results['features'][name] = self._load_stream(name, stream, results['duration_sec'])
        return results

    def _load_stream(self, name: str, stream: dict, duration_sec: float) -> np.ndarray:
        arrays = [load_feature_file(path, stream['key']) for path in stream['files']]
        lengths = [len(array) for array in arrays]
        if max(lengths) - min(lengths) > MAX_STEPS_APART:
            raise UserInputError(
                f'stream {name!r}: the files {stream["files"]} have {lengths} steps; expected the same'
            )
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


def _looks_transposed(shape: tuple[int, ...], grid: FeatureGrid, duration_sec: float) -> bool:
    """Whether the second of two sizes is the number of steps that the video's duration gives, and the first is not."""
    expected = duration_sec / grid.step_sec
    return abs(shape[1] - expected) <= MAX_STEPS_APART and abs(shape[0] - expected) > 0.5 * expected


def load_feature_file(path: str, key: str | None = None) -> np.ndarray:
    """The features in one file as a float32 array (T, channels).

    Args:
        path: An ``.npy``, ``.npz``, ``.pt`` or ``.pth`` file.
        key: Which array of an ``.npz`` or a saved dict; needed only if there are several.

    Raises:
        UserInputError: If the file cannot be read or its content is not finite numbers of shape (T >= 1, channels).
    """
    try:
        array = _read(path, key)
    except UserInputError:
        raise
    except Exception as error:  # whatever numpy, zipfile, pickle or torch say of a broken file
        raise UserInputError(f'Cannot read the feature file {path}: {type(error).__name__}: {error}') from error
    if array.ndim != 2 or 0 in array.shape:
        raise UserInputError(f'{path}: expected an array (T, channels) with T >= 1, got shape {array.shape}')
    if array.dtype.kind not in 'fiu':
        raise UserInputError(f'{path}: expected numbers, got {array.dtype}')
    array = np.array(array, dtype=np.float32)
    if not np.isfinite(array).all():
        step = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise UserInputError(f'{path}: NaN or infinity in the features, first in step {step}')
    return array


def _read(path: str, key: str | None) -> np.ndarray:
    if path.endswith('.npy'):
        return np.load(path, mmap_mode='r')
    if path.endswith('.npz'):
        with np.load(path) as archive:
            return archive[_choose(path, key, archive.files)]
    if path.endswith(('.pt', '.pth')):
        content = torch.load(path, map_location='cpu', weights_only=True)
        if isinstance(content, dict):
            content = content[_choose(path, key, list(content))]
        return torch.as_tensor(content).detach().float().numpy()
    raise UserInputError(f'{path}: unknown kind of feature file; expected .npy, .npz, .pt or .pth')


def _choose(path: str, key: str | None, keys: list[str]) -> str:
    if key is None and len(keys) == 1:
        return keys[0]
    if key not in keys:
        raise UserInputError(f"{path} holds the arrays {keys}; set the stream's key to one of them (got {key!r})")
    return key


@TRANSFORMS.register_module()
class AlignStreams:
    """Puts every stream on one time grid, by time stamp and never by index.

    A step of the common grid takes the value of the other stream at the same second; before its first and after its
    last step a stream holds its edge value. Streams that do not cover the same stretch of time, to 5 % or two steps
    (of the coarser grid), are reported once per video. Sets ``features[stream]`` (T, C_s), ``grid``, ``segments``
    (N, 2) float32 in grid steps and ``labels`` (N,), without the ignored events.

    Args:
        reference: The stream whose grid and length are the common ones; the first stream if it is absent.
        mode: ``'linear'`` interpolation between the two steps around, or the ``'nearest'`` step.
    """

    def __init__(self, reference: str = 'visual', mode: Literal['linear', 'nearest'] = 'linear') -> None:
        if mode not in ('linear', 'nearest'):
            raise ValueError(f"mode must be 'linear' or 'nearest', got {mode!r}")
        self.reference = reference
        self.mode = mode
        # Which videos were reported, by a hash of their id: shared memory, so that data loading workers, which are
        # made anew each epoch, do not report them again.
        self._reported = torch.zeros(1 << 16, dtype=torch.bool).share_memory_()

    def __call__(self, results: dict) -> dict:
        features, grids = results['features'], results['grids']
        reference = self.reference if self.reference in features else next(iter(features))
        grid, num_steps = grids[reference], len(features[reference])
        for name in features:
            if name != reference:
                self._check_extent(results, reference, name)
                features[name] = resample(features[name], grids[name], grid, num_steps, self.mode)
        results['grid'] = grid
        learned = ~results['ignored']
        results['eval_labels'] = results['labels']
        results['segments'] = grid.to_grid(results['segments_sec'][learned]).astype(np.float32)
        results['labels'] = results['labels'][learned]
        return results

    def _check_extent(self, results: dict, reference: str, name: str) -> None:
        extents = [_end_sec(results['grids'][key], len(results['features'][key])) for key in (reference, name)]
        step_sec = max(results['grids'][key].step_sec for key in (reference, name))
        apart_sec = abs(extents[0] - extents[1])
        if apart_sec <= MAX_STEPS_APART * step_sec and apart_sec <= MAX_FRACTION_APART * extents[0]:
            return
        slot = zlib.crc32(results['video_id'].encode()) % len(self._reported)
        if not self._reported[slot]:
            self._reported[slot] = True
            covers = f'stream {reference!r} covers {extents[0]:.2f} s, {name!r} {extents[1]:.2f} s'
            print_log(f'video {results["video_id"]}: {covers}', logger='current', level=logging.WARNING)


def _end_sec(grid: FeatureGrid, num_steps: int) -> float:
    """Where the last step's window ends, in seconds."""
    return grid.to_sec(num_steps - 1.0) + 0.5 * grid.window / grid.fps


def resample(
    feature: np.ndarray,
    source: FeatureGrid,
    target: FeatureGrid,
    num_steps: int,
    mode: str,
) -> np.ndarray:
    """A feature (T_s, C) on the grid ``source`` → (num_steps, C) on the grid ``target``, edges held.

    If the steps of both stand for the same times, the same array comes back, uncopied.
    """
    # Rounded, since a step that another unit (25 frames or 100 hops a second) puts 1e-14 beside a step is on it.
    position = np.round(source.to_grid(target.to_sec(np.arange(num_steps, dtype=np.float64))), 6)
    if len(feature) == num_steps and (position == np.arange(num_steps)).all():
        return feature
    position = position.clip(0, len(feature) - 1)
    if mode == 'nearest':
        return feature[np.rint(position).astype(np.int64)]
    low = np.floor(position).astype(np.int64)
    high = np.minimum(low + 1, len(feature) - 1)
    weight = (position - low).astype(feature.dtype)[:, None]
    return feature[low] * (1 - weight) + feature[high] * weight
