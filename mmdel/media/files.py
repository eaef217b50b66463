"""Which files are media, and the ids of their videos."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmdel.utils.errors import UserInputError
from mmdel.utils.names import MEDIA_SUFFIX, cut_suffix, file_name


def find_media(inputs: Sequence[str]) -> list[Path]:
    """The media files that files, folders and patterns name: sorted, each once.

    Of a folder, and of those in it, every file with a suffix of media (.mp4, .wav …) counts, except hidden ones. A
    pattern is as in a shell, ``**`` for any folders.

    Raises:
        UserInputError: If one of the inputs names nothing.
    """
    found: dict[Path, Path] = {}
    for name in map(os.fspath, inputs):
        if os.path.isdir(name):
            paths = [path for path in Path(name).rglob('*') if _is_media(path.relative_to(name)) and path.is_file()]
            reason = 'a folder without media files'
        elif os.path.exists(name):
            paths, reason = [Path(name)], ''
        else:
            paths = [Path(path) for path in glob.glob(name, recursive=True) if os.path.isfile(path)]
            reason = 'no file fits this pattern' if glob.has_magic(name) else 'there is no such file or folder'
        if not paths:
            raise UserInputError(f'{name}: {reason}')
        for path in paths:
            found.setdefault(path.resolve(), path)
    return sorted(found.values())


def _is_media(path: Path) -> bool:
    return MEDIA_SUFFIX.search(path.name) is not None and not any(part.startswith('.') for part in path.parts)


def media_ids(paths: Sequence[Path]) -> dict[Path, str]:
    """The id of each file's video: its name without suffix, with its folders before it where several are of one name.

    ``a/x.mp4`` and ``b/x.mp4`` are ``a_x`` and ``b_x``; what is still the same keeps its suffix, ``x.wav``.

    Raises:
        UserInputError: If two files still have the same id.
    """
    stems = {path: file_name(cut_suffix(path.name)) for path in paths}
    counts = Counter(stems.values())
    alike = [path for path in paths if counts[stems[path]] > 1]
    ids = dict(stems)
    if alike:
        common = Path(os.path.commonpath([path.resolve().parent for path in alike]))
        places = {path: path.resolve().relative_to(common) for path in alike}
        ids |= {path: file_name(cut_suffix('_'.join(place.parts))) for path, place in places.items()}
        counts = Counter(ids.values())
        ids |= {path: file_name('_'.join(place.parts)) for path, place in places.items() if counts[ids[path]] > 1}
    for name, count in Counter(ids.values()).items():
        if count > 1:
            same = ', '.join(str(path) for path in paths if ids[path] == name)
            raise UserInputError(f'These files would have one id, {name}: {same}')
    return ids
