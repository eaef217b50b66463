"""TemporalMaxer's config builds a model of the published size."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config

from mmdel.registry import MODELS

CONFIG = Path(__file__).resolve().parents[2] / 'configs/temporalmaxer_thumos14.py'


def test_number_of_parameters_is_the_published_7_1_million() -> None:
    """Of it, 3,934,208 are the embedding (2048 → 512 → 512 over three steps, two norms); neck and head are
    ActionFormer's, and pooling has none."""
    with torch.device('meta'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
    counts = {
        name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children() if [*part.parameters()]
    }
    assert counts == dict(backbone=3_934_208, neck=6_144, head=1_605_652 + 1_577_992)
    assert sum(counts.values()) == 7_123_996
