"""Feature files and annotations of a few short videos, laid out as a config expects them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from mmengine.config import Config

FPS, DURATION_SEC = 25, 12.0


def write_data_of(cfg: Config) -> None:
    """Writes what the data sets of ``cfg`` read, at the paths that it names (relative ones: in the current folder).

    Two videos of each subset, of 12 s and 9.6 s, with four events each, of the first two classes and the last.
    """
    datasets = [cfg[f'{name}_dataloader'].dataset for name in ('train', 'val', 'test')]
    num_classes = datasets[0].get('num_classes') or cfg.num_classes
    # As the data set names them: a class that no event has is unused.
    classes = [f'class_{k}' if k in (0, 1, num_classes - 1) else f'unused_{k}' for k in range(num_classes)]
    database: dict[str, dict] = {}
    for subset in dict.fromkeys(dataset.subset for dataset in datasets):
        for duration in (DURATION_SEC, 0.8 * DURATION_SEC):
            events = [
                dict(segment=[start * duration, end * duration], label=classes[label], label_id=label)
                for start, end, label in ((0.1, 0.3, 0), (0.2, 0.9, 1), (0.5, 0.6, num_classes - 1), (0.55, 0.8, 0))
            ]
            database[f'{subset}_{len(database)}'] = dict(subset=subset, duration=duration, fps=FPS, annotations=events)
    _write_json(datasets[0].ann_file, dict(database=database))
    for video_id, entry in database.items():
        for stream in datasets[0].streams.values():
            _write_features(stream, video_id, entry['duration'])
    steps = [step for dataset in datasets for step in dataset.pipeline]
    for path in {step['score_file'] for step in steps if 'score_file' in step}:
        scores = {video_id: [0.9, *[0.5] * (num_classes - 1)] for video_id in database}
        _write_json(path, dict(classes=classes, scores=scores))
    for path in {step['proposal_file'] for step in steps if 'proposal_file' in step}:
        _write_json(path, dict(results={video_id: _proposals(entry) for video_id, entry in database.items()}))


def _write_json(path: str, content: dict) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(content))


def _write_features(stream: dict, video_id: str, duration: float) -> None:
    fps = stream.get('fps') or FPS
    num_steps = max(1, round((duration * fps - stream['window']) / stream['stride']) + 1)
    rng = np.random.default_rng(len(video_id))
    for pattern in stream['files']:
        path = Path(stream['root'], pattern.replace('{id}', video_id))
        path.parent.mkdir(parents=True, exist_ok=True)
        feature = rng.normal(size=(num_steps, stream['channels'] // len(stream['files']))).astype(np.float32)
        if path.suffix == '.npz':
            np.savez(path, **{stream['key']: feature})
        else:
            np.save(path, feature)


def _proposals(entry: dict) -> list[dict]:
    """The events, a little early, and two that are none."""
    spans = [*(event['segment'] for event in entry['annotations']), [0.5, 1.5], [0.0, entry['duration']]]
    return [
        dict(segment=[max(start - 0.2, 0.0), end - 0.2], score=0.9 - 0.1 * rank, label='event')
        for rank, (start, end) in enumerate(spans)
    ]
