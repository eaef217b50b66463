"""What ``tests/commands/test_export.py`` does not try from the outside."""

import dataclasses

import pytest
import torch
from mmengine.config import Config
from tiny_bundle import make_bundle

from mmdel.inference.export import MAX_HALF_DIFFERENCE, find_run, half_difference
from mmdel.inference.export import make_bundle as of_config
from mmdel.utils.errors import UserInputError


def test_half_precision_is_compared_by_what_the_model_says():
    bundle = make_bundle()
    assert 0 < half_difference(bundle) < 3 * MAX_HALF_DIFFERENCE
    weights = dict(bundle.weights)
    name = 'backbone.align.project.visual.weight'
    weights[name] = torch.full_like(weights[name], 7e4)  # beyond what half precision holds
    assert not half_difference(dataclasses.replace(bundle, weights=weights)) < 10 * MAX_HALF_DIFFERENCE


def test_the_best_checkpoint_of_a_run_is_taken_and_else_the_last(tmp_path):
    (tmp_path / 'mine.py').touch()
    with pytest.raises(UserInputError, match='holds no checkpoint'):
        find_run(tmp_path)
    for name in ('epoch_1.pth', 'epoch_2.pth'):
        (tmp_path / name).touch()
    (tmp_path / 'last_checkpoint').write_text('/moved/from/elsewhere/epoch_2.pth')
    assert find_run(tmp_path) == (tmp_path / 'mine.py', tmp_path / 'epoch_2.pth')
    (tmp_path / 'best_event_mAP_epoch_1.pth').touch()
    assert find_run(tmp_path)[1].name == 'best_event_mAP_epoch_1.pth'


def test_types_become_full_names_and_infinity_a_number(tmp_path):
    """A config may name its parts without their scope; JSON knows neither infinity nor tuples."""
    bundle = make_bundle()
    model = {**bundle.model, 'type': 'EventDetector', 'init_cfg': dict(type='Pretrained', checkpoint='x')}
    generator = dict(type='PointGenerator', regress_ranges=[(0, 4), (4, 8), (8, float('inf'))])
    model['head'] = {**model['head'], 'point_generator': generator, '_scope_': 'mmdel'}
    streams = {
        name: dict(root='.', files=['{id}.npy'], **{key: x for key, x in stream.items() if key != 'extractors'})
        for name, stream in bundle.streams.items()
    }
    dataset = dict(type='mmdel.EventDataset', ann_file='x.json', subset='test', streams=streams, pipeline=[])
    cfg = Config(dict(default_scope='mmdel', model=model, test_dataloader=dict(dataset=dataset)))
    meta = dict(dataset_meta=dict(classes=bundle.classes))
    torch.save(dict(state_dict=dict(bundle.weights), meta=meta), tmp_path / 'x.pth')
    made = of_config(cfg, str(tmp_path / 'x.pth'))
    assert made.model['type'] == 'mmdel.EventDetector' and 'init_cfg' not in made.model
    assert made.model['head']['point_generator'] == dict(
        type='mmdel.PointGenerator', regress_ranges=[[0, 4], [4, 8], [8, 1e30]]
    )
    made.save(tmp_path / 'model')
    assert made.grid == (dict(type='mmdel.AlignStreams', reference='visual', mode='linear'),)
    del meta['dataset_meta']
    torch.save(dict(state_dict=dict(bundle.weights), meta=meta), tmp_path / 'x.pth')
    with pytest.raises(UserInputError, match='does not name its classes'):
        of_config(cfg, str(tmp_path / 'x.pth'))
