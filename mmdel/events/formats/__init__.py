"""The file formats of events, a module each; other modules here are what several of them share.

A module of a format has ``FORMAT`` and

- ``matches(source) -> int``: whether a file is of this format, by its content: :data:`NO`, :data:`PERHAPS` (it can be
  read so, if nobody knows better) or :data:`SURELY`. It does not raise for the files of others.
- ``read(source, **options) -> RawEvents``: what the file says, see :class:`mmdel.events.raw.RawEvents`.
- ``write(events, path) -> None``, if it :attr:`~Format.writes`: a file of these events; they are of one video where it
  is :attr:`~Format.per_video`.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from types import ModuleType

NO, PERHAPS, SURELY = 0, 1, 2


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        name: As in ``mmdel convert --from``: the name of its module.
        title: What it is, for people.
        suffixes: How its files end; the first is written. Reading goes by the content.
        keeps: What survives writing and reading besides video, start, end and label: of ``score``, ``duration``,
            ``fps``, ``subset``, ``extra`` (further columns), ``empty`` (videos without events), ``unlabelled`` (events
            without a label); what is not here is lost.
        writes: Whether it is written, too.
        per_video: A file holds one video, whose id is the file's name; several are written into a folder.
        resolution_sec: Times are rounded to this when they are written.
        note: What else to know, for the table in the docs.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    keeps: frozenset[str] = frozenset()
    writes: bool = True
    per_video: bool = False
    resolution_sec: float = 1e-6
    note: str = ''


@cache
def load_formats() -> dict[str, ModuleType]:
    """The modules of all formats by their names."""
    modules = [importlib.import_module(f'{__name__}.{info.name}') for info in pkgutil.iter_modules(__path__)]
    return {module.FORMAT.name: module for module in modules if hasattr(module, 'FORMAT')}
