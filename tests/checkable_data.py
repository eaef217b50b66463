"""A small clean data set with a config that names it, to plant defects in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tiny_data
from mmengine.config import Config

PARTS = ('rgb', 'flow', 'vggish')
CONFIG = """
default_scope = 'mmdel'
data_root = {root!r}
streams = dict(
    visual=dict(root='features', files=['{{id}}_rgb.npy', '{{id}}_flow.npy'], stride=8, window=24, channels=12),
    audio=dict(root='features', files=['{{id}}_vggish.npy'], stride=32, window=96, fps=100, channels=5),
)
load = [dict(type='mmdel.LoadFeatures'), dict(type='mmdel.AlignStreams'), dict(type='mmdel.PackEvents')]
dataset = dict(
    type='mmdel.EventDataset', data_root=data_root, ann_file='annotations.json', streams=streams, pipeline=load
)
train_dataloader = dict(batch_size=2, dataset=dict(subset='train', **dataset))
val_dataloader = dict(batch_size=2, dataset=dict(subset='test', test_mode=True, **dataset))
test_dataloader = val_dataloader
"""


class CheckableData:
    """The data set in a folder: videos ``train_00`` … and ``test_00`` … of two streams, one of them of two files.

    Every video shows every class. ``database`` may be changed; :meth:`save` writes it.
    """

    def __init__(self, root: Path, num_train: int = 5, num_test: int = 3) -> None:
        self.root = root
        self.config = root / 'config.py'
        self.ann_file = root / 'annotations.json'
        root.mkdir(parents=True)
        self.config.write_text(CONFIG.format(root=str(root)))
        num_videos = dict(train=num_train, test=num_test)
        classes = ('bark', 'bell', 'car')
        self.database = tiny_data.write_data_of(self.cfg(), num_videos, 20.95, num_events=3, classes=classes)

    def path(self, video_id: str, part: str) -> Path:
        """A feature file."""
        return self.root / 'features' / f'{video_id}_{part}.npy'

    def change(self, video_id: str, part: str, change) -> None:
        """Put ``change(feature)`` in the place of a feature."""
        path = self.path(video_id, part)
        np.save(path, change(np.load(path)))

    def events(self, video_id: str) -> list[dict]:
        """The annotations of a video."""
        return self.database[video_id]['annotations']

    def save(self) -> None:
        """Write the annotation file."""
        self.ann_file.write_text(json.dumps(dict(database=self.database)))

    def cfg(self, **options) -> Config:
        """The config, with options such as ``streams__visual__stride=16`` for every loader's data set."""
        cfg = Config.fromfile(self.config)
        for key, value in options.items():
            for split in ('train', 'val', 'test'):
                cfg.merge_from_dict({f'{split}_dataloader.dataset.{key.replace("__", ".")}': value})
        return cfg
