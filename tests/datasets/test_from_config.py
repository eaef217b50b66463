from __future__ import annotations

import json

import numpy as np
import pytest
from mmengine.config import Config

from mmdel.datasets import EventDataset
from mmdel.datasets.from_config import build_datasets, build_test_data, find_uses
from mmdel.utils.errors import UserInputError

STREAMS = dict(visual=dict(root='f', files=['{id}.npy'], stride=1, window=1, fps=1))
DATASET = dict(type='mmdel.EventDataset', ann_file='x.json', subset='training', streams=STREAMS)


def config(train=None, val=None, test=None) -> Config:
    return Config(
        dict(
            default_scope='mmdel',
            train_dataloader=dict(dataset=train),
            val_dataloader=val and dict(dataset=val),
            test_dataloader=test and dict(dataset=test),
        )
    )


def test_wrapped_data_sets_are_found_at_their_place():
    both = dict(type='mmengine.ConcatDataset', datasets=[DATASET, dict(DATASET, subset=['val', 'Test'])])
    cfg = config(
        dict(type='mmengine.RepeatDataset', times=2, dataset=both),
        test=dict(DATASET, pipeline=[dict(type='mmdel.NoSuchTransform')]),
    )
    uses = find_uses(cfg)
    assert [(use.split, use.key) for use in uses] == [
        ('train', 'train_dataloader.dataset.dataset.datasets.0'),
        ('train', 'train_dataloader.dataset.dataset.datasets.1'),
        ('test', 'test_dataloader.dataset'),
    ]
    assert [use.subsets for use in uses] == [{'train'}, {'val', 'test'}, {'train'}]
    assert uses[0].dataset is uses[2].dataset is not uses[1].dataset
    assert [use.key for use in find_uses(cfg, ('test',))] == ['test_dataloader.dataset']
    for use in uses:
        cfg.merge_from_dict({f'{use.key}.ann_file': 'y.json'})
    assert {use.dataset.ann_file for use in find_uses(cfg)} == {'y.json'}


@pytest.mark.parametrize(
    'dataset', [None, dict(type='mmengine.BaseDataset', ann_file='x.json'), dict(type='NoSuchDataset')]
)
def test_a_config_without_our_data_sets(dataset):
    with pytest.raises(UserInputError, match=r'names no mmdel\.EventDataset'):
        find_uses(config(dataset))


@pytest.mark.parametrize(('change', 'message'), [(dict(missing='maybe'), "got 'maybe'"), (dict(colour=3), 'colour')])
def test_a_data_set_that_cannot_be_built(change, message):
    with pytest.raises(UserInputError, match=rf'val_dataloader\.dataset.*{message}'):
        find_uses(config(val={**DATASET, **change}))


def test_data_sets_are_built_for_the_splits_asked_for(tmp_path):
    event = dict(segment=[1, 2], label='a')
    database = {name: dict(subset=name[1:], duration=9, annotations=[event]) for name in ('1train', '2train', '3val')}
    (tmp_path / 'x.json').write_text(json.dumps(dict(database=database)))
    for name in database:
        np.save(tmp_path / f'{name}.npy', np.zeros((9, 2), np.float32))
    streams = dict(visual=dict(STREAMS['visual'], root=str(tmp_path)))
    train = dict(DATASET, ann_file=str(tmp_path / 'x.json'), streams=streams)
    twice = dict(type='mmengine.RepeatDataset', times=2, dataset=train)
    cfg = config(twice, dict(train, subset='val', lazy_init=True), dict(type='NoSuchDataset'))
    built = build_datasets(cfg, 'train', 'val')
    assert {name: len(dataset) for name, dataset in built.items()} == dict(train_dataloader=4, val_dataloader=1)
    assert isinstance(built['val_dataloader'], EventDataset) and built['val_dataloader']._fully_initialized
    assert built['train_dataloader'].metainfo['classes'] == ('a',)
    cfg.merge_from_dict({'val_dataloader.dataset.subset': 'test'})
    with pytest.raises(UserInputError, match='video of the subset'):
        build_datasets(cfg, 'val')


@pytest.fixture
def scored(tmp_path):
    """Writes two videos whose only events have these labels and ids; the config of their test."""

    def write(labels, num_outputs=3, **options):
        names = [f'v{index}' for index in range(len(labels))]
        database = {
            name: dict(subset='test', duration=9, annotations=[dict(segment=[1, 2], label=label, label_id=number)])
            for name, (label, number) in zip(names, labels, strict=True)
        }
        (tmp_path / 'x.json').write_text(json.dumps(dict(database=database)))
        paths = dict(ann_file=str(tmp_path / 'x.json'), missing='ignore', subset='test', test_mode=True)
        cfg = config(test=dict(type='mmengine.ConcatDataset', datasets=[{**DATASET, **paths, **options}]))
        cfg.model = dict(head=dict(num_classes=num_outputs))
        return cfg

    return write


def numbered(cfg, known) -> tuple[list, list]:
    """The classes of a test's data, and the labels of its videos."""
    dataset = build_test_data(cfg, known)['test_dataloader']
    records = [dataset.datasets[0].get_data_info(index) for index in range(len(dataset))]
    return list(dataset.metainfo['classes']), [record['labels'].tolist() for record in records]


@pytest.mark.parametrize(
    ('labels', 'options'),
    [
        ([('a', None), ('c', None)], {}),
        ([('a', None), ('c', None)], dict(num_classes=3)),  # and so 'unused_2'
        ([('a', 1), ('c', 0)], {}),
        ([('a', 1), ('c', 0)], dict(classes=['c', 'b', 'a'])),
        ([('a', 0), ('c', 2)], dict(num_classes=3)),
    ],
)
def test_labels_are_numbered_as_a_model_knows_them(scored, labels, options):
    assert numbered(scored(labels, **options), 'abc') == (['a', 'b', 'c'], [[0], [2]])


def test_without_labels_the_classes_are_those_of_the_model(scored):
    for num_outputs in (3, 1):
        assert numbered(scored([(None, None)], num_outputs), 'abc') == (['a', 'b', 'c'], [[-1]])
    assert numbered(scored([(None, None)]), '') == ([], [[-1]])


def test_a_model_that_does_not_know_a_class_is_refused(scored):
    cfg = scored([('a', None), ('d', None)])
    with pytest.raises(UserInputError, match="from number 1 on: 'b', not 'd'\ncheckpoint, 3: a, b, c\ndata, 2: a, d"):
        build_test_data(cfg, 'abc')
    assert numbered(cfg, '') == (['a', 'd'], [[0], [1]])  # a checkpoint that names none
    cfg.default_hooks = dict(classes=dict(type='mmdel.ClassCheckHook', embeddings='a.npz'))  # which exchanges them
    assert numbered(cfg, 'abc') == (['a', 'd'], [[0], [1]])
    cfg.pop('default_hooks')
    cfg.model.head.num_classes = 1  # which finds events of any class
    assert numbered(cfg, 'abc') == (['a', 'd'], [[0], [1]])
