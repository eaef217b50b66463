"""The convolutional transformer block of ActionFormer: attention behind depth-wise convolutions, which may stride.

Formulas: ActionFormer (Zhang et al. 2022, arXiv 2202.07925); the residuals' scale: LayerScale (Touvron et al. 2021,
arXiv 2103.17239); the queries of another stream: UnAV (Geng et al. 2023, arXiv 2303.12930).
Shapes: B videos, C channels, T steps, T' = ceil(T / stride); ``mask`` is (B, T) bool, True = valid.
"""

from __future__ import annotations

import torch
from mmcv.cnn.bricks.drop import DropPath
from mmcv.cnn.bricks.scale import LayerScale
from torch import Tensor, nn

from mmdel.models.layers.attention import check_heads, feed_forward, windowed_attention
from mmdel.models.layers.channel_norm import ChannelLayerNorm
from mmdel.models.layers.depthwise_conv import DepthwiseConv1d, channels_last, lay_out
from mmdel.models.layers.dropout import Dropout
from mmdel.models.layers.initialization import zero_biases
from mmdel.models.layers.masked_conv import downsample_mask, mask_steps
from mmdel.models.layers.max_pool import masked_max_pool
from mmdel.models.layers.time_blocks import check_window, reach_of
from mmdel.registry import MODELS


class ConvProjection(nn.Module):
    """Depth-wise convolution over three steps, layer norm and linear map: what makes queries, keys or values."""

    def __init__(self, dims: int, stride: int) -> None:
        super().__init__()
        self.conv = DepthwiseConv1d(dims, 3, stride, bias=False)
        self.norm = nn.LayerNorm(dims)
        self.linear = nn.Linear(dims, dims)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T), zeros at invalid steps → (B, T', C), of which invalid steps carry arbitrary finite values."""
        return self.linear(self.norm(self.conv(x).transpose(1, 2)))


class ConvAttention(nn.Module):
    """Multi-head attention whose queries, keys and values come from depth-wise convolutions.

    Args:
        dims: Channels C.
        num_heads: Heads; must divide C.
        window: Odd number of steps, of the strided sequence, centred on the query that it sees; None = all.
        stride: Stride of the convolutions.
        causal_heads: See :class:`~mmdel.models.layers.MaskedSelfAttention`; the convolutions see the next step, too.

    Raises:
        ValueError: If ``num_heads`` does not divide ``dims``, or is odd with ``causal_heads``, or ``window`` is not
            odd.
    """

    def __init__(
        self, dims: int, num_heads: int, window: int | None = None, stride: int = 1, causal_heads: bool = False
    ) -> None:
        super().__init__()
        self.num_heads = check_heads(dims, num_heads, causal_heads)
        self.window = check_window(window)
        self.stride = stride
        self.causal_heads = causal_heads
        self.query = ConvProjection(dims, stride)
        self.key = ConvProjection(dims, stride)
        self.value = ConvProjection(dims, stride)
        self.out = nn.Linear(dims, dims)

    def forward(self, x: Tensor, query: Tensor, mask: Tensor) -> Tensor:
        """Keys and values of ``x`` (B, C, T), queries of ``query`` (B, C, T), mask (B, T) of both → (B, C, T')."""
        query, x = (lay_out(mask_steps(item, mask)) for item in (query, x))  # once, not for each convolution
        q, k, v = self.query(query), self.key(x), self.value(x)
        mask = downsample_mask(mask, self.stride)
        y = windowed_attention(q, k, v, mask, self.num_heads, self.window, self.causal_heads)
        return self.out(y).transpose(1, 2)


@MODELS.register_module()
class ConvTransformerBlock(nn.Module):
    """Pre-norm transformer block of :class:`ConvAttention` and an MLP, whose skip connection max-pools if it strides.

    Args:
        dims: Channels C.
        num_heads: Attention heads.
        window: Local attention window, None = global (see :class:`ConvAttention`).
        stride: Stride of the block.
        cross: Whether the queries have a norm of their own, so that they may come from another stream.
        mlp_ratio: Hidden channels of the MLP in units of C.
        drop_path: Probability of skipping a residual branch for a whole video while training.
        dropout: Dropout after the attention and inside the MLP.
        init_scale: Start of the learned scale of every channel of a residual branch.
        causal_heads: Whether each head sees one side alone (see :class:`ConvAttention`).
    """

    def __init__(
        self,
        dims: int,
        num_heads: int = 4,
        window: int | None = None,
        stride: int = 1,
        cross: bool = False,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        dropout: float = 0.0,
        init_scale: float = 1e-4,
        causal_heads: bool = False,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.norm_attention = ChannelLayerNorm(dims)
        self.norm_query = ChannelLayerNorm(dims) if cross else None
        self.attention = ConvAttention(dims, num_heads, window, stride, causal_heads)
        self.norm_mlp = nn.LayerNorm(dims)
        self.mlp = feed_forward(dims, int(mlp_ratio * dims), dropout)
        self.dropout = Dropout(dropout)
        self.drop_path = DropPath(drop_path)
        self.scale_attention = LayerScale(dims, data_format='channels_first', scale=init_scale)
        self.scale_mlp = LayerScale(dims, data_format='channels_first', scale=init_scale)
        zero_biases(self)

    @property
    def reach(self) -> int | None:
        """How many steps of its input to either side a step is computed from; None = all."""
        reach = reach_of(self.attention.window)
        return None if reach is None else 1 + reach * self.stride  # a convolution's neighbour of the farthest key

    def forward(self, x: Tensor, mask: Tensor, other: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, C, T), (B, T) → (B, C, T') with zeros at invalid steps, and its mask (B, T').

        ``other`` (B, C, T), if given, is where a ``cross`` block takes its queries from; keys, values and the skip
        connection are those of ``x``.
        """
        x = channels_last(x)
        normed = self.norm_attention(x, mask)
        queries = x if other is None else channels_last(other)
        query = normed if self.norm_query is None else self.norm_query(queries, mask)
        y = self.scale_attention(self.dropout(self.attention(normed, query, mask)))
        x, mask = masked_max_pool(x, mask, self.stride)
        x = self._add(x, y, mask)
        y = self.mlp(self.norm_mlp(x.transpose(1, 2))).transpose(1, 2)
        return self._add(x, self.scale_mlp(self.dropout(y)), mask), mask

    def _add(self, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        """``x`` and, where a step is valid and its video keeps the branch, ``y``, in one pass over both."""
        return torch.addcmul(x, y, self.drop_path(mask[:, None].to(y.dtype)))
