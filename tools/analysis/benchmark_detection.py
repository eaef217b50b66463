"""Rates of detection: decoding, extraction and model apart; the memory of long files; many short files on Ray workers.

The files are clips of the demo, rendered anew at eight times its size. Each measurement of memory is of a process of
its own.

Examples:
    python tools/analysis/benchmark_detection.py mine_model --minutes 10 180
    python tools/analysis/benchmark_detection.py mine_model --ray 1000
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from terminaltables import AsciiTable

from mmdel.datasets.synthetic import plan_scene
from mmdel.datasets.synthetic_render import FPS, HEIGHT, SAMPLE_RATE, WIDTH, render_frames, render_sound
from mmdel.features import build_streams, extract
from mmdel.inference import Bundle, DetectVideos, EventInferencer, find_bundle
from mmdel.media import MediaReader, VideoWriter
from mmdel.utils.optional import require
from mmdel.utils.run_command import run_command

ENLARGED, NUM_SCENES = 8, 4
LOW_SCORE = 0.01  # a second of a scene holds hardly an event that is sure


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help='a bundle')
    parser.add_argument('--minutes', type=float, nargs='+', default=[], help='lengths of files')
    parser.add_argument('--ray', type=int, metavar='FILES', help='so many files of a second, and one worker is killed')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory(prefix='mmdel_', dir='/tmp') as folder:  # short, for Ray's sockets
        if args.minutes:
            clip = write_clip(Path(folder, 'clip.mp4'), render_scenes(0, NUM_SCENES))
            print_rates(args.model, clip)
            paths = {
                minutes: write_loop(clip, Path(folder, f'{minutes:g}.mp4'), 60 * minutes) for minutes in args.minutes
            }
            rows = [[f'{minutes:g} min', *memory_of(args.model, path)] for minutes, path in paths.items()]
            print(AsciiTable([['file', 'peak memory of mmdel detect', 'seconds'], *rows]).table)
        if args.ray:
            print_ray(args.model, write_seconds(Path(folder), args.ray), Path(folder))


def write_clip(path: Path, scenes: Iterable[tuple[np.ndarray, np.ndarray]]) -> Path:
    """A video of pictures (n, height, width, 3) and their sound, one scene after another."""
    with VideoWriter(path, FPS, ENLARGED * HEIGHT, ENLARGED * WIDTH, hz=SAMPLE_RATE) as writer:
        for frames, sound in scenes:
            writer.write_sound(sound)
            for part in np.array_split(frames, max(len(frames) // 80, 1)):
                writer.write(part.repeat(ENLARGED, 1).repeat(ENLARGED, 2))
    return path


def write_seconds(folder: Path, num: int) -> list[str]:
    """So many videos of a second: the seconds of scenes."""
    paths: list[str] = []
    for number in itertools.count():
        ((frames, sound),) = render_scenes(number, 1)
        for second in range(int(len(frames) / FPS)):
            part = frames[round(second * FPS) :][: round(FPS)], sound[second * SAMPLE_RATE :][:SAMPLE_RATE]
            paths.append(str(write_clip(folder / f'{len(paths):04d}.mp4', [part])))
            if len(paths) == num:
                return paths
    raise AssertionError('there is always another scene')


def write_loop(source: Path, path: Path, seconds: float) -> Path:
    """A file of about so many seconds: the packets of another one again and again, not encoded anew."""
    av: Any = require('av', 'media')
    with av.open(str(source)) as one, av.open(str(path), 'w') as loop:
        targets = {stream.index: loop.add_stream_from_template(stream) for stream in one.streams}
        length_sec = one.duration / av.time_base + 0.5  # timestamps must not go back
        for turn in range(max(round(seconds / length_sec), 1)):
            one.seek(0)
            for packet in one.demux():
                if packet.dts is not None:
                    shift = round(turn * length_sec / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = targets[packet.stream.index]
                    loop.mux(packet)
    return path


def render_scenes(first: int, num: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures (n, height, width, 3) and sound of scenes, in whole seconds."""
    scenes = []
    for number in range(first, first + num):
        rng = np.random.default_rng([1, number])
        scene = plan_scene(rng)
        seconds = int(scene.duration_sec)
        frames = render_frames(scene.duration_sec, scene.pictures, rng)[: int(seconds * FPS)]
        scenes.append((frames, render_sound(scene.duration_sec, scene.sounds, rng)[: seconds * SAMPLE_RATE]))
    return scenes


def print_rates(model: str, path: Path) -> None:
    """How many times faster than real time each part is on one core, in time of the core."""
    bundle = Bundle.load(find_bundle(model))
    streams = build_streams(bundle.extractors)
    rates = dict.fromkeys(rate for stream in streams.values() for rate in stream.rates)
    reader = MediaReader(path, {str(number): rate for number, rate in enumerate(rates)})
    decoding_sec, _ = timed(iter(reader))
    extraction = extract(path, streams)
    both_sec, blocks = timed(iter(extraction))
    features = {name: np.concatenate([block[name] for block in blocks]) for name in streams}
    model_sec, _ = timed(EventInferencer(bundle)(features))
    length_sec = extraction.info.duration_sec or 0.0
    parts = {'decoding': decoding_sec, 'extraction': both_sec - decoding_sec, 'model': model_sec}
    num_bytes = sum(feature.size * 2 for feature in features.values())
    print(f'{os.path.getsize(path) / length_sec / 1e3:.1f} kB/s of video, {num_bytes / length_sec:.0f} B/s of features')
    rows = [[name, f'{seconds:.1f} s', f'{length_sec / max(seconds, 1e-3):.0f}'] for name, seconds in parts.items()]
    print(AsciiTable([['part', f'for {length_sec / 60:.1f} min', 'x real time on a core'], *rows]).table)


def timed(items: Iterator[Any]) -> tuple[float, list[Any]]:
    """Seconds of processors that it takes to go through, and what comes."""
    begun = time.process_time()
    found = list(items)
    return time.process_time() - begun, found


def memory_of(model: str, path: Path) -> tuple[str, str]:
    """The peak memory and the seconds of ``mmdel detect`` on a file."""
    command = [sys.executable, '-m', 'mmdel', 'detect', str(path), '--model', model, '--out', str(path.with_suffix(''))]
    begun = time.perf_counter()
    child = os.posix_spawn(sys.executable, command, os.environ)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    return f'{usage.ru_maxrss * 1024 / 1e6:.0f} MB', f'{time.perf_counter() - begun:.1f}'


class KilledOnce(DetectVideos):
    """The worker that comes to a certain video first is killed."""

    def __init__(self, model: str, marker: str, fatal: str) -> None:
        super().__init__(model, score_thr=LOW_SCORE)
        self.marker, self.fatal = Path(marker), fatal

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        if self.fatal in set(batch['path']) and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


def print_ray(model: str, paths: list[str], folder: Path) -> None:
    """The same files in this process and on two Ray workers, one of which is killed in the midst."""
    import ray

    detect, begun = DetectVideos(model, score_thr=LOW_SCORE), time.perf_counter()
    alone = detect(dict(path=paths))
    alone_sec = time.perf_counter() - begun
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=str(folder / 'ray'))
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    rows = ray.data.from_items([dict(path=path, place=place) for place, path in enumerate(paths)])
    marker = folder / 'was_killed'
    found = rows.map_batches(
        KilledOnce,
        fn_constructor_args=[str(Path(find_bundle(model)).resolve()), str(marker), paths[len(paths) // 2]],
        compute=ray.data.ActorPoolStrategy(size=2),
        batch_size=16,
    )
    begun = time.perf_counter()
    done = sorted(found.take_all(), key=lambda row: row['place'])
    seconds = time.perf_counter() - begun
    ray.shutdown()
    same = [list(row['events']) for row in done] == alone['events'] and [row['path'] for row in done] == paths
    print(
        f'{len(paths)} files, {sum(map(len, alone["events"]))} events: {alone_sec:.1f} s in one process, '
        f'{seconds:.1f} s on 2 Ray workers, their start included; one killed: {marker.exists()}; identical: {same}'
    )


if __name__ == '__main__':
    run_command(main)
