from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from torch import nn

from mmdel.datasets import EventDataset
from mmdel.engine.hooks import DataReportHook
from mmdel.registry import TASK_UTILS

PIPELINE = [
    dict(type='mmdel.LoadFeatures'),
    dict(type='mmdel.AlignStreams'),
    dict(type='mmdel.RandomTemporalCrop', max_len=16),
    dict(type='mmdel.PackEvents'),
]


@pytest.fixture
def build(tmp_path):
    """A data set of two videos of 80 steps of a second, with an event that no point learns and one that is ignored."""
    events = [([3.6, 4.4], 'clap'), ([10, 14], 'talk'), ([20, 24], 'talk'), ([70, 80], 'noise')]
    annotations = [dict(segment=segment, label=label) for segment, label in events]
    database = {
        f'{subset}{n}': dict(subset=subset, duration=80.0, annotations=annotations if n else annotations[1:2])
        for subset in ('train', 'val')
        for n in (0, 1)
    }
    (tmp_path / 'annotations.json').write_text(json.dumps(dict(database=database)))
    for video_id in database:
        np.save(tmp_path / f'{video_id}.npy', np.zeros((80, 3), np.float32))
    stream = dict(root=str(tmp_path), files=['{id}.npy'], stride=1, window=1, fps=1)

    def build(subset='train', **options):
        options = dict(ignore_labels='noise', pipeline=PIPELINE if subset == 'train' else [], **options)
        return EventDataset(str(tmp_path / 'annotations.json'), dict(visual=stream), subset, **options)

    return build


@pytest.fixture
def tell():
    """What is said before a training, or a test, with these data sets: (level, line without its file)."""

    def tell(train=None, val=None, test=None, max_num=2):
        model = nn.Module()
        model.head = nn.Module()
        model.head.point_generator = TASK_UTILS.build(
            dict(type='mmdel.PointGenerator', regress_ranges=[(0, 4), (4, 10000)])
        )
        model.head.assigner = TASK_UTILS.build(dict(type='mmdel.PointAssigner', num_classes=2))
        model.head.nms = SimpleNamespace(max_num=max_num)
        said = []
        loaders = dict(train_dataloader=train, val_dataloader=val, test_dataloader=test)
        runner = SimpleNamespace(
            model=model,
            val_loop=val,
            logger=SimpleNamespace(log=lambda level, line: said.append((level, line.split('; expected')[0]))),
            **{name: SimpleNamespace(dataset=dataset) for name, dataset in loaders.items()},
        )
        hook = DataReportHook()
        (hook.before_train if train is not None else hook.before_test)(runner)
        return [(level, *line.split(', ', 1)) for level, line in said]

    return tell


def test_a_training_begins_with_what_it_cannot_use(build, tell):
    train, val = build(), build('val', test_mode=True)
    lines = tell(train, val)
    assert [(level, kind) for level, kind, _ in lines] == [
        (logging.WARNING, 'ignored-time'),
        (logging.WARNING, 'too-many-events'),
        (logging.WARNING, 'unlearnable-event'),
        (logging.WARNING, 'short-epoch'),
        (logging.WARNING, 'ignored-time'),
        (logging.WARNING, 'too-many-events'),
    ]
    said = [text.split(': ', 1)[1] for _, _, text in lines]
    assert said[0] == 'ignored events cover 6.2 % of the time of subset train'
    assert said[1] == '3 events in one video of subset train'
    assert said[2] == (
        "no point of the model can learn 1 of the 4 events as they are (1 between two steps; 'clap' 1 of 1)"
    )
    assert said[3] == 'an epoch sees 20 % of subset train: 16 steps of each video, which has 80 on average'


def test_a_test_begins_with_what_it_cannot_score(build, tell):
    kinds = [kind for _, kind, _ in tell(test=build('val', test_mode=True))]
    assert kinds == ['ignored-time', 'too-many-events']


def test_pieces_and_repeats_make_an_epoch_see_more(build, tell):
    def is_short(dataset):
        return 'short-epoch' in [kind for _, kind, _ in tell(dataset, max_num=9)]

    assert is_short(build()) and is_short(ConcatDataset([build(), build()])) and is_short(RepeatDataset(build(), 2))
    assert not is_short(RepeatDataset(build(), 3)) and not is_short(build(pieces=True))


def test_other_data_sets_and_models_are_passed_over(build, tell):
    assert tell([1, 2]) == []
    runner = SimpleNamespace(
        model=nn.Module(), val_loop=None, logger=None, train_dataloader=SimpleNamespace(dataset=[3, 4])
    )
    DataReportHook().before_train(runner)
