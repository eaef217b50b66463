"""Guide attention: how a level of one stream reads the other stream.

Shapes: B videos, T_l steps of the level, T_g guide steps, C channels of the level, G channels of the guide, H heads.
With a window, the guide has been brought to the level's own steps (T_g = T_l) and only the steps around the aligned one
are read, in O(T_l · window); without one, all guide steps are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmdel.models.layers.attention import windowed_attention
from mmdel.models.layers.time_blocks import TimeBlocks, check_window


class _GuideAttention(nn.Module):
    """What both forms share: the norm of the level and the projections to H heads."""

    def __init__(self, dims: int, guide_dims: int, num_heads: int, window: int | None = None) -> None:
        super().__init__()
        if dims % num_heads:
            raise ValueError(f'num_heads must divide dims, got {num_heads} heads and {dims} dims')
        self.num_heads = num_heads
        self.window = check_window(window)
        self.norm = nn.LayerNorm(dims)
        self.query = nn.Linear(dims, dims)
        self.key = nn.Linear(guide_dims, dims)


class CrossGuideAttention(_GuideAttention):
    """Multi-head attention with queries from the level, keys and values from the valid guide steps, and a residual.

    Args:
        dims: Channels C of the level.
        guide_dims: Channels G of the guide.
        num_heads: Heads H.
        window: Odd number of guide steps, centred on the aligned one, that are read; None = all.
    """

    def __init__(self, dims: int, guide_dims: int, num_heads: int, window: int | None = None) -> None:
        super().__init__(dims, guide_dims, num_heads, window)
        self.value = nn.Linear(guide_dims, dims)
        self.out = nn.Linear(dims, dims)

    def forward(self, x: Tensor, guide: Tensor, guide_mask: Tensor) -> Tensor:
        """Level (B, T_l, C), guide (B, T_g, G) and its mask (B, T_g) → (B, T_l, C)."""
        q, k, v = self.query(self.norm(x)), self.key(guide), self.value(guide)
        return x + self.out(windowed_attention(q, k, v, guide_mask, self.num_heads, self.window))


class MaxSigmoidGuideAttention(_GuideAttention):
    r"""The level's feature, weighted at every step and head by how well the best guide step matches it.

    :math:`y_t = p(x_t) \cdot sigmoid(\max_j x_t g_j / \sqrt{d} + b)` over the valid guide steps j, per head, after
    YOLO-World's max-sigmoid attention (Cheng et al. 2024, arXiv 2401.17270). Where no guide step is valid the weight
    is sigmoid(b).

    Args:
        dims: Channels C of the level.
        guide_dims: Channels G of the guide.
        num_heads: Heads H.
        window: Odd number of guide steps, centred on the aligned one, that are read; None = all.
    """

    def __init__(self, dims: int, guide_dims: int, num_heads: int, window: int | None = None) -> None:
        super().__init__(dims, guide_dims, num_heads, window)
        self.project = nn.Linear(dims, dims)
        self.bias = nn.Parameter(torch.zeros(num_heads))

    def forward(self, x: Tensor, guide: Tensor, guide_mask: Tensor) -> Tensor:
        """Level (B, T_l, C), guide (B, T_g, G) and its mask (B, T_g) → (B, T_l, C)."""
        normed = self.norm(x)
        # Scaled before the product, which half precision could not hold.
        q, k = self.query(normed) * (x.shape[-1] // self.num_heads) ** -0.5, self.key(guide)
        visible, blocks = guide_mask[:, None], None
        if self.window is not None:
            assert guide.shape[1] == x.shape[1], 'in a window the guide must have the steps of the level'
            blocks = TimeBlocks.cut(x.shape[1], self.window)
            q, k, visible = blocks.queries(q), blocks.keys(k), blocks.visible(guide_mask)
        q, k = (item.unflatten(-1, (self.num_heads, -1)).transpose(-3, -2) for item in (q, k))  # (B, [n,] H, T, d)
        match = q @ k.transpose(-1, -2)
        visible = visible.unsqueeze(-3)
        best = match.masked_fill(~visible, torch.finfo(match.dtype).min).amax(-1)
        best = best.masked_fill(~visible.any(-1), 0.0)
        best = best.transpose(-1, -2)  # (B, [n,] T, H)
        if blocks is not None:
            best = blocks.merge(best)
        weight = torch.sigmoid(best + self.bias.to(best.dtype))
        return (self.project(normed).unflatten(-1, (self.num_heads, -1)) * weight[..., None]).flatten(-2)


GUIDE_FORMS = {'cross': CrossGuideAttention, 'max_sigmoid': MaxSigmoidGuideAttention}
