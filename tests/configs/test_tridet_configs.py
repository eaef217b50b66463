"""TriDet's config builds a model of the size that the published code has at its settings of THUMOS14."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmdel.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
D, C, BINS, HIDDEN = 512, 20, 16, 768


def count(*parts: nn.Module | nn.Parameter) -> int:
    return sum(p.numel() for part in parts for p in (part.parameters() if isinstance(part, nn.Module) else [part]))


def test_number_of_parameters_is_the_published_16_million() -> None:
    with torch.device('meta'):
        model = MODELS.build(Config.fromfile(CONFIGS / 'tridet_thumos14.py').model)
    # Layer norm, group norm, four maps of a step and a bias each, one of eleven steps, and the MLP.
    sgp = 2 * D + 2 * D + 4 * (D + D) + (11 * D + D) + (D * HIDDEN + HIDDEN + HIDDEN * D + D)
    embedding = 2048 * D * 3 + D * D * 3 + 2 * 2 * D
    assert sgp == 800_000 and embedding == 3_934_208
    assert count(model.backbone.embedding) == embedding
    assert count(model.backbone.stem) == 2 * sgp
    assert count(model.backbone.downs) == 5 * (sgp + 2 * D)  # with the scales of their two branches
    assert count(model.backbone) == 9_539_328
    assert count(model.neck) == 6 * 2 * D == 6_144
    tower = 2 * D * D * 3 + 2 * 2 * D
    for part in (model.head.cls_tower, model.head.start_tower, model.head.end_tower):
        assert count(part) == tower + D * C * 3 + C == 1_605_652
    outputs = 2 * (BINS + 1)
    assert count(model.head.reg_tower, model.head.scales) == tower + D * outputs * 3 + outputs + 6 == 1_627_176
    assert count(model) == 15_989_604


@pytest.mark.parametrize(('name', 'starts_at_zero'), [('thumos14', True), ('unav100', False), ('demo', False)])
def test_the_sgp_layers_start_at_zero_as_published_for_thumos14_alone(name: str, starts_at_zero: bool) -> None:
    backbone = MODELS.build(Config.fromfile(CONFIGS / f'tridet_{name}.py').model.backbone)
    for block in [*backbone.stem, *backbone.downs]:
        for conv in block.sgp.children():
            assert bool((conv.weight == 0).all()) == starts_at_zero
            assert not conv.bias.any()
