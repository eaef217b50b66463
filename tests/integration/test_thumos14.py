"""THUMOS14's corner case: every cliff dive is a dive as well, at the same times, and both labels are learned."""

from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import TASK_UTILS

from mmdel.events.annotations import parse_annotations
from mmdel.events.reading import read_raw
from mmdel.structures import FeatureGrid

ROOT = Path(__file__).resolve().parents[2]


def test_points_of_a_cliff_dive_learn_both_labels(shared_data):
    ann_file = str(shared_data / 'annotations/thumos14.json')
    annotations = parse_annotations(read_raw(ann_file), ['validation'])
    classes = annotations.classes
    cliff, dive = classes.index('CliffDiving'), classes.index('Diving')
    cfg = Config.fromfile(ROOT / 'configs/del_thumos14_visual.py').model.head
    points = TASK_UTILS.build(cfg.point_generator)([2304 // 2**level for level in range(6)], torch.device('cpu'))
    assigner = TASK_UTILS.build(dict(cfg.assigner, num_classes=len(classes), class_aware=cfg.class_aware))
    num_points = 0
    for record in annotations.records():
        if cliff not in record['labels']:
            continue
        grid = FeatureGrid(4, 16, record['fps'])
        segments = torch.from_numpy(grid.to_grid(record['segments_sec']).astype(np.float32))
        labels = torch.from_numpy(record['labels'])
        targets = assigner(points, segments[None], labels[None], torch.ones(1, len(labels), dtype=torch.bool))
        learned = targets.labels[0, :, cliff]
        assert learned.any()
        assert targets.labels[0, learned, dive].all()
        num_points += int(learned.sum())
    assert num_points > 500
