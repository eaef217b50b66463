"""The progress bar of every tool."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Protocol, TypeVar

Item = TypeVar('Item')


def show_progress(items: Iterable[Item], num: int, title: str) -> Iterable[Item]:
    """The ``num`` items, with a bar on stderr if that is a terminal."""
    if not _is_shown():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, title, total=num, console=Console(stderr=True))


class Advance(Protocol):
    """Moves a bar on: by parts of an item, and by seconds of media."""

    def __call__(self, num_items: float, media_sec: float) -> None: ...


@contextmanager
def media_progress(num: int, title: str) -> Iterator[Advance]:
    """A bar on stderr, if that is a terminal, over ``num`` files of media: how many times real time, and time left."""
    if not _is_shown():
        yield lambda num_items, media_sec: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TextColumn('{task.fields[rate]}')
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task_id = progress.add_task(title, total=num, rate='')
        task = progress.tasks[0]
        total_sec = 0.0

        def advance(num_items: float, media_sec: float) -> None:
            nonlocal total_sec
            total_sec += media_sec
            rate = f'{total_sec / task.elapsed:.1f}x real time' if task.elapsed else ''
            progress.update(task_id, advance=num_items, rate=rate)

        yield advance


def _is_shown() -> bool:
    """Whether there is a terminal, and the package that draws the bar: nothing else needs it."""
    return sys.stderr.isatty() and find_spec('rich') is not None
