"""Depth-wise convolution over time, in the layout in which each device computes it fast.

Shapes: B videos, C channels, T steps, T' = ceil(T / stride).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mmdel.models.layers.masked_conv import same_padding


def channels_last(x: Tensor) -> Tensor:
    """``x`` (B, C, T), which in memory lies as (B, T, C): so norms and linear maps want it."""
    return x.transpose(1, 2).contiguous().transpose(1, 2)


def lay_out(x: Tensor) -> Tensor:
    """``x`` (B, C, T) as :class:`DepthwiseConv1d` reads it on its device: for several that read the same."""
    return channels_last(x) if x.device.type == 'cpu' else x.contiguous()


class DepthwiseConv1d(nn.Conv1d):
    """A same-padded depth-wise ``nn.Conv1d``.

    On a CPU PyTorch's ``conv2d`` knows channels that come last, and is several times as fast with them; its ``conv1d``
    does not. Over one step it is a product, which autocast leaves in the format of ``x``.

    Args:
        dims: Channels C.
        kernel_size: Odd number of steps.
        stride: Stride.
        bias: Whether there is a bias.

    Raises:
        ValueError: If ``kernel_size`` is even.
    """

    def __init__(self, dims: int, kernel_size: int, stride: int = 1, bias: bool = True) -> None:
        super().__init__(dims, dims, kernel_size, stride, same_padding(kernel_size), groups=dims, bias=bias)

    @property
    def is_product(self) -> bool:
        """Whether it sees one step, and gives something for each."""
        return self.kernel_size == self.stride == (1,)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T), zeros at invalid steps → (B, C, T'), zeros beyond the border."""
        if self.is_product:
            y = x * self.weight[:, 0]
            return y if self.bias is None else y + self.bias[:, None]
        if x.device.type != 'cpu':
            return super().forward(x)
        x, weight = lay_out(x)[:, :, None], self.weight[:, :, None]
        y = F.conv2d(x, weight, self.bias, (1, *self.stride), (0, *self.padding), groups=self.groups)
        return y[:, :, 0]
