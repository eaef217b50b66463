"""Suppression, assignment, crops and alignment of random numbers, extremes among them, against loops and identities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from postprocessing_oracle import plain_nms

from fuzzing.mutate import pick
from mmdel.datasets.transforms import RandomTemporalCrop
from mmdel.datasets.transforms.aligning import resample
from mmdel.models.task_modules import PointAssigner, PointGenerator, SegmentNMS
from mmdel.structures import FeatureGrid

EXTREMES = (0.0, -0.0, 1e-30, 1e30, -1e30, 3e38, -3e38, float('inf'), float('-inf'), float('nan'))
NUM_CLASSES, LENGTHS = 3, (20, 10, 5)


def _salt(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """Some of the numbers become extreme."""
    flat = values.reshape(-1)
    for place in rng.integers(0, max(len(flat), 1), int(rng.integers(0, 3))) if len(flat) else ():
        flat[place] = pick(rng, EXTREMES)
    return values


def suppress(rng: np.random.Generator, folder: Path) -> str:
    """Kept candidates are candidates, in order, no more and no surer than asked; plain numbers as by the plain loop."""
    videos, num = int(rng.integers(1, 4)), int(rng.integers(0, 13))
    start = rng.integers(0, 40, (videos, num)) / 4
    segments = np.stack([start, start + rng.integers(0, 20, (videos, num)) / 4], -1)
    scores = rng.permutation(videos * num * 4 + 4)[: videos * num].reshape(videos, num) / (videos * num * 4 + 4)
    labels = rng.integers(0, NUM_CLASSES, (videos, num))
    salted = rng.random() < 0.5
    if salted:
        segments, scores = _salt(rng, segments), _salt(rng, scores)
    options = dict(
        method=pick(rng, ['soft_gaussian', 'soft_linear', 'hard', None]),
        sigma=pick(rng, [0.05, 0.5, 5.0]),
        iou_threshold=pick(rng, [0.01, 0.1, 0.5, 1.0]),
        min_score=pick(rng, [0.0, 0.001, 0.3]),
        max_num=int(rng.integers(1, 15)),
        class_aware=bool(rng.integers(2)),
        voting_threshold=pick(rng, [None, 0.3, 0.75]),
    )
    tensors = [torch.from_numpy(item) for item in (segments, scores, labels)]
    found = SegmentNMS(**options)(*tensors)
    assert len(found) == videos
    for video, (kept, kept_scores, kept_labels) in enumerate(found):
        assert len(kept) == len(kept_scores) == len(kept_labels) <= options['max_num']
        assert (kept_scores[:-1] >= kept_scores[1:]).all() and (kept_scores > 0).all()
        assert kept_scores.isfinite().all() and (kept_scores >= options['min_score']).all()
        if options['voting_threshold'] is None:
            mine = {tuple(row) for row in segments[video].tolist()}
            assert all(tuple(row) in mine for row in kept.tolist())
        if not salted:
            columns = map(tuple, segments[video].tolist()), scores[video].tolist(), labels[video].tolist()
            rows = [*zip(*columns, strict=True)]
            expected = plain_nms(rows, **options)
            assert len(expected) == len(kept), (expected, kept)
            np.testing.assert_allclose([row[1] for row in expected], kept_scores.numpy(), rtol=1e-5)
    return 'done'


def assign(rng: np.random.Generator, folder: Path) -> str:
    """Points and classes that learn are those that a loop finds; padding changes nothing."""
    num, pad = int(rng.integers(0, 6)), int(rng.integers(0, 3))
    start = rng.integers(-8, 80, num) / 4
    segments = np.concatenate([np.stack([start, start + rng.integers(1, 60, num) / 4], -1), np.empty((pad, 2))])
    segments[num:] = _salt(rng, rng.normal(size=(pad, 2)) * 50)
    salted = rng.random() < 0.3
    segments = _salt(rng, segments) if salted else segments
    labels, valid = rng.integers(0, NUM_CLASSES, num + pad), np.arange(num + pad) < num
    radius, class_aware = pick(rng, [None, 1.5]), bool(rng.integers(2))
    points = PointGenerator([(0, 4), (4, 8), (8, float('inf'))])(LENGTHS, torch.device('cpu'))
    tensors = [torch.from_numpy(item)[None] for item in (segments.astype(np.float32), labels, valid)]
    found = PointAssigner(NUM_CLASSES, class_aware, radius)(points, *tensors)
    expected = np.zeros((sum(LENGTHS), NUM_CLASSES), bool)
    for place, (time, stride, (low, high)) in enumerate(zip(*(item.tolist() for item in points), strict=True)):
        rows = []
        for (begin, end), label in zip(segments[:num].tolist(), labels[:num].tolist(), strict=True):
            near = radius is None or abs(time - (begin + end) / 2) <= radius * stride
            if begin <= time <= end and near and low <= max(time - begin, end - time) <= high:
                rows.append((end - begin, label))
        shortest = min((length for length, _ in rows), default=0.0)
        for length, label in rows:
            expected[place, label] |= class_aware or length <= shortest + 1e-3
    if not salted:
        np.testing.assert_array_equal(found.labels[0].numpy(), expected)
    assert found.labels.shape == (1, sum(LENGTHS), NUM_CLASSES)
    assert (found.labels.any(-1) == found.positive.any(-1)).all()
    return 'done'


def crop(rng: np.random.Generator, folder: Path) -> str:
    """A window is a run of the video's steps; what is kept of an event lies where the window shows it."""
    num_steps, num = int(rng.integers(1, 60)), int(rng.integers(0, 6))
    start = rng.uniform(-1.5, num_steps, num)
    segments = np.stack([start, start + pick(rng, [1e-6, 1.0, 40.0, 1e6]) * rng.random(num)], -1).astype(np.float32)
    steps = np.arange(num_steps, dtype=np.float32)[:, None]
    grid = FeatureGrid(8, 24, 25)
    results = dict(
        features=dict(visual=steps), grid=grid, segments=segments, labels=np.arange(num), ignored_segments=segments
    )
    if rng.random() < 0.3:
        results['piece'] = (int(rng.integers(3)), 3)
    max_len = int(rng.integers(1, 50))
    np.random.seed(int(rng.integers(2**31)))
    ratio = pick(rng, [None, (0.9, 1.0), (0.01, 0.02)])
    found = RandomTemporalCrop(max_len, ratio, pick(rng, [0.01, 0.5, 1.0]), pick(rng, [1, 20]))(dict(results))
    window = found['features']['visual'][:, 0]
    first, length = window[0], len(window)
    assert 1 <= length <= max(max_len, 1) and (window == first + np.arange(length)).all()
    assert found['grid'].to_sec(0.0) == grid.to_sec(float(first))
    assert len(found['segments']) == len(found['labels']) and (np.diff(found['labels']) > 0).all()
    kept, whole = found['segments'], segments[found['labels']]
    assert np.isfinite(kept).all() and (kept[:, 0] <= kept[:, 1]).all()
    low, high = (whole - first).T
    tolerance = 1e-6 * max(1.0, np.abs(whole).max(initial=0))
    assert (kept[:, 0] >= low - tolerance).all() and (kept[:, 1] <= high + tolerance).all()
    return 'done'


def align(rng: np.random.Generator, folder: Path) -> str:
    """As numpy's interpolation at the same seconds, or the step that is nearest."""
    grids = [
        FeatureGrid(
            *(float(pick(rng, [1e-3, 0.04, 1.0, 8.0, 16.0, 24.0, 1e4])) for _ in range(2)),
            float(pick(rng, [0.1, 1, 25, 100])),
        )
        for _ in range(2)
    ]
    length, num_steps = int(rng.integers(1, 40)), int(rng.integers(1, 40))
    dtype, mode = pick(rng, [np.float16, np.float32]), pick(rng, ['linear', 'nearest'])
    feature = rng.normal(size=(length, 2)).astype(dtype)
    found = resample(feature, *grids, num_steps, mode)
    assert found.shape == (num_steps, 2) and np.isfinite(found).all()
    assert found.min() >= feature.min() - 1e-6 and found.max() <= feature.max() + 1e-6
    seconds = grids[1].to_sec(np.arange(num_steps, dtype=float))
    position = grids[0].to_grid(seconds).clip(0, length - 1)
    if mode == 'linear':
        for channel in range(2):
            expected = np.interp(position, np.arange(length), feature[:, channel].astype(float))
            np.testing.assert_allclose(found[:, channel], expected, atol=2e-5)
    else:
        nearest = np.abs(np.arange(length)[:, None] - position).min(0)
        for step in range(num_steps):
            near = np.flatnonzero(np.abs(np.arange(length) - position[step]) <= nearest[step] + 1e-5)
            assert any((found[step] == feature[index]).all() for index in near)
    return 'done'


COMPUTING: dict[str, Callable] = {
    'suppression': suppress,
    'assignment': assign,
    'crops': crop,
    'alignment': align,
}
