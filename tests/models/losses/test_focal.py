import math

import pytest
import torch
import torch.nn.functional as F

from mmdel.models.losses import SigmoidFocalLoss, sigmoid_focal_loss


def naive_focal(logit, target, alpha, gamma):
    p = 1 / (1 + math.exp(-logit))
    if target == 1:
        return -alpha * (1 - p) ** gamma * math.log(p)
    return -(1 - alpha) * p**gamma * math.log(1 - p)


@pytest.mark.parametrize('alpha, gamma', [(0.25, 2.0), (0.5, 0.0), (0.9, 3.0)])
def test_value_of_every_element_is_that_of_the_formula(alpha, gamma):
    logits, targets = torch.tensor([[-3.0, 0.0, 2.0], [1.0, -1.0, 4.0]]), torch.tensor([[0.0, 1, 1], [0, 1, 0]])
    expected = [
        naive_focal(x, t, alpha, gamma) for x, t in zip(logits.flatten().tolist(), targets.flatten(), strict=True)
    ]
    torch.testing.assert_close(sigmoid_focal_loss(logits, targets, alpha, gamma).flatten(), torch.tensor(expected))


def test_gamma_zero_alpha_half_is_half_the_cross_entropy_for_soft_targets_too():
    torch.manual_seed(0)
    logits, targets = torch.randn(50), torch.rand(50)
    expected = 0.5 * F.binary_cross_entropy_with_logits(logits, targets, reduction='none')
    torch.testing.assert_close(sigmoid_focal_loss(logits, targets, 0.5, 0.0), expected)


def test_extreme_logits_give_finite_values_and_gradients():
    logits = torch.tensor([-200.0, -200.0, 200.0, 200.0, 0.0], requires_grad=True)
    losses = sigmoid_focal_loss(logits, torch.tensor([0.0, 1, 0, 1, 1]))
    losses.sum().backward()
    assert losses.isfinite().all() and logits.grad.isfinite().all()
    torch.testing.assert_close(losses[:4].detach(), torch.tensor([0.0, 50.0, 150.0, 0.0]))


def test_half_precision_is_computed_in_float32():
    logits, targets = torch.tensor([-6.0, 3.0, 8.0]).bfloat16(), torch.tensor([0.0, 1.0, 1.0])
    assert torch.equal(sigmoid_focal_loss(logits, targets), sigmoid_focal_loss(logits.float(), targets))


@pytest.mark.parametrize('loss_weight', [0.0, 1.0, 3.0])
def test_module_sums_weighted_elements_over_the_normalizer(loss_weight):
    logits, targets = torch.tensor([[1.0, -1.0], [0.5, 2.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    loss = SigmoidFocalLoss(loss_weight=loss_weight)(logits, targets, torch.tensor([[1.0], [0.5]]), torch.tensor(4.0))
    expected = [naive_focal(x, t, 0.25, 2) for x, t in [(1.0, 1), (-1.0, 0), (0.5, 0), (2.0, 1)]]
    assert loss.item() == pytest.approx(loss_weight * (sum(expected[:2]) + 0.5 * sum(expected[2:])) / 4)


def test_label_smoothing_moves_the_targets():
    torch.manual_seed(0)
    logits, targets = torch.randn(4, 3), torch.eye(4)[:, :3]
    smoothed = SigmoidFocalLoss(label_smoothing=0.2)(logits, targets, torch.ones(4, 1), 1.0)
    assert smoothed.item() == pytest.approx(sigmoid_focal_loss(logits, targets * 0.8 + 0.05).sum().item())
