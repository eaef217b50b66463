"""Opening every feature file once, in several processes."""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial

import numpy as np

from mmdel.datasets.feature_store import feature_shape, first_nonfinite_step, read_feature
from mmdel.utils.errors import UserInputError

FILES_A_TASK = 16
FeatureName = tuple[str, str | None]  # path and, for an archive of several arrays, the array


@dataclass(frozen=True)
class FileFacts:
    """What one feature file holds.

    Attributes:
        shape: As stored; None if the file cannot be read.
        problem: Name of the defect that the file has by itself; empty if none.
        found: What is there, if there is a problem.
        digest: Of the content; empty if only the header was read, or if every step is the same.
        constant: Whether every step is the same.
    """

    shape: tuple[int, ...] | None = None
    problem: str = ''
    found: str = ''
    digest: str = ''
    constant: bool = False


Progress = Callable[[Iterable[FileFacts], int], Iterable[FileFacts]]


def inspect_file(name: FeatureName, headers_only: bool = False) -> FileFacts:
    """Read one file; whatever is wrong with it is in the answer."""
    try:
        return _inspect(*name, headers_only)
    except Exception as error:  # whatever a broken file makes numpy, zipfile, pickle, torch or the system say
        reason = str(error).removeprefix(f'Cannot read the feature file {name[0]}: ')
        return FileFacts(problem='unreadable-file', found=' '.join(reason.split()) or type(error).__name__)


def _inspect(path: str, key: str | None, headers_only: bool) -> FileFacts:
    shape, dtype = feature_shape(path, key)
    if dtype.kind not in 'fiu':
        return FileFacts(shape, 'wrong-dtype', f'dtype {dtype}')
    if len(shape) != 2:
        return FileFacts(shape, 'wrong-ndim', f'an array {shape}')
    if 0 in shape:
        return FileFacts(shape, 'empty-feature', f'an array {shape}')
    if headers_only:
        if path.endswith('.npy'):
            np.load(path, mmap_mode='r')  # raises if the file is shorter than its header says
        return FileFacts(shape)
    feature = read_feature(path, key)
    step = first_nonfinite_step(feature)
    if step is not None:
        return FileFacts(shape, 'not-finite', f'NaN or infinity, first in step {step} of {len(feature)}')
    if len(feature) > 1 and (feature == feature[0]).all():
        return FileFacts(shape, constant=True)
    content = np.ascontiguousarray(feature).data
    return FileFacts(shape, digest=hashlib.blake2b(content, digest_size=16, key=repr(shape).encode()).hexdigest())


def inspect_files(
    names: Sequence[FeatureName],
    headers_only: bool = False,
    num_workers: int = 1,
    progress: Progress = lambda facts, num: facts,
) -> dict[FeatureName, FileFacts]:
    """Read all files, in ``num_workers`` processes; with 0 in this one.

    Args:
        names: What to read.
        headers_only: Read what tells the shape, and not the content.
        num_workers: Processes.
        progress: Is handed the answers as they come, and their number, and hands them on.

    Raises:
        UserInputError: If a process dies.
    """
    inspect = partial(inspect_file, headers_only=headers_only)
    if num_workers == 0 or len(names) <= FILES_A_TASK:
        return dict(zip(names, progress(map(inspect, names), len(names)), strict=True))
    # A forked process has torch loaded already; where there is no fork a new one loads it.
    context = multiprocessing.get_context('fork' if sys.platform == 'linux' else None)
    with ProcessPoolExecutor(num_workers, context) as executor:
        try:
            answers: Iterator[FileFacts] = executor.map(inspect, names, chunksize=FILES_A_TASK)
            return dict(zip(names, progress(answers, len(names)), strict=True))
        except BrokenProcessPool as error:
            raise UserInputError(
                'a process that read feature files was killed, perhaps for want of memory; try fewer --workers'
            ) from error
