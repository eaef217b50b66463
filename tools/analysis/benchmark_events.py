"""How long files of events take to read, against Python's own reader of JSON or CSV without any sense made of it.

Printed are the seconds of one after the other, best of some runs, and their ratio.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mmdel.events import Events, Video, read_events, write_events


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--num-videos', type=int, default=20_000, help='of the JSON file (default: %(default)s)')
    parser.add_argument('--num-rows', type=int, default=1_000_000, help='of the table (default: %(default)s)')
    parser.add_argument('--runs', type=int, default=3, help='default: %(default)s')
    args = parser.parse_args()
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        as_json, as_csv = Path(folder, 'x.json'), Path(folder, 'x.csv')
        write_events(make_events(args.num_videos, 2 * args.num_videos), as_json)
        write_events(make_events(max(args.num_rows // 50, 1), args.num_rows), as_csv)
        compare(f'JSON of {args.num_videos} videos', as_json, lambda: json.loads(as_json.read_text()), args.runs)
        compare(f'CSV of {args.num_rows} events', as_csv, lambda: read_csv(as_csv), args.runs)


def make_events(num_videos: int, num: int) -> Events:
    """So many events of 200 classes, in turns in so many videos."""
    rng = np.random.default_rng(0)
    start_sec = rng.uniform(0, 100, num).round(3)
    return Events(
        tuple(Video(f'video_{number:06d}', 130.0, subset='train') for number in range(num_videos)),
        tuple(f'class {number}' for number in range(200)),
        np.arange(num) % num_videos,
        rng.integers(200, size=num),
        start_sec,
        (start_sec + rng.uniform(0.1, 20, num)).round(3),
    )


def read_csv(path: Path) -> list[list[str]]:
    """The cells."""
    with open(path, encoding='utf-8', newline='') as file:
        return list(csv.reader(file))


def compare(what: str, path: Path, reference: Callable[[], Any], runs: int) -> None:
    """Print both times and their ratio."""
    ours = best(lambda: read_events(path), runs)
    theirs = best(reference, runs)
    print(f'{what}: {ours:.2f} s; the bare reader {theirs:.2f} s; ratio {ours / theirs:.1f}')


def best(read: Callable[[], Any], runs: int) -> float:
    """The seconds of the fastest run."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        read()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == '__main__':
    main()
