"""What the benchmarks share: made-up videos in UnAV-100's layout, in memory and in files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmdel.structures import EventDataSample, FeatureGrid
from mmdel.utils.files import write_json

GRID = FeatureGrid(stride=8, window=24, fps=25)
WIDTHS = dict(rgb=1024, flow=1024, vggish=128)


def random_batch(cfg: Config, num_videos: int, num_steps: int, num_events: int = 0) -> dict:
    """A batch as a data loader gives it to the model of a config."""
    samples = []
    for index in range(num_videos):
        start = torch.rand(num_events) * num_steps * 0.8
        segments = torch.stack([start, start + 2 + torch.rand(num_events) * num_steps * 0.2], dim=1)
        labels = torch.randint(cfg.model.head.num_classes, (num_events,))
        sample = EventDataSample(gt_instances=InstanceData(segments=segments, labels=labels))
        duration_sec = GRID.to_sec(float(num_steps))
        sample.set_metainfo(dict(video_id=str(index), duration_sec=duration_sec, num_steps=num_steps, grid=GRID))
        samples.append(sample)
    channels = cfg.model.backbone.in_channels
    inputs = {name: [torch.randn(num_steps, width) for _ in samples] for name, width in channels.items()}
    return dict(inputs=inputs, data_samples=samples)


def write_unav100(
    root: Path, lengths: Sequence[int], subsets: Sequence[str], write: Callable[[Path, int, int], None]
) -> None:
    """Annotations of four events a video, and its features.

    Args:
        root: Folder.
        lengths: Steps of each video.
        subsets: Those that the videos go to, in turns.
        write: Writes the file of a feature, given its path, steps and channels.
    """
    rng = np.random.default_rng(0)
    (root / 'annotations').mkdir()
    (root / 'av_features').mkdir()
    database = {}
    for index, num_steps in enumerate(lengths):
        for name, width in WIDTHS.items():
            write(root / 'av_features' / f'v{index:06d}_{name}.npy', num_steps, width)
        duration = ((num_steps - 1) * GRID.stride + GRID.window) / GRID.fps
        starts = rng.uniform(0, 0.8 * duration, size=4).tolist()
        labels = [(4 * index + place) % 100 for place in range(4)]
        events = [
            dict(segment=[start, start + 0.1 * duration], label=f'class {label}', label_id=label)
            for start, label in zip(starts, labels, strict=True)
        ]
        subset = subsets[index % len(subsets)]
        database[f'v{index:06d}'] = dict(subset=subset, duration=duration, fps=GRID.fps, annotations=events)
    write_json(root / 'annotations/unav100_annotations.json', dict(database=database))
