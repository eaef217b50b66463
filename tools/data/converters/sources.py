"""The files that were downloaded, wherever they lie under a few folders, found by their names."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmdel.events.problems import some_of
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import to_name

ARCHIVE = re.compile(r'\.(zip|tar|tgz|gz|bz2|xz|7z|rar)(\.\d+)?$', re.IGNORECASE)  # the parts of one, too


@dataclass(frozen=True)
class FeatureFiles:
    """One kind of feature file, of which each video has one.

    Args:
        target: Its path in the data set's folder, with ``{id}`` for the video.
        names: Names under which it is found, the most telling first.
        channels: Width that the configs expect.
        words: Of several files of a video, those are meant whose path has one of these words.
        needs_word: A file is meant only if its path has one.
        other_words: Files whose path has one of these hold something else.
        key: Name of the array in an ``.npz``.
    """

    target: str
    names: tuple[str, ...]
    channels: int
    words: tuple[str, ...] = ()
    needs_word: bool = False
    other_words: tuple[str, ...] = ()
    key: str | None = None


class Sources:
    """All files under some folders, by name.

    Args:
        roots: The folders; each is walked once, links to folders are followed.
        skipped: A folder below them that is not looked into: the one that is being made.

    Raises:
        UserInputError: If a folder does not exist.
    """

    def __init__(self, *roots: str | os.PathLike, skipped: str | os.PathLike | None = None) -> None:
        self.roots = [Path(root).absolute() for root in roots]
        self._paths: dict[str, list[str]] = defaultdict(list)  # name of a file → where it lies; ids are in NFC, too
        walked = {os.path.realpath(skipped)} if skipped is not None else set()
        walked -= {os.path.realpath(root) for root in self.roots}
        for root in self.roots:
            if not root.is_dir():
                raise UserInputError(f'There is no folder {root}')
            for folder, subfolders, names in os.walk(root, followlinks=True):
                real = os.path.realpath(folder)
                if real in walked:
                    subfolders.clear()
                    continue
                walked.add(real)
                for name in names:
                    self._paths[to_name(name)].append(os.path.join(folder, name))

    def packed(self) -> str:
        """What to say of the archives that lie there; empty if there are none."""
        archives = [path for name, paths in sorted(self._paths.items()) if ARCHIVE.search(name) for path in paths]
        return f'\nStill packed: {some_of(archives)}; unpack what you need' if archives else ''

    def find(self, *names: str) -> Path | None:
        """The file with the first of these names that there is; None if there is none.

        Raises:
            UserInputError: If there are several of that name, with different content.
        """
        for name in names:
            paths = [Path(path) for path in self._paths.get(to_name(name), ())]
            if paths and any(path.read_bytes() != paths[0].read_bytes() for path in paths[1:]):
                raise UserInputError(
                    f'There are different files {name}: {", ".join(map(str, paths))}; name a folder with one of them'
                )
            if paths:
                return paths[0]
        return None

    def features(self, video_ids: Iterable[str], files: FeatureFiles) -> dict[str, Path]:
        """The feature file of each video that has one.

        Raises:
            UserInputError: If a video has several, in different folders, and their names do not tell which is meant.
        """
        found = {}
        for video_id in video_ids:
            for name in (pattern.replace('{id}', video_id) for pattern in files.names):
                paths = self._paths.get(to_name(name), ())
                paths = [path for path in paths if not self._mentions(path, files.other_words)]
                telling = [path for path in paths if self._mentions(path, files.words)]
                if files.needs_word or (telling and len(paths) > 1):
                    paths = telling
                if len(paths) > 1:
                    folders = ' and in '.join(map(os.path.dirname, paths))
                    raise UserInputError(f'video {video_id}: {name} is in {folders}; name the folder that is meant')
                if paths:
                    found[video_id] = Path(paths[0])
                    break
        return found

    def _mentions(self, path: str, words: Sequence[str]) -> bool:
        """Whether one of the words is in a path below its root, or in the root's own name."""
        below = min((os.path.relpath(path, root.parent) for root in self.roots), key=len).lower()
        return any(word in below for word in words)
