"""The convolutions in front of a detector's pyramid, which bring features to its channels.

Shapes: B videos, T steps, D channels; ``mask`` is (B, T) bool, True = valid.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from mmdel.models.layers.step_conv import StepConv


class ConvEmbedding(nn.Module):
    """Masked convolutions over three steps, each with layer norm and ReLU, as in ActionFormer (Zhang et al. 2022).

    Args:
        in_channels: Channels of the features.
        dims: Channels D of every convolution.
        num_convs: Convolutions, >= 1.

    Attributes:
        out_channels: Channels D.
    """

    def __init__(self, in_channels: int, dims: int, num_convs: int = 2) -> None:
        super().__init__()
        self.out_channels = dims
        widths = [in_channels] + [dims] * num_convs
        self.convs = nn.ModuleList(StepConv(a, b, bias=False) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.LayerNorm(dims) for _ in range(num_convs))

    @property
    def reach(self) -> int:
        """How many steps to either side a step is computed from: one for each convolution."""
        return len(self.convs)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C_in, T), (B, T) → (B, D, T) with zeros at invalid steps."""
        valid = mask[..., None].to(x.dtype)
        x = x.transpose(1, 2) * valid
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x)) * valid)
        return x.transpose(1, 2)
