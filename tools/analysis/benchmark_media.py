"""How fast picture and sound of a video are decoded, as multiples of real time: by the clock, and by working core.

Without FILE a video is rendered: H.264 at 25 pictures a second with moving shapes and noise, AAC at 44.1 kHz.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from mmdel.media import MediaReader, PictureRate, SoundRate, VideoWriter, probe

FPS, HZ = 25, 44_100
PICTURES, SOUND = PictureRate(8, 36, 48), SoundRate(16_000)
RATES: dict[str, dict[str, PictureRate | SoundRate]] = {
    'pictures (8 a second, 36 x 48)': dict(pictures=PICTURES),
    'sound (16 kHz)': dict(sound=SOUND),
    'both': dict(pictures=PICTURES, sound=SOUND),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('file', nargs='?', metavar='FILE', help='a video of your own')
    parser.add_argument('--seconds', type=float, default=60, help='of the rendered video (default: %(default)s)')
    parser.add_argument('--height', type=int, default=360, help='of the rendered video (default: %(default)s)')
    parser.add_argument('--runs', type=int, default=3, help='of which the fastest counts (default: %(default)s)')
    parser.add_argument('--num-threads', type=int, help='of the decoder (default: as many as there are cores)')
    args = parser.parse_args()
    before_mb = peak_mb()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(args.file) if args.file else Path(folder, 'rendered.mp4')
        if not args.file:
            render(path, args.seconds, args.height)
        duration_sec = describe(path)
        for what, rates in RATES.items():
            measure(what, duration_sec, partial(decode, path, rates, args.num_threads), args.runs)
    print(f'peak of memory: {peak_mb() - before_mb:.0f} MB above the {before_mb:.0f} MB of the imported packages')


def peak_mb() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def render(path: Path, duration_sec: float, height: int) -> None:
    """Writes a video of squares that move over a drifting ground in noise, with noise to hear."""
    rng = np.random.default_rng(0)
    width, side = height * 16 // 9 // 2 * 2, height // 5
    noise = rng.integers(0, 24, (8, height, width, 3), dtype=np.uint8)
    ground = np.add.outer(np.arange(height) * 0.2, np.arange(width) * 0.15)[..., None] + np.array([20, 40, 60])
    with VideoWriter(path, FPS, height, width, HZ, crf=23) as writer:
        for index in range(round(duration_sec * FPS)):
            picture = np.roll(ground.astype(np.uint8), index, axis=1)
            for speed in (3, 7):
                left, top = index * speed % (width - side), index * (10 - speed) % (height - side)
                picture[top : top + side, left : left + side] = 200, 30 * speed, 40
            writer.write((picture + noise[index % 8])[None])
            writer.write_sound(0.1 * rng.standard_normal(HZ // FPS))


def describe(path: Path) -> float:
    """Prints what the video is, and returns its length in seconds."""
    info = probe(path)
    duration_sec = info.duration_sec or 0.0
    streams = [f'{duration_sec:.0f} s, {path.stat().st_size * 8e-6 / duration_sec:.1f} Mbit/s']
    if info.picture is not None:
        picture = info.picture
        streams.append(f'{picture.codec} {picture.width} x {picture.height}, {picture.fps:g} pictures a second')
    if info.sound is not None:
        streams.append(f'{info.sound.codec} {info.sound.hz} Hz, {info.sound.channels} channels')
    print('; '.join(streams), f'; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}', sep='')
    return duration_sec


def decode(path: Path, rates: Mapping[str, PictureRate | SoundRate], num_threads: int | None) -> None:
    """Reads the whole file."""
    for _ in MediaReader(path, rates, num_threads=num_threads):
        pass


def measure(what: str, duration_sec: float, work: Callable[[], None], runs: int) -> None:
    """Prints how many times real time some work on a video is: the best of some runs."""
    rates, rates_of_core = [], []
    for _ in range(runs):
        started, started_cpu = time.perf_counter(), time.process_time()
        work()
        rates.append(duration_sec / (time.perf_counter() - started))
        rates_of_core.append(duration_sec / (time.process_time() - started_cpu))
    print(f'{what:<32}{max(rates):7.1f} times real time, {max(rates_of_core):7.1f} for each core')


if __name__ == '__main__':
    main()
