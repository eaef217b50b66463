from __future__ import annotations

import pytest
from mmengine.config import Config

from mmdel.datasets.checks import find_uses
from mmdel.utils.errors import UserInputError

STREAMS = dict(visual=dict(root='f', files=['{id}.npy'], stride=1, window=1, fps=1))
DATASET = dict(type='mmdel.EventDataset', ann_file='x.json', subset='training', streams=STREAMS)


def test_wrapped_data_sets_are_found_at_their_place():
    both = dict(type='mmengine.ConcatDataset', datasets=[DATASET, dict(DATASET, subset=['val', 'Test'])])
    cfg = Config(
        dict(
            default_scope='mmdel',
            train_dataloader=dict(dataset=dict(type='mmengine.RepeatDataset', times=2, dataset=both)),
            val_dataloader=None,
            test_dataloader=dict(dataset=dict(DATASET, pipeline=[dict(type='mmdel.NoSuchTransform')])),
        )
    )
    uses = find_uses(cfg)
    assert [(use.split, use.key) for use in uses] == [
        ('train', 'train_dataloader.dataset.dataset.datasets.0'),
        ('train', 'train_dataloader.dataset.dataset.datasets.1'),
        ('test', 'test_dataloader.dataset'),
    ]
    assert [use.subsets for use in uses] == [{'train'}, {'val', 'test'}, {'train'}]
    for use in uses:
        cfg.merge_from_dict({f'{use.key}.ann_file': 'y.json'})
    assert {use.dataset.ann_file for use in find_uses(cfg)} == {'y.json'}


@pytest.mark.parametrize(
    'dataset', [None, dict(type='mmengine.BaseDataset', ann_file='x.json'), dict(type='NoSuchDataset')]
)
def test_a_config_without_our_data_sets(dataset):
    with pytest.raises(UserInputError, match=r'names no mmdel\.EventDataset'):
        find_uses(Config(dict(train_dataloader=dict(dataset=dataset))))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(streams={}), 'at least one stream'),
        (dict(missing='maybe'), "got 'maybe'"),
        (dict(colour=3), 'colour'),
        (dict(streams=dict(visual=dict(root='f'))), 'files'),
    ],
)
def test_a_data_set_that_cannot_be_built(change, message):
    with pytest.raises(UserInputError, match=rf'val_dataloader\.dataset.*{message}'):
        find_uses(Config(dict(val_dataloader=dict(dataset={**DATASET, **change}))))
