"""The state of all random generators of a process, as a checkpoint can hold it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def get_random_states() -> dict[str, Any]:
    """Python's, numpy's and torch's, in plain numbers and tensors on the CPU."""
    numpy: Any = np.random.get_state()  # name, keys, position, and two numbers of the normal distribution
    plain = tuple(value.tolist() if isinstance(value, np.ndarray) else value for value in numpy)
    states = dict(python=random.getstate(), numpy=plain, torch=torch.get_rng_state())
    if torch.cuda.is_available():
        states['cuda'] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: dict[str, Any]) -> None:
    """As :func:`get_random_states` gave them, also where they were loaded onto another device."""
    random.setstate(states['python'])
    np.random.set_state(states['numpy'])
    torch.set_rng_state(states['torch'].cpu())
    if 'cuda' in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())
