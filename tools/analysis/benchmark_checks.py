"""How long tools/data/check.py takes for the headers of many videos, in UnAV-100's layout and shapes.

The features are whole headers in front of holes, which take no space on the disk.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from benchmarking import write_unav100
from mmengine.config import Config

from mmdel.datasets.checks import diagnose

CONFIG = Path(__file__).parents[2] / 'configs/del_unav100.py'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--num-videos', type=int, default=10_000, help='default: %(default)s')
    parser.add_argument('--workers', type=int, default=2, help='processes (default: %(default)s)')
    args = parser.parse_args()
    logging.disable(logging.INFO)  # mmengine tells every environment variable that it reads
    with tempfile.TemporaryDirectory() as folder:
        lengths = np.random.default_rng(0).integers(30, 225, size=args.num_videos).tolist()
        write_unav100(Path(folder), lengths, ('train', 'validation', 'test'), write_header)
        os.environ['MMDEL_UNAV100_ROOT'] = folder
        started = time.perf_counter()
        diagnosis = diagnose(Config.fromfile(CONFIG), headers_only=True, num_workers=args.workers)
        seconds = time.perf_counter() - started
    files = f'{args.num_videos} videos, {diagnosis.num_files} files, {args.workers} processes'
    print(f'{files}: {seconds:.1f} s, {len(diagnosis.problems)} problems')


def write_header(path: Path, num_steps: int, width: int) -> None:
    """A feature file without content."""
    with open(path, 'wb') as file:
        np.lib.format.write_array_header_1_0(file, dict(descr='<f4', fortran_order=False, shape=(num_steps, width)))
        file.truncate(file.tell() + 4 * num_steps * width)


if __name__ == '__main__':
    main()
