"""Focal loss for independent binary labels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mmdel.registry import MODELS


def sigmoid_focal_loss(logits: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """−α_t (1 − p_t)^γ log p_t, element by element (Lin et al. 2017, arXiv 1708.02002).

    Args:
        logits: (...).
        targets: (...) in [0, 1]; with soft targets, p_t and α_t are interpolated between the two classes.
        alpha: Weight of a positive; 1 − alpha is that of a negative.
        gamma: How much an easy example is discounted; 0 is the plain cross-entropy.

    Returns:
        (...) in float32, whatever the inputs' type.
    """
    logits, targets = logits.float(), targets.float()
    scores = logits.sigmoid()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction='none')
    missing = scores * (1 - targets) + (1 - scores) * targets  # 1 − p_t
    return (alpha * targets + (1 - alpha) * (1 - targets)) * missing**gamma * cross_entropy


@MODELS.register_module()
class SigmoidFocalLoss(nn.Module):
    """Sum of the focal losses of the weighted elements, over a normalizer.

    Args:
        label_smoothing: ε; targets y become (1 − ε) y + ε / (C + 1), with C the size of the last dimension.
        loss_weight: Factor on the result; 0 switches it off.
    """

    def __init__(self, label_smoothing: float = 0.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor, normalizer: Tensor | float) -> Tensor:
        """Logits (..., C), labels (..., C) and a ``weight`` that broadcasts to them → scalar, float32."""
        if self.label_smoothing:
            target = target * (1 - self.label_smoothing) + self.label_smoothing / (target.shape[-1] + 1)
        return self.loss_weight * (sigmoid_focal_loss(pred, target) * weight).sum() / normalizer
