"""Reading and writing files so that what goes wrong is said with the path, and no file is ever half written."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from mmdel.utils.errors import UserInputError

HEAD_BYTES = 512
ENCODING_ADVICE = 'save it as UTF-8'
SIGNATURES = (  # how a file begins, and what it is then
    (b'version https://git-lfs', 'a Git LFS pointer and not the file itself: fetch that with git lfs pull'),
    (b'/annex/objects/', 'a git-annex pointer and not the file itself: fetch that with git annex get'),
    (b'\xff\xfe\0\0', f'text in UTF-32: {ENCODING_ADVICE}'),
    (b'\xff\xfe', f'text in UTF-16: {ENCODING_ADVICE}'),
    (b'\xfe\xff', f'text in UTF-16: {ENCODING_ADVICE}'),
    (b'PK\3\4', 'a zip archive, as .npz and .pt files are'),
    (b'\x1f\x8b', 'a gzip archive: unpack it'),
    (b'7z\xbc\xaf', 'a 7z archive: unpack it'),
    (b'Rar!', 'a rar archive: unpack it'),
    (b'BZh', 'a bzip2 archive: unpack it'),
    (b'\xfd7zXZ', 'an xz archive: unpack it'),
    (b'\x93NUMPY', 'a numpy array, whose name should end in .npy'),
    (b'\x89HDF', 'an HDF5 file'),
    (b'MATLAB', 'a MATLAB file'),
    *(
        (begin, 'a pickle, which is not opened, because it can run any program')
        for begin in (*(bytes([0x80, protocol]) for protocol in range(2, 6)), b'(dp', b'(lp', b'cnumpy')
    ),
)


def kind_of_content(head: bytes) -> str:
    """What a file is, by its first bytes, where that is no text in UTF-8; empty if they do not tell."""
    if not head:
        return 'empty'
    text = head.removeprefix(b'\xef\xbb\xbf').lstrip().lower()
    if text.startswith((b'<!doctype html', b'<html', b'<?xml')):
        return 'a web page, such as a failed download leaves'
    if re.match(rb'([\t-~]\0){4}|(\0[\t-~]){4}', head):  # without its mark
        return f'text in UTF-16: {ENCODING_ADVICE}'
    return next((kind for signature, kind in SIGNATURES if head.startswith(signature)), '')


KINDS_OF_PATH = (
    (stat.S_ISDIR, 'a folder'),
    (stat.S_ISFIFO, 'a pipe'),
    (stat.S_ISSOCK, 'a socket'),
    (stat.S_ISCHR, 'a device'),
    (stat.S_ISBLK, 'a device'),
)


def why_unopened(path: str | os.PathLike) -> str:
    """Why a path is not opened; empty if it leads to a file. Links are followed.

    Opening a pipe waits for whoever writes to it, and a device may never end.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # a ValueError of an odd name
        return getattr(error, 'strerror', None) or str(error)
    kinds = (kind for is_kind, kind in KINDS_OF_PATH if is_kind(mode))
    return '' if stat.S_ISREG(mode) else f'it is {next(kinds, "something else")}, not a file'


def why_not_unpacked(path: str | os.PathLike) -> str:
    """Why a file of torch is not read; empty if it may be.

    It packs a zip archive without compression, so that one whose parts are larger than itself is not of its making.
    """
    if not zipfile.is_zipfile(path):
        return ''
    with zipfile.ZipFile(path) as archive:
        num_bytes = sum(part.file_size for part in archive.infolist())
    size = os.path.getsize(path)
    return f'its {size} bytes claim to hold {num_bytes}' if num_bytes > size else ''


def require_regular_file(path: str | os.PathLike, what: str) -> None:
    """Stops at a path that leads to no file, before it is opened.

    Args:
        path: The path.
        what: What the file is, for messages: 'annotation file'.

    Raises:
        UserInputError: If there is nothing, or a folder, a pipe, a socket or a device.
    """
    if reason := why_unopened(path):
        raise UserInputError(f'Cannot read the {what} {path}: {reason}')


def digest(path: str | os.PathLike) -> str:
    """The SHA-256 of a file."""
    value = hashlib.sha256()
    with open(path, 'rb') as file:
        while part := file.read(2**20):
            value.update(part)
    return value.hexdigest()


def read_bytes(path: str | os.PathLike, what: str) -> bytes:
    """The content of a file.

    Args:
        path: The file.
        what: What it is, for messages: 'annotation file'.

    Raises:
        UserInputError: If the file cannot be read.
    """
    require_regular_file(path, what)
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserInputError(f'Cannot read the {what} {path}: {error.strerror}') from error
    except (MemoryError, OverflowError) as error:
        size = os.path.getsize(path)
        raise UserInputError(f'Cannot read the {what} {path}: its {size} bytes do not fit in the memory') from error


def read_text(path: str | os.PathLike, what: str) -> str:
    """The content of a text file in UTF-8, with or without a byte order mark.

    Raises:
        UserInputError: If the file cannot be read, or is something else: the message says what.
    """
    content = read_bytes(path, what)
    kind = kind_of_content(content[:HEAD_BYTES])
    if kind:
        raise UserInputError(f'The {what} {path} is {kind}')
    return decode_text(content, path, what)


def decode_text(content: bytes, path: str | os.PathLike, what: str) -> str:
    """The text of a file's content in UTF-8, with or without a byte order mark.

    Raises:
        UserInputError: If it is not in UTF-8; with the line.
    """
    try:
        return content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line, byte = content.count(b'\n', 0, error.start) + 1, content[error.start]
        raise UserInputError(
            f'The {what} {path} is not in UTF-8 (byte 0x{byte:02x} in line {line}), but perhaps in Latin-1 or Windows '
            f'1252: {ENCODING_ADVICE}'
        ) from error


def read_json(path: str | os.PathLike, what: str, object_pairs_hook: Callable | None = None) -> Any:
    """The content of a JSON file.

    Args:
        path: The file.
        what: What it is, for messages: 'annotation file'.
        object_pairs_hook: As in :func:`json.load`.

    Raises:
        UserInputError: If the file cannot be read or is not JSON.
    """
    text = read_text(path, what)
    try:
        return json.loads(text, object_pairs_hook=object_pairs_hook)
    except (ValueError, RecursionError) as error:
        raise UserInputError(f'The {what} {path} is not JSON: {error}') from error


@contextmanager
def written_whole(path: str | os.PathLike, mode: str = 'w') -> Iterator[IO[Any]]:
    """A file to write to that takes its name when all is written: it appears whole or not at all.

    Its folder is made. What was there before stays until then. All is flushed to the disk first, so that this also
    holds where the machine goes down. A process that is killed while it writes leaves a file ``.<name>.<8 letters>``.

    Raises:
        UserInputError: If it cannot be written.
    """
    path, temporary = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
        with os.fdopen(handle, mode, encoding=None if 'b' in mode else 'utf-8') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        temporary = None
        _flush_folder(path.parent)
    except BaseException as error:
        if temporary is not None:
            with suppress(FileNotFoundError):  # a signal may have come after it took its name
                os.unlink(temporary)
        if isinstance(error, OSError):
            raise UserInputError(f'Cannot write to {path}: {error.strerror}') from error
        raise


def _flush_folder(folder: Path) -> None:
    """The names in a folder reach the disk, where its file system lets a folder be flushed."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: str | os.PathLike, content: Any, indent: int | None = None) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        UserInputError: If it cannot be written.
    """
    with written_whole(path) as file:
        json.dump(content, file, indent=indent)  # ASCII, since an id may be no text that UTF-8 can hold
        file.write('\n')
