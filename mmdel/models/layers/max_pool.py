"""Max pooling of valid steps, as a function and as a block of a pyramid.

Shapes: B videos, C channels, T steps, T' = ceil(T / stride); ``mask`` is (B, T) bool, True = valid.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mmdel.models.layers.masked_conv import downsample_mask
from mmdel.registry import MODELS


def masked_max_pool(x: Tensor, mask: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """The maximum of the valid steps among three, at every ``stride``-th step: (B, C, T), (B, T) → (B, C, T'), (B, T').

    Invalid steps are left out, as if the border were there, and come out as zeros; stride 1 pools nothing.
    """
    if stride > 1:
        x = F.max_pool1d(x.masked_fill(~mask[:, None], float('-inf')), 3, stride, padding=1)
    mask = downsample_mask(mask, stride)
    return x.masked_fill(~mask[:, None], 0.0), mask


@MODELS.register_module()
class MaxPoolBlock(nn.Module):
    """:func:`masked_max_pool` in a block's place, as in TemporalMaxer (Tang et al. 2023, arXiv 2303.09055).

    Args:
        dims: Channels C; taken since every block takes it, pooling works on any number.
        stride: Stride of the block.
    """

    def __init__(self, dims: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride

    @property
    def reach(self) -> int:
        """How many steps of its input to either side a step is computed from."""
        return int(self.stride > 1)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T), (B, T) → (B, C, T') with zeros at invalid steps, and its mask (B, T')."""
        return masked_max_pool(x, mask, self.stride)
