"""How many times real time decoding and each preset's extraction take, on a core, and mmdel extract on all.

A video is made: 640 x 360 pixels, 30 pictures a second, H.264, with sound at 44.1 kHz. Decoding is measured for what
the preset reads, extraction on what was decoded before. "on a core" counts the time of processors, whatever else runs.

Example:
    python tools/analysis/benchmark_extraction.py --seconds 60 --workers 2
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from terminaltables import AsciiTable

from mmdel.features import PRESETS, build_streams
from mmdel.features.extract_files import FeatureFolder
from mmdel.media import MediaReader, VideoWriter
from mmdel.utils.run_command import run_command

HEIGHT, WIDTH, FPS, HZ = 360, 640, 30, 44100
PAIRS = {
    'weight-free': ('frames', 'log_mel'),
    'fine': ('fine_frames', 'fine_log_mel'),
    'learned': ('efficientnet', 'speech'),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seconds', type=int, default=60, help='length of the video (default: %(default)s)')
    parser.add_argument('--workers', type=int, default=2, help='processes of mmdel extract (default: %(default)s)')
    parser.add_argument('--videos', type=int, default=8, help='videos for mmdel extract (default: %(default)s)')
    parser.add_argument('--presets', nargs='+', default=list(PRESETS), choices=list(PRESETS), help='(default: all)')
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder, 'video.mp4')
        write_video(video, args.seconds)
        rows = [['preset', 'step every', 'channels', 'decoding', 'extraction']]
        rows += [preset_row(name, video, args.seconds) for name in args.presets]
        print('times real time, on a core')
        print(AsciiTable(rows).table)
        print(f'times real time, mmdel extract of {args.videos} videos with {args.workers} processes')
        pairs = {name: pair for name, pair in PAIRS.items() if {*pair} <= {*args.presets}}
        rows = [['streams', 'as it is', 'on a core']]
        rows += [pair_row(name, pair, video, args) for name, pair in pairs.items()]
        print(AsciiTable(rows).table)


def write_video(path: Path, seconds: int) -> None:
    """A picture that moves, with a little noise, and a tone in noise."""
    rng = np.random.default_rng(0)
    large = np.repeat(np.repeat(rng.integers(256, size=(48, 96, 3), dtype=np.uint8), 16, axis=0), 16, axis=1)
    times = np.arange(HZ) / HZ
    with VideoWriter(path, FPS, HEIGHT, WIDTH, HZ) as writer:
        for second in range(seconds):
            places = [(second * FPS + i) % 300 for i in range(FPS)]
            pictures = np.stack([large[i : i + HEIGHT, 2 * i : 2 * i + WIDTH] for i in places])
            writer.write(pictures // 2 + rng.integers(8, size=pictures.shape, dtype=np.uint8))
            sound = 0.2 * np.sin(2 * np.pi * (300 + 50 * second) * times) + rng.normal(scale=0.02, size=HZ)
            writer.write_sound(sound.astype(np.float32))


def preset_row(name: str, video: Path, seconds: int) -> list[str]:
    """What a preset gives, and its speed."""
    stream = build_streams({'x': PRESETS[name]})['x']
    (rate,) = stream.rates
    blocks: list[np.ndarray] = []
    decoding_sec = core_seconds(block['x'] for block in keep(MediaReader(video, {'x': rate}), blocks))
    extraction_sec = core_seconds(stream.push({rate: block}) for block in blocks)
    speeds = [f'{seconds / spent_sec:.1f}' for spent_sec in (decoding_sec, extraction_sec)]
    return [name, f'{stream.grid.step_sec:g} s', str(stream.channels), *speeds]


def keep(reader: Iterable[Mapping[str, np.ndarray]], blocks: list[np.ndarray]) -> Iterable[Mapping[str, np.ndarray]]:
    """The blocks of a reader, kept."""
    for block in reader:
        blocks.append(block['x'])
        yield block


def core_seconds(work: Iterable) -> float:
    """How long the processors take for all of it."""
    started = time.process_time()
    for _ in work:
        pass
    return time.process_time() - started


def pair_row(name: str, pair: tuple[str, str], video: Path, args: argparse.Namespace) -> list[str]:
    """The speed of ``mmdel extract`` with two presets: from its first result on, and by the time of its processors."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f'{index}.mp4') for index in range(args.videos)]
        for path in paths:
            shutil.copy(video, path)
        configs = {stream: [PRESETS[preset]] for stream, preset in zip(('visual', 'audio'), pair, strict=True)}
        before, started, media_sec = children_seconds(), 0.0, 0.0
        for step in FeatureFolder(Path(folder, 'out'), configs, paths).run(args.workers):
            started = started or time.perf_counter()
            media_sec += step.media_sec
        wall_sec, core_sec = time.perf_counter() - started, children_seconds() - before
        return [f'{name}: {" + ".join(pair)}', f'{media_sec / wall_sec:.1f}', f'{media_sec / core_sec:.1f}']


def children_seconds() -> float:
    """The processors' time of processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == '__main__':
    run_command(main)
