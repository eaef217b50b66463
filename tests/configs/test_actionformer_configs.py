"""ActionFormer's configs build models of the size that the published code has at its published settings."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmdel.registry import MODELS

ROOT = Path(__file__).resolve().parents[2]


def build(name: str) -> nn.Module:
    cfg = Config.fromfile(ROOT / f'configs/actionformer_{name}.py')
    with torch.device('meta'):
        return MODELS.build(cfg.model)


def count(*parts: nn.Module | nn.Parameter) -> int:
    return sum(p.numel() for part in parts for p in (part.parameters() if isinstance(part, nn.Module) else [part]))


@pytest.mark.parametrize(
    ('name', 'backbone', 'neck', 'classification', 'regression', 'total'),
    [
        ('thumos14', 26_061_824, 6_144, 1_605_652, 1_577_992, 29_251_612),
        ('anet13', 6_149_632, 3_072, 395_009, 395_784, 6_943_497),
        ('epic100_verb', 26_455_040, 6_144, 1_724_001, 1_577_992, 29_763_177),
        ('epic100_noun', 26_455_040, 6_144, 2_036_012, 1_577_992, 30_075_188),
    ],
)
def test_number_of_parameters_of_each_part_is_the_published_one(
    name: str, backbone: int, neck: int, classification: int, regression: int, total: int
) -> None:
    model = build(name)
    assert count(model.backbone) == backbone
    assert count(model.neck) == neck
    assert count(model.head.cls_tower) == classification
    assert count(model.head.reg_tower, model.head.scales) == regression
    assert count(model) == total


def test_a_second_stream_costs_its_part_of_the_first_convolution_alone() -> None:
    one, two = build('thumos14'), build('unav100')
    assert count(two.backbone) - count(one.backbone) == 128 * 512 * 3


@pytest.mark.parametrize(
    ('name', 'windows'),
    [('thumos14', [19] * 7), ('anet13', [7] * 6 + [None]), ('epic100_verb', [9] * 7), ('unav100', [None] * 7)],
)
def test_windows_of_the_two_stem_blocks_and_the_five_strided_ones(name: str, windows: list[int | None]) -> None:
    backbone = build(name).backbone
    assert [block.attention.window for block in [*backbone.stem, *backbone.downs]] == windows


@pytest.mark.parametrize('name', ['thumos14', 'anet13', 'epic100_verb', 'epic100_noun'])
def test_scales_do_not_decay(name: str) -> None:
    """Weights of linear maps and convolutions alone do."""
    cfg = Config.fromfile(ROOT / f'configs/actionformer_{name}.py')
    model = build(name)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    decay = {id(p): group['weight_decay'] for group in optimizer.param_groups for p in group['params']}
    for parameter in model.parameters():
        assert decay[id(parameter)] == (0.05 if parameter.dim() > 1 else 0.0)
