from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from mmengine import registry as root
from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.registry import MODELS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from mmdel.utils.check_config import SECTIONS
from mmdel.utils.config_parts import PLACES, TAKEN_OUT_OF, Part, check_part, class_of, find_parts
from mmdel.utils.errors import UserInputError

PACK = dict(type='mmdel.PackEvents')


@pytest.fixture(autouse=True)
def scope():
    with root.MODELS.switch_scope_and_registry('mmdel'):
        yield


def test_every_part_is_found_at_its_place_and_in_its_registry() -> None:
    wrapped = dict(type='mmengine.ConcatDataset', datasets=[dict(type='mmdel.EventDataset', pipeline=[PACK])])
    cfg = dict(
        model=dict(
            type='mmdel.EventDetector', head=dict(type='mmdel.AnchorFreeHead', nms=dict(type='mmdel.SegmentNMS'))
        ),
        train_dataloader=dict(sampler=dict(type='DefaultSampler'), dataset=wrapped),
        train_cfg=dict(by_epoch=True),
        optim_wrapper=dict(optimizer=dict(type='torch.optim.SGD')),
        val_evaluator=[dict(type='mmdel.EventMAP'), dict(type='mmdel.DumpEvents')],
        default_hooks=dict(timer=None, ema=dict(type='EMAHook')),
        custom_hooks=[dict(type='mmdel.FiniteCheckHook')],
        visualizer=dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')]),
    )
    assert {(part.path, part.kind, part.cls.__name__) for part in find_parts(cfg)} == {
        ('model', 'MODELS', 'EventDetector'),
        ('model.head', 'MODELS', 'AnchorFreeHead'),
        ('model.head.nms', 'TASK_UTILS', 'SegmentNMS'),
        ('train_dataloader', '', 'DataLoader'),
        ('train_dataloader.sampler', 'DATA_SAMPLERS', 'DefaultSampler'),
        ('train_dataloader.dataset', 'DATASETS', 'ConcatDataset'),
        ('train_dataloader.dataset.datasets.0', 'DATASETS', 'EventDataset'),
        ('train_dataloader.dataset.datasets.0.pipeline.0', 'TRANSFORMS', 'PackEvents'),
        ('train_cfg', 'LOOPS', 'EpochBasedTrainLoop'),
        ('optim_wrapper', 'OPTIM_WRAPPERS', 'OptimWrapper'),
        ('optim_wrapper.optimizer', 'OPTIMIZERS', 'SGD'),
        ('val_evaluator.0', 'METRICS', 'EventMAP'),
        ('val_evaluator.1', 'METRICS', 'DumpEvents'),
        ('default_hooks.ema', 'HOOKS', 'EMAHook'),
        ('custom_hooks.0', 'HOOKS', 'FiniteCheckHook'),
        ('visualizer', 'VISUALIZERS', 'Visualizer'),
        ('visualizer.vis_backends.0', 'VISBACKENDS', 'LocalVisBackend'),
    }


@pytest.mark.parametrize(
    ('loop', 'cls'),
    [(dict(max_epochs=2), EpochBasedTrainLoop), (dict(by_epoch=False, max_iters=2), IterBasedTrainLoop)],
)
def test_a_training_without_a_type_has_mmengine_s_loop(loop: dict, cls: type) -> None:
    (part,) = find_parts(dict(train_cfg=loop))
    assert part.cls is cls
    check_part(part)


@MODELS.register_module()
class Loose(nn.Module):
    """As a model of another package: it builds its backbone itself, and reads what it takes by name."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__()


def test_parts_of_other_packages_may_know_more() -> None:
    model = dict(type='Loose', backbone=dict(type='timm.resnet'), gate_width=3, neck=dict(type='mmdel.AudioVisualPAN'))
    wrapper = dict(optimizer=dict(type='SGD'), paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
    parts = list(find_parts(dict(model=model, optim_wrapper=wrapper)))
    assert [part.path for part in parts] == ['model', 'model.neck', 'optim_wrapper', 'optim_wrapper.optimizer']
    for part in parts:
        check_part(part)
    with pytest.raises(UserInputError, match=r'model\.backbone\.type: there is no model part timm\.resnet'):
        list(find_parts(dict(model=dict(type='mmdel.EventDetector', backbone=dict(type='timm.resnet')))))


def test_several_optimizers_are_found_by_their_names() -> None:
    wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1.0))
    cfg = dict(
        optim_wrapper=dict(constructor='DefaultOptimWrapperConstructor', first=wrapper),
        param_scheduler=dict(first=[dict(type='LinearLR')], second=dict(type='PolyLR')),
    )
    assert [part.path for part in find_parts(cfg)] == [
        *('optim_wrapper.first.optimizer', 'param_scheduler.first.0', 'param_scheduler.second'),
    ]
    with pytest.raises(UserInputError, match=r'param_scheduler\.by_epoch is True, expected a dict of a scheduler'):
        list(find_parts(dict(param_scheduler=dict(by_epoch=True))))


def test_types_that_only_the_part_around_them_knows_are_left_to_it() -> None:
    dataset = dict(type='mmdel.EventDataset', format=dict(type='epic_kitchens', label='verb'))
    model = dict(type='mmdel.EventDetector', init_cfg=dict(type='Kaiming'), other=dict(type='foreign.Thing'))
    assert len(list(find_parts(dict(model=model, val_dataloader=dict(dataset=dataset))))) == 3


def test_all_that_mmengine_looks_for_is_known() -> None:
    source = inspect.getsource(DefaultOptimWrapperConstructor)
    read = set(re.findall(r"paramwise_cfg\.get\(\s*'(\w+)'", source))
    assert read == SECTIONS['optim_wrapper.paramwise_cfg'].keys() and len(read) == 8
    assert set(re.findall(r"cfg\.get\('(\w+)'", inspect.getsource(Runner.setup_env))) <= SECTIONS['env_cfg'].keys()
    assert SECTIONS['randomness'].keys() == inspect.signature(Runner.set_randomness).parameters.keys() - {'self'}
    popped = set(re.findall(r"dataloader_cfg\.pop\(\s*'(\w+)'", inspect.getsource(Runner.build_dataloader)))
    known = inspect.signature(DataLoader.__init__).parameters.keys() | TAKEN_OUT_OF['']
    assert len(popped) > 7 and popped <= known
    assert PLACES.keys() < inspect.signature(Runner.__init__).parameters.keys()


def test_what_a_part_takes() -> None:
    cls = class_of('TRANSFORMS', 'mmdel.RandomTemporalCrop')
    check_part(Part('x', 'TRANSFORMS', dict(type='a', max_len=3, crop_ratio=None, _scope_='mmdel'), cls))
    for options, said in (
        (dict(max_length=3), r"x\.max_length: RandomTemporalCrop takes no 'max_length'; did you mean max_len\?"),
        (dict(max_len=3.5), r'x\.max_len is 3\.5, expected an int'),
        (dict(trunc_thresh=float('nan')), r'x\.trunc_thresh is nan, expected a number'),
        (dict(max_len=3, _delete_=True), r'x\._delete_: there is nothing'),
    ):
        with pytest.raises(UserInputError, match=said):
            check_part(Part('x', 'TRANSFORMS', options, cls))
