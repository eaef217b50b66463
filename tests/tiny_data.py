"""Feature files and annotations of a few short videos, laid out as a config expects them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

FPS, DURATION_SEC = 25, 12.0
ROOT = Path(__file__).resolve().parents[1]


def write_data_of(
    cfg: Config,
    num_videos: int | Mapping[str, int] = 2,
    duration_sec: float = DURATION_SEC,
    num_events: int = 4,
    classes: Sequence[str] = (),
) -> dict[str, dict]:
    """Writes what the data sets of ``cfg`` read, at the paths that it names (relative ones: in the current folder).

    ``num_videos`` of each subset (or of those named), each a tenth shorter than the one before, six in turn, with
    ``num_events`` each. The classes go round, from the last one; each shows in its channel. Returns the database.
    """
    datasets = [cfg[f'{name}_dataloader'].dataset for name in ('train', 'val', 'test') if cfg[f'{name}_dataloader']]
    classes = classes or datasets[0].get('classes', ())
    num_classes = len(classes) or datasets[0].get('num_classes') or cfg.num_classes
    if not isinstance(num_videos, Mapping):
        num_videos = {dataset.subset: num_videos for dataset in datasets}
    labels = [num_classes - 1 - k % num_classes for k in range(num_events * sum(num_videos.values()))]
    # As the data set names them: a class that no event has is unused.
    classes = classes or [f'{"class" if k in labels else "unused"}_{k}' for k in range(num_classes)]
    rng = np.random.default_rng(1)
    database: dict[str, dict] = {}
    for subset, count in num_videos.items():
        for index in range(count):
            duration = duration_sec * (1 - 0.1 * (len(database) % 6))
            events = []
            for _ in range(num_events):
                # In quarters of a second.
                start, length = (int(4 * duration * rng.uniform(low, 0.5)) / 4 for low in (0.0, 0.1))
                label = labels.pop(0)
                events.append(dict(segment=[start, start + length], label=classes[label], label_id=label))
            entry = dict(subset=subset, duration=duration, fps=FPS, annotations=events)
            database[f'{subset}_{index:02d}'] = entry
    folder = datasets[0].get('data_root') or ''
    _write_json(os.path.join(folder, datasets[0].ann_file), dict(database=database))
    for video_id, entry in database.items():
        for stream in datasets[0].streams.values():
            _write_features(folder, stream, video_id, entry, rng)
    steps = [step for dataset in datasets for step in dataset.pipeline]
    for path in {step['score_file'] for step in steps if 'score_file' in step}:
        scores = {video_id: [0.9, *[0.5] * (num_classes - 1)] for video_id in database}
        _write_json(path, dict(classes=classes, scores=scores))
    for path in {step['proposal_file'] for step in steps if 'proposal_file' in step}:
        _write_json(path, dict(results={video_id: _proposals(entry) for video_id, entry in database.items()}))
    return database


def write_unav_layout(root: Path, **options) -> Path:
    """UnAV-100's layout under ``root``: a hundred classes in two videos of each subset. Returns the annotation file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MMDEL_UNAV100_ROOT', str(root))
        cfg = Config.fromfile(ROOT / 'configs/del_unav100.py')
    write_data_of(cfg, num_events=17, **options)
    return Path(cfg.train_dataloader.dataset.ann_file)


def _write_json(path: str, content: dict) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(content))


def _write_features(folder: str, stream: dict, video_id: str, entry: dict, rng: np.random.Generator) -> None:
    duration, width = entry['duration'], stream['channels'] // len(stream['files'])
    num_steps = max(1, round((duration * (stream.get('fps') or FPS) - stream['window']) / stream['stride']) + 1)
    for pattern in stream['files']:
        feature = rng.normal(size=(num_steps, width)).astype(np.float32)
        for event in entry['annotations']:
            first, last = (round(time / duration * num_steps) for time in event['segment'])
            feature[first:last, event['label_id'] % width] += 3
        path = Path(folder, stream['root'], pattern.replace('{id}', video_id))
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == '.npz':
            np.savez(path, **{stream['key']: feature})
        elif path.suffix == '.pt':
            torch.save(torch.from_numpy(feature), path)
        else:
            np.save(path, feature)


def _proposals(entry: dict) -> list[dict]:
    """The events, a little early, and two that are none."""
    spans = [*(event['segment'] for event in entry['annotations']), [0.5, 1.5], [0.0, entry['duration']]]
    return [
        dict(segment=[max(start - 0.2, 0.0), end - 0.2], score=0.9 - 0.1 * rank, label='event')
        for rank, (start, end) in enumerate(spans)
    ]
