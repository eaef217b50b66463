"""The progress bar of every tool."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar('Item')


def show_progress(items: Iterable[Item], num: int, title: str) -> Iterable[Item]:
    """The ``num`` items, with a bar on stderr if that is a terminal."""
    console = Console(stderr=True)
    return track(items, title, total=num, console=console, disable=not console.is_terminal)
