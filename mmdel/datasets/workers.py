"""The processes that load data."""

from __future__ import annotations

import random
import signal

import numpy as np
import torch

from mmdel.registry import FUNCTIONS


@FUNCTIONS.register_module()
def begin_worker(worker_id: int) -> None:
    """Seeds a data worker for its epoch, and leaves signals to the training.

    mmengine's own function gives a worker the same seed in every epoch. Torch's seed, which this one gives to numpy and
    Python too, is drawn from the generator of the training when the workers start. A signal that is sent to a whole
    group of processes would end the workers, and with them the training in the middle of an iteration.
    """
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
