"""Time suppression and evaluation on one core, and as ratios against the tests' plain-Python oracle in the same run."""

from __future__ import annotations

import argparse
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from terminaltables import AsciiTable

from mmdel.evaluation.functional import GroundTruth, Predictions, average_precision, mean_over_classes
from mmdel.models.task_modules import SegmentNMS

sys.path.insert(0, str(Path(__file__).parents[2] / 'tests'))
from postprocessing_oracle import plain_average_precision, plain_nms

TIOUS = tuple(np.linspace(0.1, 0.9, 9).round(1).tolist())
# Candidates and classes of a video, whether few classes have most of them, kept segments, and the target in ms a video.
NMS_CASES = ((2000, 100, False, 200, 8), (2000, 100, True, 100, 8), (5000, 300, False, 2000, 40))
# One long video in windows of 2304 steps at 25 steps a second: candidates and kept segments of a window, classes.
LONG_CASE = (2000, 200, 20)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--batch', type=int, default=16, help='videos that are suppressed together (default: 16)')
    parser.add_argument(
        '--videos', type=int, default=2167, help='videos that are evaluated, with 100 predictions each (default: 2167)'
    )
    parser.add_argument(
        '--hours', type=float, nargs='*', default=[1, 3, 10], help='lengths of long videos (default: 1 3 10)'
    )
    parser.add_argument('--repeats', type=int, default=5, help='runs of which the fastest counts (default: 5)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    rows = [['task', 'here', 'target', 'plain Python', 'ratio']]
    for num_candidates, num_classes, crowded, max_num, target_ms in NMS_CASES:
        batch = random_candidates(args.batch, num_candidates, num_classes, crowded)
        nms = SegmentNMS('soft_gaussian', sigma=0.4, max_num=max_num)
        seconds = fastest(partial(nms, *batch), args.repeats) / args.batch
        video = list(zip(*(x[0].tolist() for x in batch), strict=True))
        plain = fastest(partial(plain_nms, video, 'soft_gaussian', 0.4, None, 0.001, max_num, True, None), 1)
        rows.append(
            [
                f'soft-NMS, {num_candidates} candidates, {num_classes} classes{" of uneven size" * crowded}, keep '
                f'{max_num}, a video of {args.batch}',
                f'{1e3 * seconds:.2f} ms',
                f'{target_ms} ms',
                f'{1e3 * plain:.0f} ms',
                f'{plain / seconds:.0f} x',
            ]
        )

    rows += long_rows(args.hours)
    truth, predictions = random_events(args.videos)
    seconds = fastest(lambda: mean_over_classes(average_precision(truth, predictions, TIOUS, 100)), args.repeats)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    true_rows, pred_rows = (
        list(zip(table.videos.tolist(), table.labels.tolist(), *table.segments.T.tolist(), last.tolist(), strict=True))
        for table, last in ((truth, truth.ignored), (predictions, predictions.scores))
    )
    plain = fastest(lambda: plain_average_precision(true_rows, pred_rows, TIOUS, 100), 1)
    rows.append(
        [
            f'mAP, {len(predictions)} predictions, {args.videos} videos, 100 classes, 9 thresholds',
            f'{seconds:.2f} s',
            '1.5 s',
            f'{plain:.1f} s',
            f'{plain / seconds:.0f} x',
        ]
    )
    print(AsciiTable(rows).table)
    print(
        f'{time.strftime("%Y-%m-%d")}, one core of {processor()}, Python {platform.python_version()}, torch '
        f'{torch.__version__}, numpy {np.__version__}; peak memory of the process {peak_mib:.0f} MiB'
    )


def long_rows(hours: Sequence[float]) -> list[list[str]]:
    """Suppression of videos of so many hours, with how their times grow."""
    num_candidates, max_num, num_classes = LONG_CASE
    rows, first = [], 0.0
    for length in hours:
        num_windows = length * 3600 * 25 / 2304
        total = round(num_windows * num_candidates)
        nms, video = SegmentNMS(sigma=0.5, max_num=max_num), long_candidates(total, 2304 * num_windows, num_classes)
        seconds = fastest(partial(nms, *video, num_windows=num_windows), 1)
        first = first or seconds
        task = f'soft-NMS, {length:g} h: {total} candidates, {num_classes} classes, keep {nms.most(num_windows)}'
        growth = f'{seconds / first:.1f} x the first, of {length / hours[0]:.1f} x its length'
        rows.append([task, f'{seconds:.2f} s', '', '', growth])
    return rows


def long_candidates(num: int, num_steps: float, num_classes: int) -> tuple[torch.Tensor, ...]:
    """Candidates on every step of a long video, most 3 to 40 steps long, some hundreds."""
    generator = torch.Generator().manual_seed(0)
    centre = torch.rand(1, num, generator=generator, dtype=torch.float64) * num_steps
    length = (2.5 + 1.2 * torch.randn(1, num, generator=generator, dtype=torch.float64)).exp().clamp(max=2000)
    segments = torch.stack([centre - length / 2, centre + length / 2], -1)
    scores = torch.rand(1, num, generator=generator) ** 3
    return segments, scores, torch.randint(num_classes, (1, num), generator=generator)


def fastest(run: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of some runs."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


def random_candidates(
    num_videos: int, num_candidates: int, num_classes: int, crowded: bool
) -> tuple[torch.Tensor, ...]:
    """Candidates of 224 steps, up to 60 steps long, uniform over the classes or in proportion to 1 / rank ** 2."""
    generator = torch.Generator().manual_seed(0)
    shape = (num_videos, num_candidates)
    centre, length = torch.rand(shape, generator=generator) * 224, torch.rand(shape, generator=generator) * 60
    segments = torch.stack([centre - length / 2, centre + length / 2], -1).clamp(0, 224)
    scores = torch.rand(shape, generator=generator)
    shares = torch.arange(1, num_classes + 1).double() ** (-2 if crowded else 0)
    labels = shares.multinomial(num_videos * num_candidates, replacement=True, generator=generator).view(shape)
    return segments, scores, labels


def random_events(num_videos: int) -> tuple[GroundTruth, Predictions]:
    """Three true events a video, and 100 predictions: two in three near a true event, the others anywhere."""
    rng = np.random.default_rng(0)
    num_true, num_near, num_far = 3 * num_videos, 67 * num_videos, 33 * num_videos
    start = rng.uniform(0, 50, num_true)
    truth = GroundTruth(
        rng.integers(num_videos, size=num_true),
        rng.integers(100, size=num_true),
        np.stack([start, start + rng.uniform(1, 20, num_true)], 1),
    )
    source = rng.integers(num_true, size=num_near)
    near = np.sort(truth.segments[source] + rng.normal(0, 3, (num_near, 2)), axis=1)
    start = rng.uniform(0, 50, num_far)
    far = np.stack([start, start + rng.uniform(1, 20, num_far)], 1)
    near_labels = np.where(rng.random(num_near) < 0.8, truth.labels[source], rng.integers(100, size=num_near))
    return truth, Predictions(
        np.concatenate([truth.videos[source], rng.integers(num_videos, size=num_far)]),
        np.concatenate([near_labels, rng.integers(100, size=num_far)]),
        np.concatenate([near, far]),
        rng.random(num_near + num_far),
    )


def processor() -> str:
    """The name of the processor."""
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            return next(line.split(':')[1].strip() for line in file if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == '__main__':
    main()
