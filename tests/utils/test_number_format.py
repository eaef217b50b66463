"""Which format a device gets, and what computes in it."""

import argparse
import copy

import pytest
import torch
from tiny_bundle import make_bundle
from torch import nn

from mmdel.models.layers import SGPLayer
from mmdel.structures import StreamBatch
from mmdel.utils import number_format
from mmdel.utils.errors import UserInputError
from mmdel.utils.number_format import add_amp_option, autocast, choose, convert_weights, has_bfloat16

CPU, GPU = torch.device('cpu'), torch.device('cuda', 0)


@pytest.mark.parametrize(
    ('device', 'units', 'wanted', 'expected'),
    [
        (CPU, True, None, 'bfloat16'),
        (CPU, True, 'auto', 'bfloat16'),
        (CPU, True, 'bf16', 'bfloat16'),
        (CPU, True, 'fp16', 'float16 needs a GPU, and the model runs on the CPU: take bfloat16 (--amp bf16)'),
        (CPU, True, 'off', 'float32'),
        (CPU, False, None, 'float32'),
        (CPU, False, 'auto', 'float32'),
        (CPU, False, 'bf16', 'the CPU has no units for bfloat16: take float32 (--amp off)'),
        (CPU, False, 'fp16', 'float16 needs a GPU, and the model runs on the CPU: take float32 (--amp off)'),
        (CPU, False, 'off', 'float32'),
        (GPU, True, None, 'bfloat16'),
        (GPU, True, 'auto', 'bfloat16'),
        (GPU, True, 'fp16', 'float16'),
        (GPU, False, None, 'float32'),
        (GPU, False, 'auto', 'float16'),
        (GPU, False, 'bf16', "the device 'cuda:0' has no units for bfloat16: take float32 (--amp off)"),
        (GPU, True, 'fp8', "amp is one of auto, bf16, fp16, off or None; got 'fp8'"),
    ],
)
def test_a_device_gets_what_it_can(monkeypatch, device, units, wanted, expected):
    monkeypatch.setattr(number_format, 'has_bfloat16', lambda device: units)
    try:
        found = choose(device, wanted)
    except UserInputError as error:
        found = str(error)
    assert found == expected


@pytest.mark.parametrize('unit', ['amx_bf16', 'avx512_bf16', 'bf16', None])
def test_the_units_are_those_of_the_chip(monkeypatch, unit):
    units = dict(dict.fromkeys(['avx2', 'avx512_f', 'amx_int8', 'neon'], True), amx_bf16=False)
    monkeypatch.setattr(
        torch.cpu, 'get_capabilities', lambda: {**units, **({unit: True} if unit else {})}, raising=False
    )
    assert has_bfloat16(CPU) == (unit is not None)
    assert not has_bfloat16(torch.device('mps'))
    monkeypatch.setattr(torch.version, 'hip', None)
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: ((7, 5), (8, 0))[device.index])
    assert [has_bfloat16(torch.device('cuda', index)) for index in (0, 1)] == [False, True]


@pytest.mark.parametrize(('words', 'amp'), [([], None), (['--amp'], 'auto'), (['--amp', 'off'], 'off')])
def test_the_option_may_have_a_value(words, amp):
    parser = argparse.ArgumentParser()
    add_amp_option(parser, 'off')
    assert parser.parse_args(words).amp == amp


def test_a_model_computes_in_it_and_its_converted_weights_change_no_digit():
    torch.manual_seed(0)
    bundle = make_bundle()
    model = bundle.build_model()
    half = copy.deepcopy(model)
    convert_weights(half, 'bfloat16')
    streams = {name: torch.randn(2, 40, stream['channels']) for name, stream in bundle.streams.items()}
    inputs = StreamBatch(streams, torch.arange(40) < torch.tensor([[40], [23]]))
    with torch.no_grad():
        plain = model(inputs)
        with autocast(CPU, 'bfloat16'):
            expected, actual = model(inputs), half(inputs)
            with autocast(CPU, 'float32'):
                inner = model(inputs)
    for one, other, full, same in zip(actual, expected, plain, inner, strict=True):
        assert torch.equal(one, other) and torch.equal(full, same)
        assert 0 < (one - full).abs().max() < 0.05 * full.abs().max()
    kinds = {type(module) for module in half.modules() for p in module.parameters(False) if p.dtype == torch.bfloat16}
    assert kinds and all(issubclass(kind, nn.Linear | nn.Conv1d) for kind in kinds)


def test_what_autocast_leaves_in_its_format_is_not_converted():
    torch.manual_seed(0)
    layer, mask = SGPLayer(8, kernel_size=1), torch.ones(2, 40, dtype=torch.bool)
    half, x = copy.deepcopy(layer), torch.randn(2, 8, 40)
    convert_weights(half, 'bfloat16')
    formats = {name: part.weight.dtype for name, part in half.named_children()}
    assert {name for name, dtype in formats.items() if dtype == torch.bfloat16} == {'wide_window'}
    with torch.no_grad(), autocast(CPU, 'bfloat16'):
        assert torch.equal(half(x, mask), layer(x, mask))
