"""TemporalMaxer's config builds a model of the size that the published code has at its settings of THUMOS14."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from torch import nn

from mmdel.registry import MODELS

CONFIG = Path(__file__).resolve().parents[2] / 'configs/temporalmaxer_thumos14.py'
D, C = 512, 20


def count(*parts: nn.Module | nn.Parameter) -> int:
    return sum(p.numel() for part in parts for p in (part.parameters() if isinstance(part, nn.Module) else [part]))


def test_number_of_parameters_is_the_published_7_1_million() -> None:
    with torch.device('meta'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
    # Two convolutions and two norms; pooling has no parameters, nor has the neck's group norm.
    assert count(model.backbone) == 2048 * D * 3 + D * D * 3 + 2 * 2 * D == 3_934_208
    assert count(model.neck) == 0 and len(model.neck.norms) == 6
    # The heads are ActionFormer's.
    tower = 2 * D * D * 3 + 2 * 2 * D
    assert count(model.head.cls_tower) == tower + D * C * 3 + C == 1_605_652
    assert count(model.head.reg_tower, model.head.scales) == tower + D * 2 * 3 + 2 + 6 == 1_577_992
    assert count(model) == 7_117_852
