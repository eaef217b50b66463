"""Reading and writing files so that what goes wrong is said with the path, and no file is ever half written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mmdel.utils.errors import UserInputError


def read_json(path: str | os.PathLike, what: str, object_pairs_hook: Callable | None = None) -> Any:
    """The content of a JSON file.

    Args:
        path: The file.
        what: What it is, for messages: 'annotation file'.
        object_pairs_hook: As in :func:`json.load`.

    Raises:
        UserInputError: If the file cannot be read or is not JSON.
    """
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file, object_pairs_hook=object_pairs_hook)
    except OSError as error:
        raise UserInputError(f'Cannot read the {what} {path}: {error.strerror}') from error
    except (ValueError, RecursionError) as error:
        raise UserInputError(f'The {what} {path} is not JSON: {error}') from error


@contextmanager
def written_whole(path: str | os.PathLike, mode: str = 'w') -> Iterator[IO[Any]]:
    """A file to write to that takes its name when all is written: it appears whole or not at all.

    Its folder is made. What was there before stays until then.

    Raises:
        UserInputError: If it cannot be written.
    """
    path, temporary = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
        with os.fdopen(handle, mode, encoding=None if 'b' in mode else 'utf-8') as file:
            yield file
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise UserInputError(f'Cannot write to {path}: {error.strerror}') from error
        raise


def write_json(path: str | os.PathLike, content: Any, indent: int | None = None) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        UserInputError: If it cannot be written.
    """
    with written_whole(path) as file:
        json.dump(content, file, indent=indent)  # ASCII, since an id may be no text that UTF-8 can hold
        file.write('\n')
