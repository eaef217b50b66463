"""The scalable-granularity perception (SGP) layer of TriDet: convolutions in the place of self-attention.

Formulas: TriDet (Shi et al. 2023, arXiv 2303.07347).
Shapes: B videos, C channels, T steps, T' = ceil(T / stride); ``mask`` is (B, T) bool, True = valid.
"""

from __future__ import annotations

import torch
from mmcv.cnn.bricks.drop import DropPath
from mmcv.cnn.bricks.scale import LayerScale
from torch import Tensor, nn

from mmdel.models.layers.attention import feed_forward
from mmdel.models.layers.channel_norm import ChannelLayerNorm
from mmdel.models.layers.depthwise_conv import DepthwiseConv1d, lay_out
from mmdel.models.layers.group_norm import MaskedGroupNorm
from mmdel.models.layers.masked_conv import mask_steps
from mmdel.models.layers.max_pool import masked_max_pool
from mmdel.registry import MODELS

NUM_GROUPS = 16


def wide_kernel(kernel_size: int, k: float) -> int:
    """Steps of the wide window: about k · (w + 1) for a narrow one of w, and odd."""
    size = round((kernel_size + 1) * k)
    return size + 1 - size % 2


class SGPLayer(nn.Module):
    """f(x) = φ(x) · FC(x) + ψ(x) · (Conv_w(x) + Conv_kw(x)) + x, every map depth-wise.

    φ(x) = ReLU(FC'(mean of the valid steps)) weights the instant branch for the whole video, ψ(x) = Conv'_w(x) the
    window branch step by step.

    Args:
        dims: Channels C.
        kernel_size: Odd number of steps w of the narrow window.
        k: How much wider the wide window is.
        init_std: Deviation of the weights at the start. With 0, as published for THUMOS14, both factors of both
            products start at zero, and so do their gradients: the branches stay at zero, the layer is the identity.

    Raises:
        ValueError: If ``kernel_size`` is even.
    """

    def __init__(self, dims: int, kernel_size: int = 1, k: float = 5.0, init_std: float = 0.1) -> None:
        super().__init__()

        def depthwise(size: int) -> DepthwiseConv1d:
            conv = DepthwiseConv1d(dims, size)
            assert conv.bias is not None
            nn.init.normal_(conv.weight, std=init_std)
            nn.init.zeros_(conv.bias)
            return conv

        self.instant = depthwise(1)
        self.instant_gate = depthwise(1)
        self.window = depthwise(kernel_size)
        self.wide_window = depthwise(wide_kernel(kernel_size, k))
        self.window_gate = depthwise(kernel_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) → (B, C, T), of which invalid steps carry arbitrary finite values."""
        x, count = mask_steps(x, mask), mask.sum(1)[:, None, None].clamp(min=1)
        # Half precision could not hold the sum over a long video.
        total = x.sum(2, keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
        phi = self.instant_gate((total / count).to(x.dtype)).relu()
        window = self.window(x) + self.wide_window(x)
        return self.instant(x) * phi + window * self.window_gate(x) + x


@MODELS.register_module()
class SGPBlock(nn.Module):
    """Residual block of an SGP layer and an MLP, behind max pooling if it strides.

    Args:
        dims: Channels C, a multiple of 16.
        kernel_size: Steps of the narrow window of :class:`SGPLayer`.
        k: How much wider the wide window is.
        stride: Stride of the block.
        mlp_ratio: Hidden channels of the MLP in units of C.
        drop_path: Probability of skipping a residual branch for a whole video while training; None leaves out the
            learned scales of the branches, too.
        init_std: Deviation of the SGP layer's weights at the start.
        init_scale: Start of the learned scale of every channel of a residual branch.
    """

    def __init__(
        self,
        dims: int,
        kernel_size: int = 1,
        k: float = 5.0,
        stride: int = 1,
        mlp_ratio: float = 1.5,
        drop_path: float | None = None,
        init_std: float = 0.1,
        init_scale: float = 1e-4,
    ) -> None:
        super().__init__()

        def residual() -> nn.Module:
            if drop_path is None:
                return nn.Identity()
            return nn.Sequential(LayerScale(dims, data_format='channels_first', scale=init_scale), DropPath(drop_path))

        self.stride = stride
        self.norm_sgp = ChannelLayerNorm(dims)
        self.sgp = SGPLayer(dims, kernel_size, k, init_std)
        self.norm_mlp = MaskedGroupNorm(dims, NUM_GROUPS)
        self.mlp = feed_forward(dims, int(mlp_ratio * dims))
        self.residual_sgp = residual()
        self.residual_mlp = residual()

    @property
    def reach(self) -> int:
        """How many steps of its input to either side a step is computed from, means over all steps left out."""
        kernel = max(conv.kernel_size[0] for conv in (self.sgp.window, self.sgp.wide_window, self.sgp.window_gate))
        return kernel // 2 * self.stride + (self.stride > 1)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T), (B, T) → (B, C, T') with zeros at invalid steps, and its mask (B, T')."""
        x, mask = masked_max_pool(x, mask, self.stride)
        x = lay_out(x)
        x = x + self.residual_sgp(self.sgp(self.norm_sgp(x, mask), mask))
        y = self.mlp(self.norm_mlp(x, mask).transpose(1, 2)).transpose(1, 2)
        return mask_steps(x + self.residual_mlp(y), mask), mask
