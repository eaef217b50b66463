"""UnAV's configs build models of the size that the published code has, and run with its dependency block or without."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from torch import Tensor, nn

from mmdel.registry import MODELS

ROOT = Path(__file__).resolve().parents[2]


def model_of(name: str) -> ConfigDict:
    return Config.fromfile(ROOT / f'configs/unav_{name}.py').model


def count(*parts: nn.Module | nn.Parameter) -> int:
    return sum(p.numel() for part in parts for p in (part.parameters() if isinstance(part, nn.Module) else [part]))


def test_number_of_parameters_of_each_part_is_the_published_one() -> None:
    with torch.device('meta'):
        model = MODELS.build(model_of('unav100'))
    assert count(model.backbone) == 55_513_088
    assert count(model.neck) == 78_847_232
    assert count(model.head.cls_tower) == 2_515_044
    assert count(model.head.reg_tower, model.head.scales) == 2_668_750
    assert count(model) == 139_544_114


def test_blocks_are_as_many_as_published() -> None:
    """Two of self-attention and six across for each stream, of which the last five stride; all see everything."""
    with torch.device('meta'):
        model = MODELS.build(model_of('unav100'))
    for name in ('visual', 'audio'):
        assert [block.stride for block in model.backbone.stems[name]] == [1, 1]
        assert [block.stride for block in model.backbone.levels[name]] == [1, 2, 2, 2, 2, 2]
    blocks = [part for part in model.modules() if hasattr(part, 'norm_query')]
    assert len(blocks) == 16 + 2
    assert {block.attention.window for block in blocks} == {None}
    assert [block.attention.num_heads for block in blocks] == [4] * 16 + [1] * 2


@pytest.mark.parametrize('name', ['demo', 'grid'])
@pytest.mark.parametrize('neck', [None, dict(type='mmdel.IdentityNeck')])
def test_the_neck_may_be_the_dependency_block_or_none(name: str, neck: dict | None, make_inputs) -> None:
    cfg = model_of(name)
    model = MODELS.build({**cfg, 'neck': neck or cfg.neck}).eval()
    cls_logits, offsets = model(make_inputs(cfg.backbone.in_channels, [21, 6]), mode='tensor')
    num_points = 21 + 11 + 6 + 3 + 2 + 1
    assert cls_logits.shape == (2, num_points, cfg.head.num_classes)
    assert offsets.shape == (2, num_points, cfg.head.num_classes if cfg.head.class_aware else 1, 2)
    alone, _ = model(make_inputs(cfg.backbone.in_channels, [21]), mode='tensor')
    torch.testing.assert_close(cls_logits[:1], alone, atol=1e-5, rtol=1e-4)


@pytest.fixture
def make_inputs():
    """A function: channels of the streams and lengths of the videos → a batch of features."""

    def make(channels: dict[str, int], lengths: list[int]) -> dict[str, Tensor]:
        mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        g = torch.manual_seed(0)
        video = {name: torch.randn(max(lengths), num, generator=g) for name, num in channels.items()}
        return {**{name: x.expand(len(lengths), -1, -1) for name, x in video.items()}, 'mask': mask}

    return make
