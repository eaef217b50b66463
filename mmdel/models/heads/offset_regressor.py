"""How far an event reaches, read off each point: plain offsets.

Shapes: B videos, L levels of T_l steps, P = Σ T_l points, C classes, R = C for class-aware regression, else 1;
``mask`` is bool, True = valid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdel.models.layers import ConvTower
from mmdel.registry import MODELS


class ScaledTower(ConvTower):
    """A tower whose outputs, times a learned scale of their level, are at least 0.

    Args:
        num_levels: Levels L; the others as in :class:`~mmdel.models.layers.ConvTower`.
    """

    def __init__(self, in_channels: int, channels: int, out_channels: int, bias: float, num_levels: int) -> None:
        super().__init__(in_channels, channels, out_channels, bias)
        self.scales = nn.Parameter(torch.ones(num_levels))

    def forward(self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...]) -> Tensor:
        """L levels (B, C_in, T_l) and masks (B, T_l) → (B, P, C_out) >= 0."""
        x = super().forward(feats, masks)
        scales = torch.cat([scale.expand(mask.shape[1]) for scale, mask in zip(self.scales, masks, strict=True)])
        return F.relu(x * scales[:, None].to(x.dtype))


@MODELS.register_module()
class OffsetRegressor(nn.Module):
    """A tower whose outputs are the offsets.

    Args:
        in_channels: Channels of the levels.
        feat_channels: Channels of the tower.
        num_classes: Classes C.
        num_levels: Levels L.
        class_aware: Whether each class has offsets of its own.
    """

    def __init__(
        self, in_channels: int, feat_channels: int, num_classes: int, num_levels: int, class_aware: bool
    ) -> None:
        super().__init__()
        self.num_regressions = num_classes if class_aware else 1
        # Offsets of a class that start at or below zero everywhere get no gradient through the ReLU and stay there.
        self.tower = ScaledTower(in_channels, feat_channels, 2 * self.num_regressions, 1.0, num_levels)

    @property
    def reach(self) -> int:
        """How many steps of its level to either side a point is computed from."""
        return self.tower.reach

    def forward(self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...]) -> Tensor:
        """L levels (B, C_in, T_l) and masks (B, T_l) → offsets (B, P, R, 2) >= 0, in strides."""
        return self.tower(feats, masks).unflatten(-1, (self.num_regressions, 2))
