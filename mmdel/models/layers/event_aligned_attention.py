"""Event-aligned attention (AAT): joint attention over picture and sound under a learned, time-aware mask.

Formulas: DEL (Ahmadian et al. 2025, arXiv 2506.23196). Shapes: B videos, S streams (1 or 2), T steps, D channels,
H heads, d = D / H. Tokens are (B, S, 1 + T, D): the [CLS] token of a stream comes before its steps.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.drop import DropPath
from torch import Tensor, nn

from mmdel.models.layers.attention import attention_bias, feed_forward, merge_heads, split_heads
from mmdel.models.layers.dropout import Dropout
from mmdel.models.layers.time_blocks import TimeBlocks, check_window, near_steps, reach_of

MASK_KINDS = ('learned', 'temporal', 'none')


class EventAlignedAttention(nn.Module):
    r"""One joint multi-head attention over the tokens of all streams.

    The weight of query i for key j is :math:`softmax_j(q_i k_j / \sqrt{d} + \log M_{ij})` with the event-aligned mask
    :math:`M_{ij} = valid_j P_{ij} G_{ij}`:

    - P = 1 within a stream (with ``window_intra``: up to half the window away), P = 1 across streams up to
      ``window_cross`` steps away, and P = 0 between a [CLS] token and anything of the other stream.
    - :math:`G_{ij} = sigmoid(e_i e_j / \sqrt{d_e} + b)` with a low-rank event embedding e of each token, and one
      learned bias b for pairs of one stream and one for pairs across streams, both starting at G = 0.95.

    Args:
        dims: Channels D.
        num_heads: Heads H.
        mask: 'learned' = P · G; 'temporal' = P alone; 'none' = M is 1 for every valid key, i.e. plain joint attention.
        window_intra: Odd number of steps of its own stream, centred on the query, that it sees; None = all of them.
        window_cross: How many steps away from the query a step of the other stream may be, >= 0.
        event_dims: Channels d_e of the event embedding.

    Time and memory: O(T · (window_intra + window_cross)) with a window, O(T² + T · window_cross) without.

    Raises:
        ValueError: If ``mask`` is none of the three, ``window_intra`` is not odd, or ``window_cross`` is
            negative.
    """

    def __init__(
        self,
        dims: int,
        num_heads: int,
        mask: str = 'learned',
        window_intra: int | None = None,
        window_cross: int = 0,
        event_dims: int = 32,
    ) -> None:
        super().__init__()
        if mask not in MASK_KINDS:
            raise ValueError(f'mask must be one of {MASK_KINDS}, got {mask!r}')
        if window_cross < 0:
            raise ValueError(f'window_cross must be >= 0 steps, got {window_cross}')
        self.num_heads = num_heads
        self.mask_kind = mask
        self.window_intra = check_window(window_intra)
        self.window_cross = window_cross
        self.qkv = nn.Linear(dims, 3 * dims)
        self.out = nn.Linear(dims, dims)
        if mask == 'learned':
            self.event_embed = nn.Linear(dims, event_dims)
            # A small start leaves G to its bias: logit(0.95).
            nn.init.normal_(self.event_embed.weight, std=0.02)
            nn.init.zeros_(self.event_embed.bias)
            # For pairs of one stream and for pairs across. One parameter, so that both have a gradient, if a zero one,
            # where there is a single stream: a distributed run waits for all.
            self.gate_bias = nn.Parameter(torch.full((2,), 0.95).logit())

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Normalised tokens (B, S, 1 + T, D) and step mask (B, T) → (B, S, 1 + T, D)."""
        q, k, v = self.qkv(tokens).chunk(3, dim=-1)
        if self.mask_kind == 'none':
            return self.out(self._joint(q, k, v, mask))
        num_streams = tokens.shape[1]
        # Streams join the batch, N = B · S: what follows knows only its own stream and, by a flip, the other.
        mask = mask.repeat_interleave(num_streams, dim=0)
        q, k, v = (item.flatten(0, 1) for item in (q * (self.qkv.in_features // self.num_heads) ** -0.5, k, v))
        e = self.event_embed(tokens).flatten(0, 1) if self.mask_kind == 'learned' else None
        if e is not None:  # both factors of e_i · e_j, which half precision could not hold unscaled
            e = e * self.event_embed.out_features**-0.25
        cls_q, step_q = q.split([1, mask.shape[1]], dim=1)
        out = torch.cat([self._cls(cls_q, k, v, e, mask), self._steps(step_q, k, v, e, mask, num_streams)], dim=1)
        return self.out(out.unflatten(0, (-1, num_streams)))

    def _joint(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """Plain attention over all tokens of all streams: (B, S, 1 + T, D)."""
        visible = F.pad(mask, (1, 0), value=True).repeat(1, q.shape[1])
        num_streams = q.shape[1]
        q, k, v = (split_heads(item.flatten(1, 2), self.num_heads) for item in (q, k, v))
        bias = attention_bias(visible[:, None, None], q.dtype).expand(-1, -1, visible.shape[1], -1)
        return merge_heads(F.scaled_dot_product_attention(q, k, v, attn_mask=bias)).unflatten(1, (num_streams, -1))

    def _cls(self, q: Tensor, k: Tensor, v: Tensor, e: Tensor | None, mask: Tensor) -> Tensor:
        """The [CLS] query (N, 1, D) of each stream over its own stream's tokens (N, 1 + T, D): (N, 1, D)."""
        q, k, v = (split_heads(item, self.num_heads) for item in (q, k, v))
        bias = attention_bias(F.pad(mask, (1, 0), value=True), q.dtype)[:, None]
        if e is not None:
            bias = bias + F.logsigmoid(e[:, :1] @ e.transpose(1, 2) + self.gate_bias[0])
        weights = (q @ k.transpose(2, 3) + bias[:, None]).softmax(-1)
        return merge_heads(weights.to(v.dtype) @ v)

    def _steps(self, q: Tensor, k: Tensor, v: Tensor, e: Tensor | None, mask: Tensor, num_streams: int) -> Tensor:
        """The step queries over their own stream's window, its [CLS] and the other stream's near steps: (N, T, D)."""
        blocks = TimeBlocks.cut(mask.shape[1], self.window_intra)
        # M = N · n blocks of size steps with the [CLS] token and K more keys each; E keys of every step alone.
        own_bias = attention_bias(F.pad(blocks.visible(mask), (1, 0), value=True), q.dtype)
        if e is not None:
            dots = blocks.queries(e[:, 1:]) @ self._own(e, blocks).transpose(1, 2)
            own_bias = own_bias + F.logsigmoid(dots + self.gate_bias[0])
        query = split_heads(blocks.queries(q), self.num_heads)  # (M, H, size, d)
        own_k, own_v = (split_heads(self._own(item, blocks), self.num_heads) for item in (k, v))  # (M, H, 1 + K, d)
        own = query @ own_k.transpose(2, 3) + own_bias[:, None]
        if num_streams == 1:
            return blocks.merge(merge_heads(own.softmax(-1).to(v.dtype) @ own_v))
        near_bias = attention_bias(self._near(mask[..., None], num_streams)[..., 0], q.dtype)
        if e is not None:
            dots = (e[:, 1:, None] * self._near(e[:, 1:], num_streams)).sum(-1)
            near_bias = near_bias + F.logsigmoid(dots + self.gate_bias[1])
        near_k, near_v = (
            blocks.queries(self._near(item[:, 1:], num_streams)).unflatten(-1, (self.num_heads, -1)).movedim(3, 1)
            for item in (k, v)
        )  # (M, H, size, E, d)
        near = (query[..., None, :] * near_k).sum(-1) + blocks.queries(near_bias)[:, None]
        weights = torch.cat([near, own], dim=-1).softmax(-1).to(v.dtype)
        near, own = weights.split([near.shape[-1], own.shape[-1]], dim=-1)
        return blocks.merge(merge_heads(own @ own_v + (near[..., None] * near_v).sum(-2)))

    def event_mask(self, tokens: Tensor, mask: Tensor, steps: Tensor) -> Tensor:
        """The event-aligned mask M between some steps of all streams, to be looked at.

        Args:
            tokens: (B, S, 1 + T, D), as :meth:`forward` gets them.
            mask: (B, T).
            steps: (K,) places of steps.

        Returns:
            (B, S·K, S·K) in [0, 1], query by key; the steps of a stream stand together.
        """
        num_streams, num = tokens.shape[1], len(steps)
        stream = torch.arange(num_streams, device=mask.device).repeat_interleave(num)
        same = stream[:, None] == stream
        seen = mask[:, steps].repeat(1, num_streams)[:, None].to(tokens.dtype)
        if self.mask_kind == 'none':
            return seen.expand(-1, num_streams * num, -1)
        distance = (steps[:, None] - steps).abs().repeat(num_streams, num_streams)
        reach = mask.shape[1] if self.window_intra is None else self.window_intra // 2
        presence = seen * torch.where(same, distance <= reach, distance <= self.window_cross)
        if self.mask_kind == 'temporal':
            return presence
        e = self.event_embed(tokens[:, :, 1:][:, :, steps]).flatten(1, 2)
        bias = torch.where(same, self.gate_bias[0], self.gate_bias[1])
        return presence * torch.sigmoid(e @ e.transpose(1, 2) * e.shape[-1] ** -0.5 + bias)

    def _own(self, tokens: Tensor, blocks: TimeBlocks) -> Tensor:
        """Tokens (N, 1 + T, …) → (M, 1 + K, …): the [CLS] token and the keys of each block."""
        if blocks.is_global:
            return tokens
        cls, steps = tokens.split([1, blocks.num_steps], dim=1)
        return torch.cat([cls.repeat_interleave(blocks.num, dim=0), blocks.keys(steps)], dim=1)

    def _near(self, steps: Tensor, num_streams: int) -> Tensor:
        """Steps (N, T, …) → (N, T, E, …): for each step the other stream's steps around it."""
        other = steps.unflatten(0, (-1, num_streams)).flip(1).flatten(0, 1)
        return near_steps(other, steps.shape[1], self.window_cross)


class EventAlignedBlock(nn.Module):
    """A multi-way block: event-aligned attention over all streams, then a feed-forward network for each stream.

    Pre-norm with residuals, as in a transformer block.

    Args:
        dims: Channels D.
        num_heads: Attention heads.
        num_streams: Streams S, each with norms and a feed-forward network of its own.
        mlp_ratio: Hidden channels of the feed-forward networks in units of D.
        drop_path: Probability of skipping a residual branch for a whole video while training.
        dropout: Dropout after the attention and inside the feed-forward networks.
        attention: Further arguments of :class:`EventAlignedAttention`.
    """

    def __init__(
        self,
        dims: int,
        num_heads: int,
        num_streams: int,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        dropout: float = 0.0,
        **attention: Any,
    ) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(dims)
        self.attention = EventAlignedAttention(dims, num_heads, **attention)
        self.norms_mlp = nn.ModuleList(nn.LayerNorm(dims) for _ in range(num_streams))
        self.mlps = nn.ModuleList(feed_forward(dims, int(mlp_ratio * dims), dropout) for _ in range(num_streams))
        self.dropout = Dropout(dropout)
        self.drop_path = DropPath(drop_path)

    @property
    def reach(self) -> int | None:
        """How many steps to either side a step sees, the [CLS] token's sight left out; None = all."""
        reach = reach_of(self.attention.window_intra)
        if reach is None or self.attention.mask_kind == 'none':
            return None
        return max(reach, self.attention.window_cross)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, S, 1 + T, D) and step mask (B, T) → (B, S, 1 + T, D)."""
        tokens = tokens + self.drop_path(self.dropout(self.attention(self.norm_attention(tokens), mask)))
        streams = zip(self.mlps, self.norms_mlp, tokens.unbind(1), strict=True)
        update = torch.stack([mlp(norm(x)) for mlp, norm, x in streams], dim=1)
        return tokens + self.drop_path(self.dropout(update))
