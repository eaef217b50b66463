"""The models of others have as many parameters, part by part, as the published code at its published settings."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmdel.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
# Two convolutions of three steps with a norm each, D = 512, before the last convolution of a head.
TOWER = 2 * 512 * 512 * 3 + 2 * 2 * 512
# One of TriDet's layers: two norms, four maps of a step and one of eleven with a bias each, and the MLP.
SGP = 2 * 512 + 2 * 512 + 4 * (512 + 512) + (11 * 512 + 512) + (512 * 768 + 768 + 768 * 512 + 512)
EMBEDDING = 2048 * 512 * 3 + 512 * 512 * 3 + 2 * 2 * 512
BINS = 2 * (16 + 1)


def build(name: str) -> nn.Module:
    with torch.device('meta'):
        return MODELS.build(Config.fromfile(CONFIGS / f'{name}.py').model)


def count(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


@pytest.mark.parametrize(
    ('name', 'backbone', 'neck', 'classification', 'regression', 'total'),
    [
        ('actionformer_thumos14', 26_061_824, 6_144, 1_605_652, 1_577_992, 29_251_612),
        ('actionformer_anet13', 6_149_632, 3_072, 395_009, 395_784, 6_943_497),
        ('actionformer_epic100_verb', 26_455_040, 6_144, 1_724_001, 1_577_992, 29_763_177),
        ('actionformer_epic100_noun', 26_455_040, 6_144, 2_036_012, 1_577_992, 30_075_188),
        ('unav_unav100', 55_513_088, 78_847_232, 2_515_044, 2_668_750, 139_544_114),
        # Pooling has no parameters, nor has the group norm of the neck; the head is ActionFormer's.
        ('temporalmaxer_thumos14', EMBEDDING, 0, TOWER + 512 * 20 * 3 + 20, TOWER + 512 * 2 * 3 + 2 + 6, 7_117_852),
        (
            *('tridet_thumos14', EMBEDDING + 2 * SGP + 5 * (SGP + 2 * 512), 6_144, 1_605_652),
            *(2 * 1_605_652 + TOWER + 512 * BINS * 3 + BINS + 6, 15_989_604),
        ),
    ],
)
def test_each_part_has_the_published_number_of_parameters(
    name: str, backbone: int, neck: int, classification: int, regression: int, total: int
) -> None:
    model = build(name)
    parts = (model.backbone, model.neck, model.head.cls_tower, model.head.regressor, model)
    assert [count(part) for part in parts] == [backbone, neck, classification, regression, total]


def test_del_in_its_authors_layout_has_the_parameters_of_its_blocks() -> None:
    """D = 512, 224 steps, 2 streams of 2048 and 128 channels, 100 classes; counted block by block."""
    dims, half = 512, 256
    norm, mlp = 2 * dims, dims * 4 * dims + 4 * dims + 4 * dims * dims + dims

    def linear(a: int, b: int) -> int:
        return a * b + b

    def attention(width: int) -> int:  # three of a depth-wise convolution, a norm and a map; one map out
        return 3 * (3 * width + 2 * width + linear(width, width)) + linear(width, width)

    align = linear(2048, dims) + linear(128, dims) + 2 * dims + 2 * (1 + 224) * dims  # … [CLS], positions
    align += norm + 4 * linear(dims, dims) + 2 * (norm + mlp)  # one block, not two
    align += 2 * (linear(dims, dims) + norm)
    stem_block = norm + attention(dims) + dims + norm + mlp + dims  # with the scales of both branches
    stems = 2 * (2 * (3 * dims * dims + norm) + 2 * stem_block)
    pyramid = 5 * 3 * dims + 2 * 5 * norm  # the convolutions once, the norms for each stream
    fuse = linear(2 * dims, dims) + 3 * attention(half) + (3 * dims * half + half + 4) + linear(6 * half, dims)
    refresh = 2 * norm + 4 * linear(dims, dims)
    neck = 10 * fuse + refresh + (3 * dims * dims + dims + norm)
    model = build('del_unav100_authors')
    assert [count(part) for part in (model.backbone.align, model.backbone.stems, model.backbone.pyramid)] == [
        *(align, stems, pyramid)
    ]
    assert [count(model.neck), count(model)] == [neck, align + stems + pyramid + neck + count(model.head)]
    assert count(model) == 55_026_010


@pytest.mark.parametrize('name', ['actionformer', 'temporalmaxer', 'tridet'])
def test_a_second_stream_costs_its_part_of_the_first_convolution_alone(name: str) -> None:
    assert count(build(f'{name}_unav100').backbone) - count(build(f'{name}_thumos14').backbone) == 128 * 512 * 3


@pytest.mark.parametrize(
    ('name', 'windows'),
    [('thumos14', [19] * 7), ('anet13', [7] * 6 + [None]), ('epic100_verb', [9] * 7), ('unav100', [None] * 7)],
)
def test_actionformer_has_windows_in_two_stem_blocks_and_five_strided_ones(
    name: str, windows: list[int | None]
) -> None:
    backbone = build(f'actionformer_{name}').backbone
    assert [block.attention.window for block in [*backbone.stem, *backbone.downs]] == windows


def test_unav_has_as_many_blocks_as_published() -> None:
    """Two of self-attention and six across for each stream, of which the last five stride; all see everything."""
    model = build('unav_unav100')
    for name in ('visual', 'audio'):
        assert [block.stride for block in model.backbone.stems[name]] == [1, 1]
        assert [block.stride for block in model.backbone.levels[name]] == [1, 2, 2, 2, 2, 2]
    blocks = [part for part in model.modules() if hasattr(part, 'norm_query')]
    assert {block.attention.window for block in blocks} == {None}
    assert [block.attention.num_heads for block in blocks] == [4] * 16 + [1] * 2


@pytest.mark.parametrize(('name', 'starts_at_zero'), [('thumos14', True), ('demo', False)])
def test_tridet_s_layers_start_at_zero_as_published_for_thumos14_alone(name: str, starts_at_zero: bool) -> None:
    backbone = MODELS.build(Config.fromfile(CONFIGS / f'tridet_{name}.py').model.backbone)
    for block in [*backbone.stem, *backbone.downs]:
        for conv in block.sgp.children():
            assert bool((conv.weight == 0).all()) == starts_at_zero
            assert not conv.bias.any()


def test_scales_norms_and_biases_do_not_decay() -> None:
    """Weights of linear maps and convolutions alone do."""
    model = build('actionformer_thumos14')
    optim_wrapper = Config.fromfile(CONFIGS / 'actionformer_thumos14.py').optim_wrapper
    optimizer = build_optim_wrapper(model, optim_wrapper).optimizer
    decay = {id(p): group['weight_decay'] for group in optimizer.param_groups for p in group['params']}
    for parameter in model.parameters():
        assert decay[id(parameter)] == (0.05 if parameter.dim() > 1 else 0.0)
