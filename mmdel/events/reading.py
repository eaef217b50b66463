"""Reading files of events, of whatever format."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from mmdel.events.annotations import parse_annotations
from mmdel.events.events import Events
from mmdel.events.formats import load_formats
from mmdel.events.labels import NUMBER_KINDS
from mmdel.events.problems import Problem, raise_first, short, some_of, warn_of
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.events.times import Times
from mmdel.utils.errors import UserInputError
from mmdel.utils.log import warn
from mmdel.utils.progress import show_progress

Paths = str | os.PathLike | Sequence[str | os.PathLike]


def read_events(paths: Paths, format: str | None = None, times: Times = 'seconds', **options: Any) -> Events:
    """The events of files.

    What is wrong and can be mended (events that end before they start are left out, …) is one warning a kind.

    Args:
        paths: A file, a folder (all files in it, by their names), or several of these, whose events are joined.
        format: A name of :func:`~mmdel.events.formats.load_formats`; None finds it out by the content of each file.
        times: The unit of times, where the format leaves that open: ``'seconds'``, ``'frames'`` of the video's fps, or
            how many a second there are.
        options: Of :func:`read_raw`: ``encoding``, ``fps``, ``subset``, and those of the format's reader.

    Raises:
        UserInputError: If a file cannot be read, is of no known format, or has an error: with the file, the place, the
            field, the value and what was expected.
    """
    raw = read_raw(paths, format, **options)
    tell_left_out(raw)
    annotations = parse_annotations(raw, needs_labels=False, times=times)
    problems = as_table(annotations.problems)
    raise_first(problems)
    warn_of(problems)
    return annotations.events


def tell_left_out(raw: RawEvents) -> None:
    """A warning for each thing that the reader of a format leaves out."""
    for what, count in raw.left_out.items():
        warn(f'{raw.file}: left out: {count} {what}')


def as_table(problems: Sequence[Problem]) -> list[Problem]:
    """The problems of a file of which a table is made: how classes are numbered is none of its concern."""
    kept = (item for item in problems if item.kind != 'mixed-labels')
    return [replace(item, severity='warning') if item.kind in NUMBER_KINDS else item for item in kept]


def read_raw(
    paths: Paths,
    format: str | None = None,
    encoding: str | None = None,
    fps: float | None = None,
    subset: str | None = None,
    **options: Any,
) -> RawEvents:
    """What files say, unjudged.

    Args:
        paths: As in :func:`read_events`.
        format: As there.
        encoding: How text is encoded, if it is not UTF-8 (or UTF-16 with its mark).
        fps: The frame rate of videos of which nothing else tells it.
        subset: The subset of videos of which nothing else tells it.
        options: Of the format's reader, such as ``label='verb'``.

    Raises:
        UserInputError: If a file cannot be read, is of no known format, or is not laid out as its format is.
    """
    raw = _read_all(paths, format, encoding, options)
    for fields in raw.videos.values():
        for name, value in (('fps', fps), ('subset', subset)):
            if value is not None and fields.get(name) is None:
                fields[name] = value
    return raw


def _read_all(paths: Paths, format: str | None, encoding: str | None, options: dict[str, Any]) -> RawEvents:
    files = [file for path in ([paths] if isinstance(paths, (str, os.PathLike)) else paths) for file in _files(path)]
    if not files:
        raise UserInputError(f'there is no file of events in {paths}')
    sources = [Source(file, encoding) for file in files]
    modules = _choose_formats(sources) if format is None else [require_format(format)] * len(files)
    if len(files) == 1:
        return _read(sources[0], modules[0], options)
    pairs = show_progress(zip(sources, modules, strict=True), len(files), 'reading')
    tables = [_read(source, module, options) for source, module in pairs]
    joined = RawEvents(os.path.commonpath(map(os.path.abspath, files)), times=tables[0].times)
    for file, table in zip(files, tables, strict=True):
        if table.times != joined.times:
            raise UserInputError(f'{file} has times in {table.times}, {files[0]} in {joined.times}: convert one alone')

        def contradict(video_id: str, name: str, value: Any, other: Any, file: str = file) -> None:
            found = f'{name} {short(other)}, and {short(value)} in another file'
            joined.problems.append(Problem('repeated-video-id', found, 'one of them', video_id, file))

        table.places = [f'{Path(file).name}, {table.tell(row)}' for row in range(len(table))]
        joined.join(table, contradict)
    return joined


def _choose_formats(sources: Sequence[Source]) -> list[ModuleType]:
    """The format of each file; one that is empty, as a video without events may be, is of that of the others."""
    guessed = {source: guess_format(source) for source in sources if len(sources) == 1 or source.content.strip()}
    of_empty = next(iter(guessed.values())) if len(set(guessed.values())) == 1 else None
    return [guessed.get(source) or of_empty or guess_format(source) for source in sources]


def guess_format(source: Source) -> ModuleType:
    """The module of the format that a file is of, by its content.

    Raises:
        UserInputError: If it is of none, or may be of several.
    """
    found = {name: module.matches(source) for name, module in load_formats().items() if hasattr(module, 'matches')}
    best = max(found.values())
    names = [name for name, sure in found.items() if sure == best]
    if best == 0:
        what = _describe(source)
        raise UserInputError(
            f'{source.path} is of no known format: it {what}; docs/formats.md lists the formats, and --from (or '
            'format=) names one'
        )
    if len(names) > 1:
        raise UserInputError(f'{source.path} may be {" or ".join(names)}: say which by --from (or format=)')
    return load_formats()[names[0]]


def _describe(source: Source) -> str:
    """What a file of no format is, for a message."""
    if isinstance(source.json, dict):
        return f'is JSON with the keys {some_of([repr(key) for key in source.json])}'
    head = source.text.strip()[:60].split('\n')[0]
    return 'is JSON' if source.json is not None else f'begins with {head!r}' if head else 'is empty'


def require_format(name: str, writes: bool = False) -> ModuleType:
    """The module of a format by its name.

    Raises:
        UserInputError: If there is none, or it is not written.
    """
    formats = {key: module for key, module in load_formats().items() if not writes or module.FORMAT.writes}
    if name not in formats:
        what = ' that can be written' if writes else ''
        raise UserInputError(f'there is no format {name!r}{what}; there are {", ".join(formats)}')
    return formats[name]


def _read(source: Source, module: ModuleType, options: dict[str, Any]) -> RawEvents:
    try:
        return module.read(source, **options)
    except TypeError as error:
        if 'unexpected keyword argument' not in str(error):
            raise
        option = str(error).rsplit("'", 2)[-2]
        raise UserInputError(
            f'{source.path} is read as {module.FORMAT.name}, which has no option {option!r}'
        ) from error


def _files(path: str | os.PathLike) -> list[str]:
    """The file, or the files of a folder."""
    if not os.path.isdir(path):
        return [os.fspath(path)]
    return sorted(str(item) for item in Path(path).iterdir() if item.is_file() and not item.name.startswith('.'))
