"""Many tasks over several processes, of which one may die without the others."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeAlias

from mmdel.utils.errors import UserInputError

THREAD_VARIABLES = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')
SPAWN = multiprocessing.get_context('spawn')
Run: TypeAlias = Callable[[Any, Callable[[Any], None]], Any]  # of a task, and of what reports its progress
STOP_SEC = 10.0  # until a process that was asked to stop is killed


@dataclass
class Outcome:
    """How a task ended, or how far it is.

    Attributes:
        task: The task.
        result: What it gave; of one that goes on, what it reported last.
        error: Why it failed, '' if it did not.
        is_done: False of one that goes on.
    """

    task: Any
    result: Any = None
    error: str = ''
    is_done: bool = True


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    task: Any = field(default=None)


def run_tasks(
    make: Callable[..., Run], args: tuple, tasks: Iterable[Any], num_workers: int
) -> Generator[Outcome, None, None]:
    """Runs tasks in processes of one thread each; yields what they report, and how each ends, as it happens.

    An error of a task, or the death of its process, ends that task alone. When the iterator is closed or interrupted,
    the processes are stopped as by SIGTERM, so that what they write whole is whole or not there.

    Args:
        make: Called once in each process with ``args``; gives what runs a task. It can be pickled, as can ``args``,
            tasks and results.
        args: See ``make``.
        tasks: The tasks.
        num_workers: Processes, >= 1.
    """
    waiting = deque(tasks)
    workers = [_start(make, args) for _ in range(min(num_workers, len(waiting)))]
    try:
        for worker in workers:
            _give(worker, waiting)
        while busy := [worker for worker in workers if worker.task is not None]:
            ready = wait([worker.pipe for worker in busy])
            for worker in busy:
                if worker.pipe not in ready:
                    continue
                try:
                    kind, value = worker.pipe.recv()
                except (EOFError, OSError):
                    yield Outcome(worker.task, error=_how_it_ended(worker.process))
                    workers.remove(worker)
                    if waiting:
                        workers.append(worker := _start(make, args))
                        _give(worker, waiting)
                    continue
                task = worker.task
                if kind != 'report':
                    _give(worker, waiting)
                yield Outcome(
                    task, value if kind != 'error' else None, value if kind == 'error' else '', kind != 'report'
                )
    finally:
        _stop(workers)


def _start(make: Callable, args: tuple) -> _Worker:
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, '1'))  # read when numpy or torch is imported
    # A process inherits which signals are blocked: a terminal's interruption is for the first process alone. When the
    # tracker of multiprocessing is started, it unblocks them again, so it is there before.
    resource_tracker.ensure_running()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        mine, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=_work, args=(theirs, make, args), daemon=True)
        process.start()
        theirs.close()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return _Worker(process, mine)


def _give(worker: _Worker, waiting: deque) -> None:
    worker.task = waiting.popleft() if waiting else None
    with suppress(OSError):  # it has died, which the next look at its pipe tells
        worker.pipe.send(worker.task)


def _how_it_ended(process: BaseProcess) -> str:
    process.join()
    code = process.exitcode or 0
    if code >= 0:
        return f'the process that read it ended with status {code}'
    hint = ', most often for want of memory: use fewer workers' if -code == signal.SIGKILL else ''
    return f'the process that read it was ended by {signal.Signals(-code).name}{hint}'


def _stop(workers: list[_Worker]) -> None:
    for worker in workers:
        if worker.task is not None:
            worker.process.terminate()
        worker.pipe.close()
    for worker in workers:
        worker.process.join(STOP_SEC)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _work(pipe: Connection, make: Callable, args: tuple) -> None:
    """A process: tasks from the pipe until it is closed."""
    signal.signal(signal.SIGTERM, _leave)
    function = make(*args)
    with suppress(EOFError, OSError):
        while (task := pipe.recv()) is not None:
            try:
                pipe.send(('result', function(task, lambda value: pipe.send(('report', value)))))
            except UserInputError as error:
                pipe.send(('error', str(error)))
            except Exception as error:
                pipe.send(('error', f'{type(error).__name__}: {error}'))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is leaving


def _leave(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)
