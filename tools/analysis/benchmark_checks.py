"""How long tools/data/check.py takes for the headers of many videos, in UnAV-100's layout and shapes.

The features are whole headers in front of holes, which take no space on the disk.

Example:
    python tools/analysis/benchmark_checks.py --num-videos 10000
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from mmengine.config import Config

from mmdel.datasets.checks import diagnose

STRIDE, WINDOW, FPS = 8, 24, 25
WIDTHS = dict(rgb=1024, flow=1024, vggish=128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--num-videos', type=int, default=10_000, help='default: %(default)s')
    parser.add_argument('--workers', type=int, default=2, help='processes (default: %(default)s)')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_layout(Path(folder), args.num_videos)
        started = time.perf_counter()
        diagnosis = diagnose(config(folder), headers_only=True, num_workers=args.workers)
        seconds = time.perf_counter() - started
    files = f'{args.num_videos} videos, {diagnosis.num_files} files, {args.workers} processes'
    print(f'{files}: {seconds:.1f} s, {len(diagnosis.problems)} problems')


def write_layout(root: Path, num_videos: int) -> None:
    """Annotations of three events a video, and feature files of up to 224 steps."""
    rng = np.random.default_rng(0)
    database = {}
    for index in range(num_videos):
        video_id, num_steps = f'video_{index:06d}', int(rng.integers(30, 225))
        for name, width in WIDTHS.items():
            with open(root / f'{video_id}_{name}.npy', 'wb') as file:
                header = dict(descr='<f4', fortran_order=False, shape=(num_steps, width))
                np.lib.format.write_array_header_1_0(file, header)
                file.truncate(file.tell() + 4 * num_steps * width)
        duration = ((num_steps - 1) * STRIDE + WINDOW) / FPS
        times = np.sort(rng.uniform(0, duration, size=(3, 2))).tolist()
        events = [dict(segment=segment, label=str(rng.integers(10))) for segment in times]
        subset = ('train', 'validation', 'test')[index % 3]
        database[video_id] = dict(subset=subset, duration=duration, annotations=events)
    (root / 'annotations.json').write_text(json.dumps(dict(database=database)))


def config(root: str) -> Config:
    """The loaders of the layout in the folder ``root``."""
    streams = dict(
        visual=dict(files=['{id}_rgb.npy', '{id}_flow.npy'], stride=STRIDE, window=WINDOW, fps=FPS, channels=2048),
        audio=dict(files=['{id}_vggish.npy'], stride=32, window=96, fps=100, channels=128),
    )
    streams = {name: dict(stream, root='') for name, stream in streams.items()}
    dataset = dict(type='mmdel.EventDataset', data_root=root, ann_file='annotations.json', streams=streams)
    subsets = dict(train='train', val='validation', test='test')
    loaders = {f'{split}_dataloader': dict(dataset=dict(dataset, subset=name)) for split, name in subsets.items()}
    return Config(dict(default_scope='mmdel', **loaders))


if __name__ == '__main__':
    main()
