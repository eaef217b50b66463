"""Distance-IoU loss for segments."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmdel.registry import MODELS
from mmdel.structures import segment_intersection, segment_length


def segment_diou_loss(pred: Tensor, target: Tensor) -> Tensor:
    """1 − DIoU of predicted and true segments (..., 2), element by element, in [0, 2].

    DIoU = tIoU − (distance of the centres)² / (length of the smallest segment that holds both)², Zheng et al. 2020
    (arXiv 1911.08287) in one dimension. Computed in float32.
    """
    pred, target = pred.float(), target.float()
    eps = torch.finfo(torch.float32).eps
    intersection = segment_intersection(pred, target)
    union = segment_length(pred) + segment_length(target) - intersection
    hull = torch.maximum(pred[..., 1], target[..., 1]) - torch.minimum(pred[..., 0], target[..., 0])
    distance = (pred - target).sum(-1) * 0.5
    return 1 - intersection / union.clamp(min=eps) + (distance / hull.clamp(min=eps)).square()


@MODELS.register_module()
class DIoULoss(nn.Module):
    """Sum of the distance-IoU losses of the weighted segments, over a normalizer.

    Args:
        loss_weight: Factor on the result; 0 switches it off.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor, normalizer: Tensor | float) -> Tensor:
        """Segments (..., 2) and ``weight`` (...), which is 0 where there is nothing to regress → scalar, float32."""
        losses = torch.where(weight > 0, segment_diou_loss(pred, target), 0.0)
        return self.loss_weight * (losses * weight).sum() / normalizer
