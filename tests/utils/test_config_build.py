from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import HOOKS, MODELS
from mmengine.runner import Runner
from torch import nn

from mmdel.utils.config_build import told_by_place, try_part
from mmdel.utils.config_parts import find_parts
from mmdel.utils.errors import UserInputError

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


@MODELS.register_module()
class Picky(nn.Module):
    def __init__(self, width: int = 1, inner: dict | None = None) -> None:
        super().__init__()
        if width < 1:
            raise ValueError('it cannot be so narrow')
        self.faulty = {}[width] if width == 13 else None
        self.inner = MODELS.build(inner) if inner else None


def parts_of(name: str) -> tuple[Config, dict]:
    cfg = Config.fromfile(CONFIGS / name)
    with MODELS.switch_scope_and_registry('mmdel'):
        return cfg, {part.path: part for part in find_parts(cfg)}


def states() -> list:
    return [random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()]


def test_a_model_is_built_without_memory_and_random_numbers_go_on_as_before() -> None:
    cfg, parts = parts_of('del_unav100.py')
    before = states()
    model = try_part(parts['model'], cfg)
    assert states() == before
    assert {parameter.device.type for parameter in model.parameters()} == {'meta'}
    assert sum(parameter.numel() for parameter in model.parameters()) > 10_000_000


def test_other_packages_files_and_what_needs_data_are_left_alone(tmp_path: Path) -> None:
    cfg, parts = parts_of('bmn_demo.py')
    assert try_part(parts['model'], cfg) is None  # mmaction.BMN
    assert try_part(parts['train_cfg'], cfg) is None
    assert type(try_part(parts['val_evaluator'], cfg)).__name__ == 'EventMAP'
    cfg.val_evaluator.blocked_file = str(tmp_path / 'not there')
    with MODELS.switch_scope_and_registry('mmdel'):
        (part,) = (part for part in find_parts(cfg) if part.path == 'val_evaluator')
        assert try_part(part, cfg) is None


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        # removed, the error is gone
        (dict(attn_window=18), r'^model\.backbone\.attn_window = 18: an attention window must be'),
        # named with its value
        (dict(streams=[]), r'^model\.backbone\.streams = \[\]: '),
        # the only one of this value, where there is a second mistake
        (
            dict(attn_window=18, align=dict(num_layers=1, window_intra=16)),
            r'^model\.backbone\.align\.window_intra = 16: ',
        ),
    ],
)
def test_the_message_is_headed_by_the_key_it_is_about(change: dict, said: str) -> None:
    cfg, _ = parts_of('del_demo.py')
    cfg.model.backbone.merge(Config(dict(**change))._cfg_dict)
    with MODELS.switch_scope_and_registry('mmdel'), pytest.raises(UserInputError, match=said):
        (part,) = (part for part in find_parts(cfg) if part.path == 'model')
        try_part(part, cfg)


def test_what_mmengine_builds_is_told_by_its_place(tmp_path: Path) -> None:
    model = dict(type='Picky', inner=dict(type='Picky', inner=dict(type='Picky', width=0)))
    cfg = Config(dict(model=model, work_dir=str(tmp_path)))
    with pytest.raises(UserInputError, match=r'^model\.inner\.inner: it cannot be so narrow$'), told_by_place(cfg):
        Runner.from_cfg(cfg)
    with (
        pytest.raises(UserInputError, match=r'^custom_hooks\.1: .*Nothing is not in the'),
        told_by_place(Config(dict(custom_hooks=[dict(type='EMAHook'), dict(type='Nothing')]))),
    ):
        HOOKS.build(dict(type='Nothing'))
    with (
        pytest.raises(UserInputError, match=r"^model: .*Picky takes no 'wide'; did you mean width\?$"),
        told_by_place(Config(dict(model=dict(type='Picky', wide=1)))),
    ):
        MODELS.build(dict(type='Picky', wide=1))
    with pytest.raises(KeyError, match='13'), told_by_place(cfg):
        MODELS.build(dict(type='Picky', width=13))  # a fault of the part
    with pytest.raises(ValueError, match=r'^own$'), told_by_place(cfg):
        raise ValueError('own')
