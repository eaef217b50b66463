"""Try everything that reads files of others, and what computes with them, on random cases, and print what came of it.

A case is made of the seed, the campaign's name and the case's number alone, so that one that fails can be tried again:
--first N --cases 1. Cases run in a process of their own: one that ends it by a signal, takes longer than ten seconds or
more than 2 GB costs this case only.

Example:
    python tools/fuzz.py --cases 1000 'features .npy' checkpoints
"""

from __future__ import annotations

import argparse
import logging
import mmap
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tests'))

from fuzzing import CAMPAIGNS, COMPUTING  # noqa: F401  COMPUTING for its test

from mmdel.utils.errors import UserInputError
from mmdel.utils.run_command import run_command

MAX_SEC, MAX_BYTES = 10, 2**31
NUM_SHOWN = 5
PLACE = struct.Struct('=qqqq')  # the case that is tried, and how many were done, refused, and failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('campaigns', nargs='*', help=f'which to run (default: all): {", ".join(CAMPAIGNS)}')
    parser.add_argument('--cases', type=int, default=100_000, help='how many of each (default: 100000)')
    parser.add_argument('--first', type=int, default=0, help='number of the first case (default: 0)')
    parser.add_argument('--seed', type=int, default=0, help='(default: 0)')
    args = parser.parse_args()
    unknown = [name for name in args.campaigns if name not in CAMPAIGNS]
    if unknown:
        raise UserInputError(f'there is no campaign {unknown[0]!r}; there are {", ".join(CAMPAIGNS)}')
    print('| campaign | cases | done | refused | failed | seconds |\n|---|---|---|---|---|---|')
    num_failed = 0
    for name in args.campaigns or CAMPAIGNS:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            counts, said = run(name, range(args.first, args.first + args.cases), args.seed, Path(folder))
        seconds = time.monotonic() - begin
        row = name, args.cases, counts['done'], counts['refused'], counts['failed'], f'{seconds:.0f}'
        print(f'| {" | ".join(map(str, row))} |', flush=True)
        for text in said[:NUM_SHOWN]:
            print(text, file=sys.stderr, flush=True)
        num_failed += counts['failed']
    sys.exit(1 if num_failed else 0)


def run(name: str, numbers: range, seed: int, folder: Path) -> tuple[Counter, list[str]]:
    """What came of the cases, and what is to say of those that failed.

    Args:
        name: The campaign.
        numbers: Those of the cases.
        seed: Of all random numbers.
        folder: For files.
    """
    counts: Counter = Counter()
    said: list[str] = []
    first = numbers.start
    while first < numbers.stop:
        shared = mmap.mmap(-1, PLACE.size)
        shared[:] = PLACE.pack(first, 0, 0, 0)
        with tempfile.TemporaryFile(dir=folder) as output:
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    _try_cases(name, range(first, numbers.stop), seed, folder, shared, output.fileno())
                    status = 0
                finally:
                    os._exit(status)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            output.seek(0)
            said += output.read().decode(errors='replace').split('\0')[:-1]
        place, *numbers_of = PLACE.unpack(shared)
        counts.update(dict(zip(('done', 'refused', 'failed'), numbers_of, strict=True)))
        if status:
            why = 'took too long' if status == -signal.SIGALRM else f'ended its process: {status}'
            said.append(f'{name}, case {place}: {why}')
            counts['failed'] += 1
        first = place + 1
    return counts, said


def _try_cases(name: str, numbers: range, seed: int, folder: Path, shared: mmap.mmap, output: int) -> None:
    """Tries cases one by one; where it is stands in ``shared``."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # whatever the caller does at an alarm
    logging.disable(logging.CRITICAL)
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    limit = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize() + MAX_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    counts = dict(done=0, refused=0, failed=0)
    for number in numbers:
        shared[:] = PLACE.pack(number, *counts.values())
        signal.setitimer(signal.ITIMER_REAL, MAX_SEC)
        answer, text = _try_case(
            CAMPAIGNS[name], np.random.default_rng([seed, zlib.crc32(name.encode()), number]), folder
        )
        signal.setitimer(signal.ITIMER_REAL, 0)
        counts[answer] += 1
        if text and counts['failed'] <= NUM_SHOWN:
            os.write(output, f'{name}, case {number}: {text}\0'.encode(errors='replace'))
        shared[:] = PLACE.pack(number, *counts.values())


def _try_case(campaign: Callable, rng: np.random.Generator, folder: Path) -> tuple[str, str]:
    """What came of a case, and what is to say of it if it failed."""
    try:
        return campaign(rng, folder), ''
    except Exception:  # which is what is looked for
        return 'failed', traceback.format_exc()


if __name__ == '__main__':
    run_command(main)
