"""Convolution over time that never mixes padding into a valid step.

Shapes: B videos, T steps, C channels; ``mask`` is (B, T) bool, True = valid.
"""

from __future__ import annotations

from torch import Tensor, nn


def mask_steps(x: Tensor, mask: Tensor) -> Tensor:
    """``x`` (B, C, T) with zeros at the invalid steps of ``mask`` (B, T)."""
    return x * mask[:, None].to(x.dtype)


def downsample_mask(mask: Tensor, stride: int) -> Tensor:
    """Mask (B, T) → (B, ceil(T / stride)): a strided step is valid if the step it is centred on is valid."""
    return mask[:, ::stride].contiguous()  # strides that say nothing of finer levels, for which a graph would be remade


def same_padding(kernel_size: int) -> int:
    """Steps of padding on either side of a convolution whose output steps are centred on input steps.

    Raises:
        ValueError: If ``kernel_size`` is even.
    """
    if kernel_size % 2 == 0:
        raise ValueError(f'kernel_size must be odd to keep steps centred, got {kernel_size}')
    return kernel_size // 2


class MaskedConv1d(nn.Conv1d):
    """A same-padded ``nn.Conv1d`` of odd kernel over (B, C, T) with a mask.

    Invalid steps read as zeros, just as the border does, and come out as zeros: the valid steps of a padded video
    equal those of the video alone. Output length is ceil(T / stride); output step t is centred on input step
    t * stride.

    Raises:
        ValueError: If the kernel size is even.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bias: bool = True
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, same_padding(kernel_size), bias=bias)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]  # a mask, too
        """(B, C_in, T), (B, T) → (B, C_out, ceil(T / stride)); :func:`downsample_mask` gives its mask."""
        return mask_steps(super().forward(mask_steps(x, mask)), downsample_mask(mask, self.stride[0]))
