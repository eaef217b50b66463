"""UnAV-100's release, in miniature."""

import json

import pytest
from tiny_data import write_unav_layout

from mmdel.utils.errors import UserInputError


def test_the_release_is_linked_and_its_config_reads_it(src, prepared, dataset_of):
    write_unav_layout(src / 'unav100')
    out, plan = prepared('unav100')
    ann_file = out / 'annotations/unav100_annotations.json'
    assert ann_file.is_symlink() and len(plan.videos) == 6
    assert plan.lacking == {'visual': [], 'audio': []}
    assert len([path for path in (out / 'av_features').iterdir() if path.is_symlink()]) == 18
    train, val, test = dataset_of('configs/del_unav100.py', 'MMDEL_UNAV100_ROOT', 'train', 'val', 'test')
    assert (len(train), len(val), len(test)) == (2, 2, 2)
    item = test[0]
    assert {name: x.shape[1] for name, x in item['inputs'].items()} == {'visual': 2048, 'audio': 128}
    event = json.loads(ann_file.read_text())['database'][item['data_samples'].video_id]['annotations'][0]
    assert item['data_samples'].eval_instances.segments_sec[0].tolist() == event['segment']


def test_without_annotations_their_name_is_told(src, prepared):
    write_unav_layout(src).unlink()
    with pytest.raises(UserInputError, match=r'no unav100_annotations\.json under .*src'):
        prepared('unav100')
