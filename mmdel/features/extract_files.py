"""Features of many media files to a folder: in parallel, whole files alone, going on where it was stopped.

The folder holds ``<id>_<stream>.npy`` (T, C) float16, ``streams.json`` (see :mod:`mmdel.features.sidecar`) and
``videos.json``: id → ``path``, ``duration_sec``, ``fps`` (null without picture), ``notes``, and the file's ``size`` and
``mtime_ns``, by which a file that has changed since is known.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmdel.features.extraction import extract
from mmdel.features.feature_stream import FeatureStream, build_streams
from mmdel.features.sidecar import (
    STREAMS_FILE,
    VIDEOS_FILE,
    describe_streams,
    read_stored_videos,
    require_same_streams,
)
from mmdel.features.worker_pool import run_tasks
from mmdel.media import media_ids
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json, written_whole

WRITE_EVERY_SEC = 5.0


@dataclass
class Step:
    """What has happened to a file.

    Attributes:
        path: The file.
        done: The part of it that is done since the step before.
        media_sec: Seconds of media that are done since the step before.
        is_done: Whether it is the file's last step.
        error: Why the file has failed, '' if it has not.
        notes: What was amiss but read all the same.
    """

    path: Path
    done: float = 0.0
    media_sec: float = 0.0
    is_done: bool = False
    error: str = ''
    notes: Sequence[str] = ()


class FeatureFolder:
    """A folder of features, and what is to be added to it.

    Args:
        folder: The folder; it is made when something is written.
        configs: Stream → the configs of its extractors, see :func:`~mmdel.features.build_streams`.
        paths: The media files.
        device: Where learned extractors run.
        overwrite: Whether files are done again that are done.

    Attributes:
        todo: The files that are to be done: of which there are no features, or which have changed since.
        num_done: How many are done already.

    Raises:
        UserInputError: If an extractor is wrong, the folder holds features of another kind, or an id stands there for
            another file.
    """

    def __init__(
        self,
        folder: str | Path,
        configs: Mapping[str, Sequence[dict[str, Any]]],
        paths: Sequence[Path],
        device: str = 'cpu',
        overwrite: bool = False,
    ) -> None:
        self.folder, self.device = Path(folder), device
        streams = build_streams(configs, device)
        self._described = describe_streams(streams)
        kinds = {type(extractor) for stream in streams.values() for extractor in stream.extractors}
        self._modules = sorted(kind.__module__ for kind in kinds)
        self._configs = {name: described['extractors'] for name, described in self._described.items()}
        require_same_streams(folder, self._described)
        self._ids = media_ids(paths)
        self._videos = read_stored_videos(folder)
        for media in paths:
            self._require_own_id(media)
        self.todo = [media for media in paths if overwrite or not self._is_done(media)]
        self.num_done = len(paths) - len(self.todo)

    def run(self, num_workers: int) -> Iterator[Step]:
        """Does what is to be done, in so many processes; yields what happens.

        Raises:
            UserInputError: If nothing can be written to the folder.
        """
        write_json(self.folder / STREAMS_FILE, self._described, indent=1)
        tasks = [(str(path), self._ids[path]) for path in self.todo]
        seen: dict[str, tuple[float, float]] = {}
        written = time.monotonic()
        outcomes = run_tasks(_make, (self._modules, self._configs, self.device, str(self.folder)), tasks, num_workers)
        try:
            with closing(outcomes):
                for outcome in outcomes:
                    path, video_id = outcome.task
                    before = seen.get(path, (0.0, 0.0))
                    if not outcome.is_done:
                        seen[path] = outcome.result
                        done, media_sec = (new - old for new, old in zip(outcome.result, before, strict=True))
                        yield Step(Path(path), done, media_sec)
                        continue
                    step = Step(Path(path), 1 - before[0], is_done=True, error=outcome.error)
                    if not outcome.error:
                        self._videos[video_id] = outcome.result
                        step.media_sec = (outcome.result['duration_sec'] or 0.0) - before[1]
                        step.notes = outcome.result['notes']
                    yield step
                    if time.monotonic() - written > WRITE_EVERY_SEC:
                        self._write_videos()
                        written = time.monotonic()
        finally:
            self._write_videos()

    def _write_videos(self) -> None:
        write_json(self.folder / VIDEOS_FILE, dict(sorted(self._videos.items())), indent=1)

    def _is_done(self, path: Path) -> bool:
        known = self._videos.get(self._ids[path])
        files = [self.folder / _file(self._ids[path], name) for name in self._configs]
        return known is not None and _same(known, path) and all(file.is_file() for file in files)

    def _require_own_id(self, path: Path) -> None:
        """Stops where a file would take the place of another, of the same name in another folder."""
        video_id = self._ids[path]
        known = self._videos.get(video_id)
        if known and not _same(known, path) and os.path.exists(known['path']) and not path.samefile(known['path']):
            raise UserInputError(
                f'{self.folder} holds features of {known["path"]} by the id {video_id}, which {path} would have, too: '
                'name another folder, or give both files at once'
            )


def _file(video_id: str, stream: str) -> str:
    return f'{video_id}_{stream}.npy'


def _same(known: Mapping[str, Any], path: Path) -> bool:
    """Whether a file is as it was."""
    try:
        found = path.stat()
    except OSError:
        return False
    return (known.get('size'), known.get('mtime_ns')) == (found.st_size, found.st_mtime_ns)


def _make(
    modules: Sequence[str], configs: Mapping[str, Sequence[dict]], device: str, folder: str
) -> Callable[[tuple[str, str], Callable[[Any], None]], dict]:
    """What a process does with a file; the modules register extractors that are not of this project."""
    for module in modules:
        importlib.import_module(module)
    streams = build_streams(configs, device)
    return lambda task, report: extract_file(*task, streams, Path(folder), report)


def extract_file(
    path: str,
    video_id: str,
    streams: Mapping[str, FeatureStream],
    folder: Path,
    report: Callable[[tuple[float, float]], None],
) -> dict[str, Any]:
    """Writes the features of a file; gives its entry in ``videos.json``.

    Args:
        path: The file.
        video_id: Its id.
        streams: Its streams of features.
        folder: Where to write.
        report: Told what part of the file is done, and how many seconds, after each block.

    Raises:
        UserInputError: If the file cannot be read, features are not finite, or nothing can be written.
    """
    extraction = extract(path, streams)
    found = os.stat(path)  # before it is read
    parts: dict[str, list[np.ndarray]] = {name: [] for name in streams}
    num_steps, first = 0, next(iter(streams))
    for block in extraction:
        for name, steps in block.items():
            with np.errstate(over='ignore'):
                parts[name].append(steps.astype(np.float16))
            if not np.isfinite(parts[name][-1]).all():
                raise UserInputError(f'stream {name!r}: its features are not finite numbers of 16 bits')
        num_steps += len(block[first])
        done_sec, whole_sec = num_steps * streams[first].grid.step_sec, extraction.info.duration_sec or 0.0
        report((min(done_sec / whole_sec, 1.0) if whole_sec else 0.0, done_sec))
    for name in streams:
        with written_whole(folder / _file(video_id, name), 'wb') as file:
            np.save(file, np.concatenate(parts[name]))
    info = extraction.info
    return dict(
        path=str(Path(path).resolve()),
        duration_sec=info.duration_sec,
        fps=info.picture.fps if info.picture else None,
        notes=extraction.notes,
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
    )
