"""What a data set looks like on disk once it is prepared, and the way there: links, and files that are written.

A converter is a :class:`DatasetLayout`: where its annotations come from, and where the features of each stream go.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from converters.sources import FeatureFiles, Sources
from mmdel.datasets.feature_store import feature_shape
from mmdel.events import Events, Video
from mmdel.events.formats.activitynet import content_of
from mmdel.events.reading import read_events
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import read_json, write_json, written_whole

Content = Path | Events | dict  # what becomes a link, or a JSON file
VGGISH = FeatureFiles(
    'vggish_features/{id}_vggish.npy',
    ('{id}_vggish.npy', '{id}.npy', 'v_{id}.npy'),
    128,
    words=('vggish', 'audio'),
    needs_word=True,
)


@dataclass(frozen=True)
class DatasetLayout:
    """A data set's folder.

    Args:
        name: As on the command line.
        root_variable: The environment variable by which configs find the folder.
        streams: Name of the stream → the files of a video.
        read_annotations: Finds the annotations in the sources: path in the folder → a file to link to, or content.
        configs: The configs with all streams.
        visual_configs: The configs without sound.
        optional: Path in the folder that may be lacking → what to say if it is.
    """

    name: str
    root_variable: str
    streams: dict[str, tuple[FeatureFiles, ...]]
    read_annotations: Callable[[Sources], dict[str, Content]]
    configs: tuple[str, ...]
    visual_configs: tuple[str, ...]
    optional: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """A file that leads to another; its folder is made."""

    source: Path

    def fits(self, path: Path) -> bool:
        """Whether what is at ``path`` is this."""
        return path.exists() and path.samefile(self.source)

    def make(self, path: Path) -> None:
        """Put it at ``path``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(self.source)


@dataclass(frozen=True)
class Written:
    """A JSON file."""

    content: dict

    def fits(self, path: Path) -> bool:
        """Whether what is at ``path`` is this."""
        try:
            return read_json(path, 'file') == json.loads(json.dumps(self.content))
        except UserInputError:
            return False

    def make(self, path: Path) -> None:
        """Put it at ``path``."""
        write_json(path, self.content)


@dataclass(frozen=True)
class Repacked:
    """The array of an ``.npy`` file under a name in an ``.npz`` file."""

    source: Path
    key: str

    def fits(self, path: Path) -> bool:
        """Whether what is at ``path`` is this, by its shape."""
        try:
            with np.load(path) as archive:
                return archive[self.key].shape == np.load(self.source, mmap_mode='r').shape
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return False

    def make(self, path: Path) -> None:
        """Put it at ``path``."""
        with written_whole(path, 'wb') as file:
            np.savez(file, **{self.key: np.load(self.source, mmap_mode='r')})


@dataclass
class Plan:
    """What is to be in a data set's folder.

    Args:
        files: Path → what is to be there.
        annotations: The events of each annotation file, by its path.
        lacking: Stream → annotated videos that lack a file of it.
        packed: What to say of archives among the sources.
    """

    files: dict[Path, Link | Written | Repacked] = field(default_factory=dict)
    annotations: dict[Path, Events] = field(default_factory=dict)
    lacking: dict[str, list[str]] = field(default_factory=dict)
    packed: str = ''

    @property
    def videos(self) -> dict[str, Video]:
        """The annotated videos, as the last annotation file has them."""
        return {video.video_id: video for events in self.annotations.values() for video in events.videos}

    def outstanding(self) -> dict[Path, Link | Written | Repacked]:
        """What is not there yet.

        Raises:
            UserInputError: If something else is where a file should be.
        """
        there = {path for path in self.files if os.path.lexists(path)}
        conflicts = [path for path in self.files if path in there and not self.files[path].fits(path)]
        if conflicts:
            raise UserInputError(
                f'{len(conflicts)} files are there already and differ from what would be put there; nothing was '
                'changed. Move them away, or choose another folder:\n  ' + '\n  '.join(map(str, conflicts[:5]))
            )
        return {path: file for path, file in self.files.items() if path not in there}


def make_plan(
    layout: DatasetLayout, sources: Sources, out: str | os.PathLike, folders: dict[str, Sources] | None = None
) -> Plan:
    """What brings the sources into the layout.

    Args:
        layout: The data set's layout.
        sources: Where everything is looked for.
        out: The data set's folder.
        folders: Stream → where its features are looked for instead.

    Raises:
        UserInputError: If there are no annotations or no visual features, or features are not of the right width.
    """
    root, folders = Path(out).absolute(), folders or {}
    plan = Plan(packed=''.join(dict.fromkeys(source.packed() for source in (sources, *folders.values()))))
    for path, content in layout.read_annotations(sources).items():
        if isinstance(content, dict):
            plan.files[root / path] = Written(content)
            continue
        plan.annotations[root / path] = events = read_events(content) if isinstance(content, Path) else content
        plan.files[root / path] = Link(content) if isinstance(content, Path) else Written(content_of(events))
    videos = plan.videos
    for stream, kinds in layout.streams.items():
        lacking: set[str] = set()
        for files in kinds:
            if stream in folders:
                found = folders[stream].features(videos, replace(files, needs_word=False, other_words=()))
            else:
                found = sources.features(videos, files)
            lacking |= videos.keys() - found.keys()
            if found:
                _check_width(next(iter(found.values())), stream, files)
            for video_id, source in found.items():
                repack = files.key is not None and source.suffix == '.npy'
                target = root / files.target.replace('{id}', video_id)
                plan.files[target] = Repacked(source, str(files.key)) if repack else Link(source)
        plan.lacking[stream] = [video_id for video_id in videos if video_id in lacking]
    if len(plan.lacking['visual']) == len(videos):
        names = ' or '.join(name for files in layout.streams['visual'] for name in files.names)
        looked_in = folders.get('visual', sources)
        roots = ', '.join(map(str, looked_in.roots))
        raise UserInputError(
            f'None of the {len(videos)} videos has its visual features under {roots}; they are looked for as '
            f'{names}{looked_in.packed()}'
        )
    return plan


def require(sources: Sources, *names: str) -> Path:
    """The file with the first of these names that there is.

    Raises:
        UserInputError: If there is none.
    """
    path = sources.find(*names)
    if path is None:
        roots = ', '.join(map(str, sources.roots))
        raise UserInputError(f'There is no {" or ".join(names)} under {roots}{sources.packed()}')
    return path


def _check_width(path: Path, stream: str, files: FeatureFiles) -> None:
    """Opens the first file of many; the doctor opens all."""
    shape = feature_shape(str(path), files.key)
    if shape[1] != files.channels:
        raise UserInputError(f'{path} is {shape}, but the {stream} features should be (T, {files.channels})')
