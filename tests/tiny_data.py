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
    database: dict[str, dict] = {}
    for subset in dict.fromkeys(dataset.subset for dataset in datasets):
        for duration in (DURATION_SEC, 0.8 * DURATION_SEC):
            database[f'{subset}_{len(database)}'] = dict(
                subset=subset, duration=duration, fps=FPS, annotations=_events(duration, cfg.num_classes)
            )
    ann_file = Path(datasets[0].ann_file)
    ann_file.parent.mkdir(parents=True, exist_ok=True)
    ann_file.write_text(json.dumps(dict(database=database)))
    for video_id, entry in database.items():
        for stream in datasets[0].streams.values():
            _write_features(stream, video_id, entry['duration'])
    for path in {step['score_file'] for dataset in datasets for step in dataset.pipeline if 'score_file' in step}:
        _write_video_scores(Path(path), list(database), cfg.num_classes)
    for path in {step['proposal_file'] for dataset in datasets for step in dataset.pipeline if 'proposal_file' in step}:
        _write_proposals(Path(path), database)


def _events(duration: float, num_classes: int) -> list[dict]:
    spans = [(0.1, 0.3, 0), (0.2, 0.9, 1), (0.5, 0.6, num_classes - 1), (0.55, 0.8, 0)]
    return [
        dict(segment=[start * duration, end * duration], label=_class_name(label, num_classes), label_id=label)
        for start, end, label in spans
    ]


def _class_name(label: int, num_classes: int) -> str:
    """As the data set names it: a class that no event has is unused."""
    return f'class_{label}' if label in (0, 1, num_classes - 1) else f'unused_{label}'


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


def _write_video_scores(path: Path, video_ids: list[str], num_classes: int) -> None:
    classes = [_class_name(label, num_classes) for label in range(num_classes)]
    scores = {video_id: [0.9, *[0.5] * (num_classes - 1)] for video_id in video_ids}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(classes=classes, scores=scores)))


def _write_proposals(path: Path, database: dict[str, dict]) -> None:
    """The events, a little early, and two that are none."""
    results = {
        video_id: [
            dict(segment=[max(start - 0.2, 0.0), end - 0.2], score=score, label='event')
            for (start, end), score in zip(_spans(entry), (0.9, 0.8, 0.7, 0.6, 0.5, 0.4), strict=True)
        ]
        for video_id, entry in database.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(results=results)))


def _spans(entry: dict) -> list[list[float]]:
    return [*(event['segment'] for event in entry['annotations']), [0.5, 1.5], [0.0, entry['duration']]]
