"""The branches of a head: a few convolutions over all levels of the pyramid.

Shapes: B videos, L levels of T_l steps, P = Σ T_l points; ``mask`` is bool, True = valid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdel.models.layers.step_conv import StepConv


class ConvTower(nn.Module):
    """Two masked convolutions with norm and ReLU and a last one to the outputs, over all levels in one pass.

    The levels lie one behind the other with an invalid step between them, which reads as zero like a level's border.

    Args:
        in_channels: Channels of the levels.
        channels: Channels of the two convolutions.
        out_channels: Outputs of a point.
        bias: Where the outputs start.
    """

    def __init__(self, in_channels: int, channels: int, out_channels: int, bias: float) -> None:
        super().__init__()
        self.convs = nn.ModuleList(StepConv(width, channels, bias=False) for width in (in_channels, channels))
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.last = StepConv(channels, out_channels)
        nn.init.constant_(self.last.get_parameter('bias'), bias)

    @property
    def reach(self) -> int:
        """How many steps of its level to either side a point is computed from: one for each convolution."""
        return len(self.convs) + 1

    def forward(self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...]) -> Tensor:
        """L levels (B, C_in, T_l) and masks (B, T_l) → (B, P, C_out), zeros at invalid points."""
        x = torch.cat([F.pad(feat.transpose(1, 2), (0, 0, 0, 1)) for feat in feats], dim=1)  # (B, P + L, C_in)
        valid = torch.cat([F.pad(mask, (0, 1)) for mask in masks], dim=1)[..., None].to(x.dtype)
        x = x * valid
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x)) * valid)
        x = self.last(x) * valid
        levels = x.split([mask.shape[1] + 1 for mask in masks], dim=1)
        return torch.cat([level[:, :-1] for level in levels], dim=1)
