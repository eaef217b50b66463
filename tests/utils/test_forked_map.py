"""Answers come in order from several processes, and the death of one is an error."""

from __future__ import annotations

import os
import signal

import pytest

from mmdel.utils.errors import UserInputError
from mmdel.utils.forked_map import forked_map


def square_and_process(number: int) -> tuple[int, int]:
    os.kill(os.getpid(), signal.SIGINT if number == 13 and os.getpid() != PARENT else 0)
    return number**2, os.getpid()


def die_at_seven(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


PARENT = os.getpid()


@pytest.mark.parametrize(('num_workers', 'num_items'), [(0, 30), (1, 30), (2, 30), (2, 4), (2, 0)])
def test_it_is_map_by_other_processes(num_workers, num_items):
    """An interruption, which a terminal sends to all, ends none of them: it is for the first."""
    found = [*forked_map(square_and_process, range(num_items), num_workers, 4, 'computed')]
    assert [square for square, _ in found] == [number**2 for number in range(num_items)]
    processes = {process for _, process in found}
    is_here = num_workers == 0 or num_items <= 4
    assert (processes <= {os.getpid()}) if is_here else (os.getpid() not in processes and len(processes) <= num_workers)


def test_a_death_is_an_error():
    with pytest.raises(UserInputError, match='a process that squared was killed'):
        list(forked_map(die_at_seven, range(30), 2, 1, 'squared'))
