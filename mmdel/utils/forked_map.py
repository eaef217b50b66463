"""A function of many items, over several processes that have loaded what this one has."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from mmdel.utils.errors import UserInputError

Item = TypeVar('Item')
Answer = TypeVar('Answer')


def forked_map(
    function: Callable[[Item], Answer], items: Sequence[Item], num_workers: int, chunk_size: int, title: str
) -> Iterator[Answer]:
    """The answers in the order of the items.

    Args:
        function: It can be pickled, as can items and answers, and it uses no GPU.
        items: The items.
        num_workers: Processes; with 0, or few items, this one computes.
        chunk_size: Items that a process gets at a time.
        title: What the processes did, for the error.

    Raises:
        UserInputError: If a process dies.
    """
    if num_workers < 1 or len(items) <= chunk_size:
        yield from map(function, items)
        return
    # A forked process has torch loaded already; where there is no fork a new one loads it.
    context = multiprocessing.get_context('fork' if sys.platform == 'linux' else None)
    num_workers = min(num_workers, -(-len(items) // chunk_size))  # all are forked at once
    with ProcessPoolExecutor(num_workers, context, _begin) as executor:
        try:
            yield from executor.map(function, items, chunksize=chunk_size)
        except BrokenProcessPool as error:
            raise UserInputError(
                f'a process that {title} was killed, perhaps for want of memory: try fewer (--workers, or taskset)'
            ) from error


def _begin() -> None:
    """What a process does first."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process, which ends the others
    # The threads of PyTorch do not survive a fork: a process that shared its work with them would wait for ever.
    torch.set_num_threads(1)
