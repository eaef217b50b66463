"""Multi-head self-attention over valid steps, global or in a local window, and the transformer block around it.

Shapes: B videos, T steps, C channels, H heads, d = C / H channels of a head; ``mask`` is (B, T) bool, True = valid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.drop import DropPath
from torch import Tensor, nn

from mmdel.models.layers.dropout import Dropout
from mmdel.models.layers.time_blocks import TimeBlocks, check_window, reach_of


def attention_bias(visible: Tensor, dtype: torch.dtype) -> Tensor:
    """Bool mask → what to add to the logits: 0 where visible, the lowest finite number elsewhere.

    Finite, so that a row in which nothing is visible gives the plain mean of its values and not NaN.
    """
    low = torch.finfo(dtype).min
    return torch.zeros_like(visible, dtype=dtype).masked_fill(~visible, low)


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(N, T, C) → (N, H, T, d)."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(N, H, T, d) → (N, T, C): the inverse of :func:`split_heads`."""
    return x.transpose(1, 2).flatten(2)


def check_heads(dims: int, num_heads: int, causal_heads: bool) -> int:
    """``num_heads`` itself, if so many may share the channels.

    Raises:
        ValueError: If ``num_heads`` does not divide ``dims``, or is odd with ``causal_heads``.
    """
    if dims % num_heads:
        raise ValueError(f'num_heads must divide dims, got {num_heads} heads and {dims} dims')
    if causal_heads and num_heads % 2:
        raise ValueError(f'causal_heads are one half for the past and one for the future, got {num_heads} heads')
    return num_heads


def windowed_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor,
    num_heads: int,
    window: int | None,
    causal_heads: bool = False,
) -> Tensor:
    """Multi-head scaled dot-product attention to the valid keys of a window, without projections.

    Args:
        q: Queries (B, T, C).
        k: Keys (B, T, C), of the same or another stream; without a window there may be any number of them.
        v: Values, as the keys.
        mask: Which keys are valid (B, T).
        num_heads: Heads H; must divide C.
        window: Odd number of keys centred on the query that it sees; None = all. With a window, time and memory grow
            linearly with T.
        causal_heads: Whether the first half of the heads see the keys up to the query's own alone, and the other half
            those from it on. There must be a key for each query; without a window, memory then grows with T².

    Returns:
        (B, T, C), finite also where no key is valid.
    """
    assert (window is None and not causal_heads) or k.shape[1] == q.shape[1], 'there must be a key for each query'
    blocks = TimeBlocks.cut(q.shape[1], window)
    q, k, v = blocks.queries(q), blocks.keys(k), blocks.keys(v)
    if causal_heads:
        bias = attention_bias(blocks.visible_sides(mask), q.dtype).repeat_interleave(num_heads // 2, dim=1)
    else:
        bias = attention_bias(blocks.visible(mask), q.dtype).expand(-1, q.shape[1], -1)[:, None]
    q, k, v = (split_heads(item, num_heads) for item in (q, k, v))
    return blocks.merge(merge_heads(dot_product_attention(q, k, v, bias)))


def dot_product_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Scaled dot-product attention of heads (N, H, T, d) under a bias (N, 1 or H, T, K): (N, H, T, d).

    torch's own, but where it would be slow: its backward pass in bfloat16 on a CPU takes up to five times as long as
    two plain products, the more so the smaller the blocks are.
    """
    if q.device.type == 'cpu' and q.dtype == torch.bfloat16 and torch.is_grad_enabled():
        return ((q * q.shape[-1] ** -0.5) @ k.transpose(2, 3) + bias).softmax(-1).to(v.dtype) @ v
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)


class MaskedSelfAttention(nn.Module):
    """Multi-head self-attention in which a step sees the valid steps of its window.

    Args:
        dims: Channels C.
        num_heads: Heads H; must divide C.
        window: Odd number of steps centred on the query that it sees; None = all. With a window, time and memory grow
            linearly with T.
        causal_heads: Whether the first half of the heads see only the past of a step and itself, and the other half
            only its future and itself, and none both sides. It is the causal attention of CausalTAD (Liu et al. 2024,
            arXiv 2407.17792): whether an event begins or ends shows in what lies on one side. There either side has
            channels of its own in a gated block with a causal Mamba branch beside it, which is left out: its scan
            needs a kernel that torch does not have.

    Raises:
        ValueError: If ``num_heads`` does not divide ``dims``, or is odd with ``causal_heads``, or ``window`` is not
            odd.
    """

    def __init__(self, dims: int, num_heads: int, window: int | None = None, causal_heads: bool = False) -> None:
        super().__init__()
        self.num_heads = check_heads(dims, num_heads, causal_heads)
        self.window = check_window(window)
        self.causal_heads = causal_heads
        self.qkv = nn.Linear(dims, 3 * dims)
        self.out = nn.Linear(dims, dims)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, C), (B, T) → (B, T, C)."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return self.out(windowed_attention(q, k, v, mask, self.num_heads, self.window, self.causal_heads))


class TransformerBlock(nn.Module):
    """Pre-norm transformer block: self-attention and an MLP, each with a residual (Vaswani et al. 2017).

    Args:
        dims: Channels C.
        num_heads: Attention heads.
        window: Local attention window, None = global (see :class:`MaskedSelfAttention`).
        mlp_ratio: Hidden channels of the MLP in units of C.
        drop_path: Probability of skipping a residual branch for a whole video while training.
        dropout: Dropout after the attention and inside the MLP.
        causal_heads: Whether each head sees one side alone (see :class:`MaskedSelfAttention`).
    """

    def __init__(
        self,
        dims: int,
        num_heads: int,
        window: int | None = None,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        dropout: float = 0.0,
        causal_heads: bool = False,
    ) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(dims)
        self.attention = MaskedSelfAttention(dims, num_heads, window, causal_heads)
        self.norm_mlp = nn.LayerNorm(dims)
        self.mlp = feed_forward(dims, int(mlp_ratio * dims), dropout)
        self.dropout = Dropout(dropout)
        self.drop_path = DropPath(drop_path)

    @property
    def reach(self) -> int | None:
        """How many steps to either side a step sees; None = all."""
        return reach_of(self.attention.window)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, C), (B, T) → (B, T, C); invalid steps carry arbitrary finite values and are never read."""
        x = x + self.drop_path(self.dropout(self.attention(self.norm_attention(x), mask)))
        return x + self.drop_path(self.dropout(self.mlp(self.norm_mlp(x))))


def feed_forward(dims: int, hidden_dims: int, dropout: float = 0.0) -> nn.Sequential:
    """The two-layer MLP of a transformer block: Linear, GELU, dropout, Linear."""
    return nn.Sequential(nn.Linear(dims, hidden_dims), nn.GELU(), Dropout(dropout), nn.Linear(hidden_dims, dims))
