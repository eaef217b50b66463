"""The package's dropout against torch's, and against what dropout is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmdel.models.layers.dropout import Dropout


@pytest.mark.parametrize('p', [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
def test_share_and_mean(p, dtype):
    torch.manual_seed(0)
    x = torch.full((200, 1001), 3.0, dtype=dtype)
    y = Dropout(p)(x)
    kept = y[y != 0]
    assert y.dtype == dtype
    assert len(kept.unique()) == 1
    torch.testing.assert_close(kept[0].float(), torch.tensor(3 / (1 - p)), rtol=0.01, atol=0)
    assert len(kept) / y.numel() == pytest.approx(1 - p, abs=5 * (p * (1 - p) / y.numel()) ** 0.5)


def test_draws_are_independent():
    """Neither neighbours nor the lanes of one random word go together."""
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(400_000)) > 0).float() - 0.5
    for lag in (1, 2, 3, 4, 8, 100):
        assert abs((kept[lag:] * kept[:-lag]).mean()) < 5 * 0.25 / 400_000**0.5


def test_gradient_is_what_was_kept():
    x = torch.randn(7, 33, requires_grad=True)
    y = Dropout(0.4)(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.where(y == 0, 0, y / x).detach())
    assert 0 < (x.grad == 0).sum() < x.numel()


@pytest.mark.parametrize('p', [0.0, 1e-6, 1 - 1e-6, 1.0])
def test_at_the_ends(p):
    x = torch.randn(5, 3)
    torch.testing.assert_close(Dropout(p)(x), x if p < 0.5 else torch.zeros(5, 3), rtol=1e-4, atol=1e-4)


def test_evaluation_is_the_identity():
    x = torch.randn(4, 5)
    assert Dropout(0.5).eval()(x) is x or torch.equal(Dropout(0.5).eval()(x), x)


@pytest.mark.parametrize('shape', [(), (0, 4), (1,), (3, 5, 7)])
def test_any_shape_and_stride(shape):
    x = torch.ones(*shape, 6).transpose(0, -1)
    y = Dropout(0.5)(x)
    assert y.shape == x.shape
    assert set(y.flatten().tolist()) <= {0.0, 2.0}


def test_in_place_and_seed():
    draws = []
    for inplace in (False, True):
        torch.manual_seed(3)
        x = torch.ones(50, device='cpu')  # torch's own on a GPU draws others in place
        draws.append(Dropout(0.5, inplace)(x))
        assert (x is draws[-1]) == inplace
    assert torch.equal(*draws)


def test_is_told_as_torch_tells_it():
    assert isinstance(Dropout(0.2), nn.Dropout)
    assert str(Dropout(0.2)) == str(nn.Dropout(0.2))
    with pytest.raises(ValueError, match='probability'):
        Dropout(1.2)
