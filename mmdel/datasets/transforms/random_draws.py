"""Where random steps of a pipeline draw from."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.utils.data import get_worker_info


class RandomDraws:
    """A step that draws from numpy's global generator, or in a data loading worker from one of the worker's own.

    Both follow the run's seed. mmengine seeds the workers' global generators with the same number in each epoch: the
    workers that are made anew for every epoch (``persistent_workers=False``) would draw alike in every epoch. PyTorch's
    seed of a worker differs.
    """

    _worker_seed: int | None = None

    @property
    def _random(self) -> Any:
        """What draws: numpy's module or a ``RandomState``."""
        worker = get_worker_info()
        if worker is None:
            return np.random
        if worker.seed != self._worker_seed:
            self._worker_seed = worker.seed
            self._worker_random = np.random.RandomState([worker.seed % 2**32, np.random.randint(2**31)])
        return self._worker_random
