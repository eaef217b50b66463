"""The folders of feature files: each listed once; which files are there, and which no video asks for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from mmdel.datasets import feature_pack
from mmdel.datasets.checks.defects import Defect
from mmdel.datasets.feature_store import list_folder


class Folders:
    """The names in folders, each listed when it is first asked for."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}
        self.problems: dict[str, str] = {}

    def has(self, path: str) -> bool:
        """Whether a file is there."""
        folder, name = os.path.split(path)
        return name in self.names(folder)

    def names(self, folder: str) -> set[str]:
        """The names in a folder; none if it cannot be listed, and then ``problems`` says why."""
        if folder not in self._names:
            self._names[folder] = self._list(folder)
        return self._names[folder]

    def _list(self, folder: str) -> set[str]:
        try:
            if not feature_pack.is_inside(folder):
                os.listdir(folder or '.')
            return list_folder(folder)
        except Exception as error:  # whatever the system or a packed file says
            self.problems[folder] = getattr(error, 'strerror', None) or str(error)
            return set()

    def missing(self, path: str, video_id: str, subset: str, severity: str) -> Defect | None:
        """The defect of a file that is not there; none if its whole folder is not."""
        if self.has(path):
            return None
        folder, name = os.path.split(path)
        if folder in self.problems:
            return None
        others = [other for other in self.names(folder) if other.casefold() == name.casefold()]
        found = f'no such file, but {others[0]!r}' if others else 'no such file'
        return Defect('missing-file', found, f'{name!r} in the folder', video_id, path, subset, severity=severity)

    def missing_folders(self, feature_help: str) -> list[Defect]:
        """The folders that could not be listed."""
        expected = 'a folder of feature files' + (f'. {feature_help}' if feature_help else '')
        return [Defect('missing-folder', reason, expected, file=folder) for folder, reason in self.problems.items()]

    def unnamed(self, patterns: Iterable[str], named: set[str]) -> list[Defect]:
        """The files that look like features (a path with ``{id}``) but are none of those in ``named``."""
        defects: dict[str, Defect] = {}
        for pattern in sorted(set(patterns)):
            folder, name = os.path.split(pattern)
            if '{id}' in folder or folder not in self._names:
                continue
            shape = re.compile('(.+)'.join(map(re.escape, name.split('{id}'))))
            for other in sorted(self.names(folder)):
                path = os.path.join(folder, other)
                match = shape.fullmatch(other)
                if match and path not in named:
                    found = 'a file of no annotated video'
                    defects[path] = Defect('unnamed-file', found, 'an annotation', match[1], path)
        return list(defects.values())
