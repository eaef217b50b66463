"""Opening every feature file once, in several processes."""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from mmdel.datasets.feature_store import feature_shape
from mmdel.datasets.transforms.loading import load_feature_file
from mmdel.events.problems import Problem, ProblemError
from mmdel.utils.errors import UserInputError
from mmdel.utils.progress import show_progress

FILES_A_TASK = 16
FeatureName = tuple[str, str | None]  # path and, for an archive of several arrays, the array


@dataclass(frozen=True)
class FileFacts:
    """What one feature file holds: its shape (T, channels), or its problem, and the digest of its content.

    The digest is empty if only the header was read, or if every step is the same, as of silence.
    """

    shape: tuple[int, int] | None = None
    problem: Problem | None = None
    digest: str = ''


def inspect_file(name: FeatureName, headers_only: bool = False) -> FileFacts:
    """Read one file, as training does; whatever is wrong with it is in the answer."""
    try:
        shape = feature_shape(*name)
        feature = None if headers_only else load_feature_file(*name)
    except ProblemError as error:
        return FileFacts(problem=error.problem)
    if feature is None or (len(feature) > 1 and (feature == feature[0]).all()):
        return FileFacts(shape)
    content = np.ascontiguousarray(feature).data
    digest = hashlib.blake2b(content, digest_size=16, key=repr(shape).encode()).hexdigest()
    return FileFacts(shape, digest=digest)


def inspect_files(
    names: Sequence[FeatureName], headers_only: bool = False, num_workers: int = 0
) -> dict[FeatureName, FileFacts]:
    """Read all files, in ``num_workers`` processes; with 0 in this one.

    Raises:
        UserInputError: If a process dies.
    """
    inspect = partial(inspect_file, headers_only=headers_only)
    if num_workers == 0 or len(names) <= FILES_A_TASK:
        return dict(zip(names, show_progress(map(inspect, names), len(names), 'feature files'), strict=True))
    # A forked process has torch loaded already; where there is no fork a new one loads it.
    context = multiprocessing.get_context('fork' if sys.platform == 'linux' else None)
    # The threads of PyTorch do not survive a fork: a process that shared its work with them would wait for ever.
    with ProcessPoolExecutor(num_workers, context, torch.set_num_threads, (1,)) as executor:
        try:
            answers: Iterator[FileFacts] = executor.map(inspect, names, chunksize=FILES_A_TASK)
            return dict(zip(names, show_progress(answers, len(names), 'feature files'), strict=True))
        except BrokenProcessPool as error:
            raise UserInputError(
                'a process that read feature files was killed, perhaps for want of memory; try fewer --workers'
            ) from error
