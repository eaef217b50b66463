"""A small copy of UnAV-100's layout on disk: the annotation file and the features of a few made-up videos."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

STRIDE, WINDOW, FPS = 8, 24, 25


def write_unav_layout(
    root: str | Path, num_train: int = 2, num_test: int = 2, num_steps: int = 48, classes: int = 100
) -> Path:
    """Writes ``annotations/unav100_annotations.json`` and ``av_features/<id>_{rgb,flow,vggish}.npy`` under ``root``.

    ``num_train`` videos of the subset ``train`` and ``num_test`` each of ``validation`` and ``test``, of ``num_steps``
    steps and fewer (each video three fewer than the one before, at least 8). Every class happens once somewhere.
    Returns the annotation file.
    """
    root = Path(root)
    (root / 'annotations').mkdir(parents=True, exist_ok=True)
    (root / 'av_features').mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    subsets = ['train'] * num_train + ['validation'] * num_test + ['test'] * num_test
    database = {}
    for index, subset in enumerate(subsets):
        video_id = f'-vid{index:07d}'
        length = max(num_steps - 3 * index, 8)
        duration = ((length - 1) * STRIDE + WINDOW) / FPS
        for name, width in (('rgb', 1024), ('flow', 1024), ('vggish', 128)):
            feature = rng.normal(size=(length, width)).astype(np.float32)
            np.save(root / 'av_features' / f'{video_id}_{name}.npy', feature)
        events = []
        for label_id in range(index, classes, len(subsets)):
            start = rng.uniform(0, 0.6 * duration)
            end = min(start + rng.uniform(1.0, 0.5 * duration + 1.0), duration)
            segment = [round(float(start), 3), round(float(end), 3)]
            events.append({'segment': segment, 'label': f'event {label_id:03d}', 'label_id': label_id})
        database[video_id] = {'subset': subset, 'duration': duration, 'fps': FPS, 'annotations': events}
    ann_file = root / 'annotations' / 'unav100_annotations.json'
    ann_file.write_text(json.dumps({'version': '1.0', 'database': database}))
    return ann_file
