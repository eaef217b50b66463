"""Start the processes of a distributed run, as torchrun does; what ends one ends all, in one line."""

from __future__ import annotations

import logging
import signal
import sys

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.run import parse_args, run

ASKED_TO_END = (-signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGINT)


def main() -> None:
    logging.getLogger('torch.distributed.elastic').setLevel(logging.CRITICAL)
    try:
        run(parse_args(sys.argv[1:]))
    except SignalException as error:  # the ranks have ended by themselves, each with what it had to say
        sys.exit(128 + error.sigval)
    except ChildFailedError as error:
        rank, failure = min(error.failures.items(), key=_lateness)
        if failure.exitcode not in ASKED_TO_END:
            said = f'rank {rank} (process {failure.pid}) {_why(failure.exitcode)}; the others, too'
            print(f'error: {said}', file=sys.stderr)
        sys.exit(failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode)


def _lateness(item: tuple[int, ProcessFailure]) -> tuple[bool, bool, int]:
    """Orders failures so that the one that is not the consequence of another comes first."""
    _, failure = item
    return failure.exitcode in ASKED_TO_END, failure.exitcode > 0, failure.timestamp


def _why(exit_code: int) -> str:
    if exit_code == -signal.SIGKILL:
        return 'was killed, most often for want of memory: training goes on with --resume'
    if exit_code < 0:
        return f'was ended by {signal.Signals(-exit_code).name}: training goes on with --resume'
    return f'has ended with status {exit_code}'


if __name__ == '__main__':
    main()
