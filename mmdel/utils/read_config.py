"""A config file read, or one line that says which file, which line and what is wrong there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from mmdel.compat import SHIPPED_CONFIGS
from mmdel.utils.errors import UserInputError
from mmdel.utils.names import nearest

if TYPE_CHECKING:
    from mmengine.config import Config


def find_config(name: str) -> str | None:
    """The file that a config is asked for by: a path, or a bare name such as ``del_unav100``.

    A bare name is that of a file in the current folder or, if there is none, of a config that comes with mmdel.
    """
    if name.endswith('.py'):
        return name if Path(name).is_file() else None
    return next((str(path) for path in (Path(f'{name}.py'), SHIPPED_CONFIGS / f'{name}.py') if path.is_file()), None)


def is_config(name: str) -> bool:
    """Whether a word of a command line means a config, and not a file of events."""
    return name.endswith('.py') or (not Path(name).exists() and find_config(name) is not None)


def read_config(name: str) -> Config:
    """The config of a file and its bases.

    Args:
        name: As for :func:`find_config`.

    Raises:
        UserInputError: If there is no such file, or it cannot be read, naming the file among it and its bases, and the
            line or the key.
    """
    from mmengine.config import Config  # which imports torch: not every command reads a config

    path = find_config(name)
    if path is None:
        raise UserInputError(f'there is no config file {name}{_nearest_file(name)}')
    try:
        return Config.fromfile(path)
    except Exception as error:  # a config is a program, in which anything can go wrong
        frames = _frames(error)
        files = [frame.f_locals['filename'] for frame, _ in frames if frame.f_code.co_name == '_file2dict']
        file = _shown(files[-1] if files else path, path)
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        text = f'{type(error).__name__}: {said}'.split('\n')[0]
        if isinstance(error, SyntaxError):
            place, text = f'{file}, line {error.lineno}', f'{error.msg}: {(error.text or "").strip()}'.rstrip(': ')
        elif isinstance(error, FileNotFoundError) and len(files) > 1 and not Path(files[-1]).exists():
            place, text = _shown(files[-2], path), f'there is no base {files[-1]}{_nearest_file(files[-1])}'
        elif keys := [frame.f_locals['k'] for frame, _ in frames if frame.f_code.co_name == '_merge_a_into_b']:
            merged = frames[-1][0].f_locals
            place = f'{file}, {".".join(map(str, keys))}'
            text = (
                f'{dict(merged["v"])} cannot change {merged["b"][merged["k"]]!r} of the base, which is no dict; '
                '_delete_=True in it would replace that'
            )
        elif 'import_modules_from_strings' in str(error) or 'custom modules' in str(error):
            place, text = f'{file}, custom_imports', _import_text(error)
        else:
            lines = [line for frame, line in frames if files and frame.f_code.co_filename == files[-1]]
            place = f'{file}, line {lines[-1]}' if lines else file
            if isinstance(error, AttributeError) and isinstance(error.obj, Mapping):
                text = f'the base has no {error.name!r}{nearest(str(error.name), error.obj.keys())}'
        raise UserInputError(f'the config {path} cannot be read: {place}: {text}') from error


@contextmanager
def in_config(path: str | None) -> Iterator[None]:
    """Lets the message of a :class:`UserInputError` begin with the config's path."""
    try:
        yield
    except UserInputError as error:
        raise UserInputError(f'{path or "the config"}: {error}') from error


def _frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """The frames that an error came through and their lines, the innermost last."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return frames


def _shown(file: str, path: str) -> str:
    """A file's path as the user wrote it, if it is the config itself."""
    return path if Path(file).resolve() == Path(path).resolve() else file


def _nearest_file(name: str) -> str:
    """A hint at a file of nearly this name in the folder or, for a bare name, among the shipped configs."""
    folder = Path(name).parent
    names = {file.name for file in folder.glob('*.py')} if folder.is_dir() else set()
    if not name.endswith('.py'):
        names = {file.removesuffix('.py') for file in names} | {file.stem for file in SHIPPED_CONFIGS.glob('*.py')}
    return nearest(Path(name).name, names, 0.7)


def _import_text(error: Exception) -> str:
    """Which module cannot be imported and why; or which key is unknown."""
    if isinstance(error, TypeError) and "argument '" in str(error):
        key = str(error).split("argument '")[1].split("'")[0]
        return f'it takes no {key!r}{nearest(key, {"imports", "allow_failed_imports"})}'
    causes: list[Any] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    return f'{type(causes[-1]).__name__}: {causes[-1]}'.split('\n')[0]
