"""Opening every feature file once, in several processes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mmdel.datasets.feature_store import feature_shape
from mmdel.datasets.transforms.loading import load_feature_file
from mmdel.events.problems import Problem, ProblemError
from mmdel.utils.forked_map import forked_map
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
    answers = forked_map(inspect, names, num_workers, FILES_A_TASK, 'read feature files')
    return dict(zip(names, show_progress(answers, len(names), 'feature files'), strict=True))
