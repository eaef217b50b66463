import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmdel.models.layers import StepConv
from mmdel.utils.number_format import autocast, convert_weights
from mmdel.utils.packed_weights import PackedLinear, pack, pack_linears

CPU = torch.device('cpu')
BF16 = torch.bfloat16
needs_packing = pytest.mark.skipif(
    pack(nn.Parameter(torch.ones(1, 1, dtype=BF16, device='cpu')), torch.ones(1, 1, dtype=BF16, device='cpu')) is None,
    reason='torch packs no bfloat16 weights on this CPU',
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(30, 17), nn.GELU(), nn.ModuleDict(dict(inner=nn.Linear(17, 5, bias=False))))
    model.forward = lambda x: model[2]['inner'](model[1](model[0](x)))
    return model.to(CPU, BF16)


def half(model, x):
    with torch.no_grad(), autocast(CPU, 'bfloat16'):
        return model(x)


@needs_packing
@pytest.mark.parametrize('shape', [(30,), (4, 30), (2, 9, 30), (2, 0, 30), (1, 1, 30), (2, 3, 9, 30)])
@pytest.mark.parametrize('bias', [True, False])
def test_a_packed_product_is_torchs(shape, bias):
    torch.manual_seed(0)
    linear = nn.Linear(30, 17, bias=bias).to(CPU, BF16)
    packed = pack(linear.weight, linear.weight)
    for x in (torch.randn(shape, device=CPU), torch.randn(*shape[:-1], 60, device=CPU)[..., ::2]):
        assert torch.equal(packed.product(x, linear.bias), half(linear, x))


@needs_packing
def test_linear_layers_are_packed_with_their_parameters_and_names(model, monkeypatch):
    expected, parameters = half(model, x := torch.randn(2, 9, 30, device=CPU)), dict(model.named_parameters())
    pack_linears(model)
    assert [type(layer) for layer in (model[0], model[2]['inner'])] == [PackedLinear] * 2
    after = dict(model.named_parameters())
    assert list(after) == list(parameters) and all(after[name] is parameters[name] for name in after)
    with monkeypatch.context() as context:
        context.setattr(F, 'linear', None)  # nothing but the packed weights is there
        assert torch.equal(half(model, x), expected)


@needs_packing
@pytest.mark.parametrize('change', ['load', 'write', 'replace', 'float32'])
def test_packed_weights_that_are_no_longer_the_models_are_not_used(model, change):
    pack_linears(model)
    x, first = torch.randn(2, 9, 30, device=CPU), model[0]
    doubled = {name: 2 * value for name, value in model.state_dict().items()}
    if change == 'load':
        model.load_state_dict(doubled)
    elif change == 'write':
        with torch.no_grad():
            first.weight.mul_(2)
    elif change == 'replace':
        first.weight.data = first.weight.data * 2
    else:
        model.float()
    plain = nn.Linear(30, 17).to(first.weight)
    plain.load_state_dict(first.state_dict())
    assert not first.packed.is_usable()
    assert torch.equal(half(first, x), half(plain, x))


@needs_packing
def test_gradients_see_the_parameters(model):
    pack_linears(model)
    model(torch.randn(2, 9, 30, dtype=BF16, device=CPU)).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


@needs_packing
@pytest.mark.parametrize('copied', [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_has_the_weights_and_none_packed(model, copied):
    pack_linears(model)
    first, x = copied(model[0]), torch.randn(2, 9, 30, device=CPU)
    assert first.packed is None and first.weight is not model[0].weight
    assert torch.equal(half(first, x), half(model[0], x))


@needs_packing
@pytest.mark.parametrize('num_steps', [1, 2, 9])
def test_a_convolution_of_three_steps_is_packed_too(num_steps, monkeypatch):
    torch.manual_seed(0)
    conv = nn.Sequential(StepConv(30, 17)).to(CPU)
    x = torch.randn(2, num_steps, 30, device=CPU)
    expected = half(conv, x)
    convert_weights(conv, 'bfloat16')
    monkeypatch.setattr(F, 'linear', None)
    assert torch.equal(half(conv, x), expected)


def test_no_other_weights_are_packed(model, monkeypatch):
    parameter = nn.Parameter(torch.ones(2, 3, device=CPU))
    assert pack(parameter, parameter) is None
    other = nn.Parameter(torch.ones(2, 3, dtype=BF16, device='meta'))
    assert pack(other, other) is None
    monkeypatch.setattr('mmdel.utils.packed_weights.OPERATORS', ('an_operator_of_another_torch',))
    pack_linears(model)
    assert type(model[0]) is nn.Linear
