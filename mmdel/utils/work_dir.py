"""A work directory belongs to one training at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
from logging import WARNING
from pathlib import Path

from mmengine.logging import print_log

from mmdel.utils.errors import UserInputError

LOCK_FILE = '.lock'
LEFT_BEHIND = re.compile(r'\.(.+\.pth|last_checkpoint)\.[a-z0-9_]{8}')  # as files.written_whole names them
_holders: dict[str, int] = {}  # lock file → process that holds it: not a process that was forked of it


def claim_work_dir(work_dir: str | os.PathLike) -> None:
    """This process trains in ``work_dir`` until it ends, and clears what an earlier one was killed in writing.

    The lock is the kernel's, and ends with the process, however that ends. Data workers do not inherit it.

    Raises:
        UserInputError: If another process trains there; with its id and its machine.
    """
    path = Path(work_dir, LOCK_FILE).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    if _holders.get(str(path)) == os.getpid():
        return  # a second opening, once closed, would end the lock
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(handle, 200).decode(errors='replace').strip()
        os.close(handle)
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            said = f'{path} cannot be locked: {error.strerror}; nothing stops a second training there'
            print_log(said, level=WARNING)
            return
        raise UserInputError(
            f'another training is running in {work_dir} ({holder or "unknown process"}): wait for its end, or name '
            'another --work-dir'
        ) from error
    os.ftruncate(handle, 0)
    os.write(handle, f'process {os.getpid()} on {socket.gethostname()}\n'.encode())
    _holders[str(path)] = os.getpid()  # the handle stays open
    clear_left_behind(path.parent)


def clear_left_behind(folder: Path) -> None:
    """Removes the halves of checkpoints that a killed process has left."""
    for path in folder.iterdir():
        if LEFT_BEHIND.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink()
