"""Features from disk.

Shapes: T_s steps and C_s channels of stream s on its own grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from mmdel.datasets.feature_store import FeatureCache, feature_shape, first_nonfinite_step, read_feature
from mmdel.datasets.transforms.aligning import MAX_STEPS_APART, grid_of, resized_problem
from mmdel.events.problems import Problem
from mmdel.registry import TRANSFORMS
from mmdel.structures import FeatureGrid
from mmdel.utils.errors import UserInputError

NUM_LOOKED_AT = 8  # videos by whose lengths resized features are known when a data set is made


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
        ProblemError: If a file cannot be read, is no array (T, channels) of numbers, holds NaN or infinity, has
            another width than the stream's ``channels``, or is transposed, or if the files' lengths differ.
    """

    def __init__(self, cache_gb: float = 0.0) -> None:
        self.cache = FeatureCache(int(cache_gb * 1e9))

    def __call__(self, results: dict) -> dict:
        results['features'], results['grids'] = {}, {}
        for name, stream in results['streams'].items():
            feature = results['features'][name] = self.cache.get(
                (*stream['files'], stream['key']),
                partial(load_stream, name, stream, results['duration_sec'], results['video_id']),
            )
            results['grids'][name] = grid_of(stream, len(feature), results['duration_sec'])
        return results


def load_stream(name: str, stream: dict, duration_sec: float | None, video_id: str = '') -> np.ndarray:
    """The feature (T_s, C_s) of one stream of a record, checked.

    Args:
        name: The stream's name, for messages.
        stream: ``record['streams'][name]`` of :class:`mmdel.datasets.EventDataset`.
        duration_sec: The video's duration; None if it is not known.
        video_id: The video's id, for messages.

    Raises:
        ProblemError: As :class:`LoadFeatures`.
    """
    arrays = [load_feature_file(path, stream['key']) for path in stream['files']]
    problem = shape_problem(name, stream, [array.shape for array in arrays], duration_sec, video_id)
    if problem is not None:
        raise problem.error()
    num_steps = min(map(len, arrays))
    return arrays[0] if len(arrays) == 1 else np.concatenate([array[:num_steps] for array in arrays], axis=1)


def check_lengths(records: Sequence[dict], max_extent_ratio: float) -> None:
    """Stops at streams whose features seem to have one length whatever their video's; looks at a few headers.

    Args:
        records: Those of a data set.
        max_extent_ratio: As of :class:`~mmdel.datasets.transforms.AlignStreams`.

    Raises:
        ProblemError: ``resized-features``.
    """
    by_duration = sorted(records, key=lambda record: record['duration_sec'])
    places = {round(index * (len(records) - 1) / (NUM_LOOKED_AT - 1)) for index in range(NUM_LOOKED_AT)}
    some = [by_duration[place] for place in sorted(places)] if records else []
    for name in some[0]['streams'] if some else ():
        measured = []
        for record in some:
            stream = record['streams'][name]
            try:
                num_steps, _ = feature_shape(stream['files'][0], stream['key'])
            except UserInputError:  # told by what reads it
                continue
            measured.append((stream['grid'], num_steps, record['duration_sec']))
        problem = resized_problem(name, measured, max_extent_ratio)
        if problem is not None and problem.severity == 'error':
            raise problem.error()


def load_feature_file(path: str, key: str | None = None) -> np.ndarray:
    """The feature (T, channels) at a path, see :func:`mmdel.datasets.feature_store.read_feature`, all of it finite.

    Raises:
        ProblemError: If the file cannot be read or its content is not finite numbers of shape (T >= 1, channels).
    """
    feature = read_feature(path, key)
    step = first_nonfinite_step(feature)
    if step is not None:
        found = f'NaN or infinity, first in step {step} of {len(feature)}'
        raise Problem('not-finite', found, 'finite numbers', file=path).error()
    return feature


def shape_problem(
    name: str, stream: dict, shapes: Sequence[tuple[int, ...]], duration_sec: float | None, video_id: str
) -> Problem | None:
    """What is wrong with the shapes (T, channels) of a stream's files, one by one and together.

    Args:
        name: The stream's name.
        stream: Its ``files``, ``grid`` (None if it is not known) and ``channels``.
        shapes: Of each of its files.
        duration_sec: The video's duration; None if it is not known.
        video_id: The video's id.
    """

    def problem(kind: str, found: str, expected: str, files: Sequence[str]) -> Problem:
        return Problem(kind, f'stream {name!r}: {found}', expected, video_id, ', '.join(files))

    channels, files = stream['channels'], stream['files']
    for path, shape in zip(files, shapes, strict=True):
        if _is_transposed(shape, channels if len(files) == 1 else None, stream['grid'], duration_sec):
            expected = f'(T, channels), here {shape[::-1]}'
            return problem('transposed-feature', f'an array {shape}', expected, [path])
    lengths, widths = zip(*shapes, strict=True)
    if max(lengths) - min(lengths) > MAX_STEPS_APART:
        found = f'files of {" and ".join(map(str, lengths))} steps'
        return problem('parts-differ', found, f'the same, to {MAX_STEPS_APART} steps', files)
    if channels is not None and sum(widths) != channels:
        total = f'{" + ".join(map(str, widths))} = ' if len(widths) > 1 else ''
        return problem(
            'wrong-width', f'{total}{sum(widths)} channels', f'{channels}, as the config or streams.json says', files
        )
    return None


def _is_transposed(
    shape: tuple[int, ...], channels: int | None, grid: FeatureGrid | None, duration_sec: float | None
) -> bool:
    """Whether an array is (channels, T): by its width or, if that is not known, by the video's duration."""
    if channels is not None:
        return shape[0] == channels != shape[1]
    if grid is None or duration_sec is None:
        return False
    expected = duration_sec / grid.step_sec
    return abs(shape[1] - expected) <= MAX_STEPS_APART and abs(shape[0] - expected) > 0.5 * expected
