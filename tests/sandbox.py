"""A call in a process of its own, with limits of time and memory: for what may crash, hang or take all memory."""

from __future__ import annotations

import os
import resource
import select
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from mmdel.utils.errors import UserInputError

MAX_SEC, MAX_BYTES = 20.0, 2**30


def run_apart(call: Callable[[], object]) -> str:
    """What a call in a forked process ends in: ``'read: <value>'`` or ``'refused: <message>'``.

    Raises:
        AssertionError: If the process ends by a signal, takes too long, raises anything but a
            :class:`UserInputError`, or tells anybody to switch off the safety of torch or numpy.
    """
    with tempfile.TemporaryFile() as output:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
            os.write(writer, _answer(call).encode(errors='replace')[:60_000])
            os._exit(0)
        os.close(writer)
        try:
            answer = _read(reader, time.monotonic() + MAX_SEC)
        finally:
            os.close(reader)
            os.kill(child, signal.SIGKILL)  # waits for nothing if it has ended
            _, status = os.waitpid(child, 0)
        output.seek(0)
        said = answer + output.read().decode(errors='replace')
    assert answer, f'no answer in {MAX_SEC} s, or ended by a signal: {os.waitstatus_to_exitcode(status)}\n{said}'
    assert answer.startswith(('read: ', 'refused: ')), said
    assert not any(advice in said for advice in ('weights_only', 'allow_pickle', 'safe_globals', 'Traceback')), said
    return answer


def _answer(call: Callable[[], object]) -> str:
    try:
        torch.set_num_threads(1)  # its threads did not come along
        torch.cuda.is_available = lambda: False  # nor did what CUDA knows
        num_pages = int(Path('/proc/self/statm').read_text().split()[0])
        limit = num_pages * resource.getpagesize() + MAX_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        return f'read: {call()}'
    except UserInputError as error:
        return f'refused: {error}'
    except BaseException as error:
        return f'crashed: {type(error).__name__}: {error}'


def _read(reader: int, end: float) -> str:
    """All that comes through a pipe until it is closed; nothing if that takes too long."""
    content = b''
    while select.select([reader], [], [], max(end - time.monotonic(), 0))[0]:
        part = os.read(reader, 65536)
        if not part:
            return content.decode()
        content += part
    return ''


def heed_interruption() -> None:
    """For ``Popen(preexec_fn=…)``: SIGINT ends the process, also where a shell's background jobs ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
