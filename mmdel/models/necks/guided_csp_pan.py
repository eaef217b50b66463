"""The path aggregation neck as DEL's authors lay it out: cross-stage-partial layers under the other stream's guidance.

After PANet (Liu et al. 2018, arXiv 1803.01534), YOLO-World (Cheng et al. 2024, arXiv 2401.17270) and DEL (Ahmadian et
al. 2025, arXiv 2506.23196).
Shapes: N = S · B rows of S streams and B videos, D channels, H heads, L levels of T_l steps, T = T_0, a guide of T
steps; ``mask`` is bool, True = valid, and the valid steps come first.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.models.layers import ChannelLayerNorm, ConvAttention, MaskedConv1d, downsample_mask, mask_steps, zero_biases
from mmdel.models.layers.attention import merge_heads, split_heads
from mmdel.registry import MODELS

NUM_BLOCKS = 3
REFRESHING_LEVELS, BINS = 3, 4


class MaxSigmoidGuide(nn.Module):
    r"""Weighs every step by how well the best of the guide's steps fits it.

    Head by head, :math:`y_t = x_t \cdot sigmoid(\max_j x_t g_j / \sqrt{d} + b)` over the valid steps j of the projected
    guide, with d = C / H; no projection of x.

    Args:
        dims: Channels C.
        guide_dims: Channels of the guide.
        num_heads: Heads H; must divide C.
    """

    def __init__(self, dims: int, guide_dims: int, num_heads: int) -> None:
        super().__init__()
        self.project = MaskedConv1d(guide_dims, dims, 3)
        self.bias = nn.Parameter(torch.zeros(num_heads))

    def forward(self, x: Tensor, guide: Tensor, guide_mask: Tensor) -> Tensor:
        """(N, C, T_l), guide (N, C_g, T), (N, T) → (N, C, T_l)."""
        heads = x.unflatten(1, (len(self.bias), -1))  # (N, H, d, T_l)
        guides = self.project(guide, guide_mask).unflatten(1, (len(self.bias), -1))  # (N, H, d, T)
        logits = (heads * heads.shape[2] ** -0.5).transpose(2, 3) @ guides  # (N, H, T_l, T)
        best = logits.masked_fill(~guide_mask[:, None, None], torch.finfo(logits.dtype).min).amax(3)
        return (heads * (best + self.bias[:, None]).sigmoid()[:, :, None]).flatten(1, 2)


class GuidedCSPLayer(nn.Module):
    """Cross-stage-partial layer: bare convolutional attention and the guide on one half of the channels.

    ::

        x (2D) ─ 1×1 ─┬─ half ─────────────────────────────────────────────────────────────┐
                      └─ half ─┬─ attention ─┬─ attention ─┬─ attention ─┬─ guide ─ half ──┤ cat ─ 1×1 ─ (D)
                               └─ half       └─ half       └─ half       └─ half ──────────┘

    The attentions have neither norm nor residual nor MLP, and both 1×1 convolutions are linear, so that a linear path
    leads through the layer.

    Args:
        dims: Channels D, even.
        num_heads: Heads of every attention; must divide D / 2.
    """

    def __init__(self, dims: int, num_heads: int) -> None:
        super().__init__()
        half = dims // 2
        self.split = MaskedConv1d(2 * dims, 2 * half, 1)
        self.blocks = nn.ModuleList(ConvAttention(half, num_heads) for _ in range(NUM_BLOCKS))
        self.guide = MaxSigmoidGuide(half, dims, num_heads)
        self.merge = MaskedConv1d((3 + NUM_BLOCKS) * half, dims, 1)

    def forward(self, x: Tensor, mask: Tensor, guide: Tensor, guide_mask: Tensor) -> Tensor:
        """(N, 2D, T_l), (N, T_l), guide (N, D, T), (N, T) → (N, D, T_l) with zeros at invalid steps."""
        halves = list(self.split(x, mask).chunk(2, dim=1))
        for block in self.blocks:
            halves.append(block(halves[-1], halves[-1], mask))
        halves.append(self.guide(halves[-1], guide, guide_mask))
        return self.merge(torch.cat(halves, dim=1), mask)


class GuideRefresh(nn.Module):
    """A new guide: what the old one's steps read of the finest levels, each averaged to a few bins; pre-norm attention.

    There is no residual: the old guide asks, and is gone.

    Args:
        dims: Channels D.
        num_heads: Heads; must divide D.
    """

    def __init__(self, dims: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm_guide = nn.LayerNorm(dims)
        self.norm_bins = nn.LayerNorm(dims)
        self.query = nn.Linear(dims, dims)
        self.key_value = nn.Linear(dims, 2 * dims)
        self.out = nn.Linear(dims, dims)

    def forward(self, guide: Tensor, levels: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
        """Guide (N, D, T), levels (N, D, T_l), masks (N, T_l) → (N, D, T)."""
        pairs = zip(levels, masks, strict=True)
        bins = torch.cat([average_bins(level, mask, BINS) for level, mask in pairs], dim=2)
        query = self.query(self.norm_guide(guide.transpose(1, 2)))
        key, value = self.key_value(self.norm_bins(bins.transpose(1, 2))).chunk(2, dim=2)
        q, k, v = (split_heads(item, self.num_heads) for item in (query, key, value))
        return self.out(merge_heads(F.scaled_dot_product_attention(q, k, v))).transpose(1, 2)


def average_bins(x: Tensor, mask: Tensor, num_bins: int) -> Tensor:
    """(N, C, T), (N, T) → (N, C, num_bins): means of the valid steps in even bins, which overlap where need be.

    Of n valid steps, bin i has those from floor(i · n / num_bins) to before ceil((i + 1) · n / num_bins), as
    ``nn.AdaptiveAvgPool1d`` has them; a video without any gives zeros.
    """
    num_valid = mask.sum(1)[:, None]
    index = torch.arange(num_bins, device=x.device)
    # Rounded up without a negative number, which an ONNX graph would divide towards zero.
    first, end = index * num_valid // num_bins, ((index + 1) * num_valid + num_bins - 1) // num_bins  # (N, num_bins)
    steps = torch.arange(x.shape[2], device=x.device)
    inside = (steps >= first[..., None]) & (steps < end[..., None])  # (N, num_bins, T)
    weights = (inside / inside.sum(2, keepdim=True).clamp(min=1)).to(x.dtype)
    return x @ weights.transpose(1, 2)


@MODELS.register_module()
class GuidedCSPPAN(BaseModule):
    """Path aggregation neck of each stream under the other's guidance, in the layout of DEL's published code.

    ::

        x3 ──────────► inner3 ─────────────────────► out3
                         │ up                          ▲ down
        x2 ──► cat ─► fuse ─► inner2 ───────► cat ─► fuse ─► out2
                         │ up          refresh         ▲ down
        x1 ──► cat ─► fuse ─► inner1 ───────► cat ─► fuse ─► out1
                         │ up             │            ▲ down
        x0 ──► cat ─► fuse ─► inner0 ─────┼──────────────► out0
                         ▲                ▼            ▲
                       guide ─────────► guide' ────────┘

    The guide is the finest level of the other stream; a single stream guides itself. Every fuse layer
    (:class:`GuidedCSPLayer`) has weights of its own; one strided convolution serves all levels, and the streams share
    everything. The guide's tokens are its steps. In the published code they are its channels over time, which ties the
    weights to one T.

    Unlike in :class:`AudioVisualPAN`, no path starts as the identity, and nothing has a window: cost and memory grow
    with T².

    Args:
        in_channels: Channels D of each stream by its name, the same for all, in the order of concatenation; even.
        num_levels: Levels L.
        num_heads: Heads of every attention and of the guide; must divide D / 2.
        init_cfg: As in mmengine.

    Attributes:
        out_channels: Channels of every level, those of all streams together.

    Raises:
        ValueError: If there are not one or two streams of the same even width, or ``num_heads`` does not divide D / 2.
    """

    def __init__(
        self, in_channels: dict[str, int], num_levels: int, num_heads: int = 4, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        dims = next(iter(in_channels.values()), 0)
        if len(in_channels) not in (1, 2) or len(set(in_channels.values())) > 1 or dims % 2:
            raise ValueError(f'in_channels must be those of one or two streams of one even width, got {in_channels}')
        self.streams = tuple(in_channels)
        self.out_channels = sum(in_channels.values())
        self.top_down = nn.ModuleList(GuidedCSPLayer(dims, num_heads) for _ in range(num_levels - 1))
        self.bottom_up = nn.ModuleList(GuidedCSPLayer(dims, num_heads) for _ in range(num_levels - 1))
        self.refresh = GuideRefresh(dims, num_heads)
        self.down = MaskedConv1d(dims, dims, 3, stride=2)
        self.down_norm = ChannelLayerNorm(dims)
        zero_biases(self)

    def widen(self, reaches: Sequence[int]) -> None:
        """How far the outputs see if the inputs see so far: everywhere (None)."""

    def forward(
        self, feats: dict[str, tuple[Tensor, ...]], masks: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Streams of L levels (B, D, T_l), masks (B, T_l) → L levels (B, S·D, T_l) of the S streams, and the masks."""
        streams = [feats[name] for name in self.streams]
        guide = torch.cat([levels[0] for levels in reversed(streams)])
        levels = [torch.cat(level) for level in zip(*streams, strict=True)]
        outs = self._paths(levels, guide, [mask.repeat(len(streams), 1) for mask in masks])
        sides = (out.unflatten(0, (len(streams), -1)).transpose(0, 1) for out in outs)  # (B, S, D, T_l)
        return tuple(side.flatten(1, 2) for side in sides), masks

    def _paths(self, levels: list[Tensor], guide: Tensor, masks: list[Tensor]) -> list[Tensor]:
        """Levels (N, D, T_l), guide (N, D, T), masks (N, T_l) → levels (N, D, T_l)."""
        inner = [mask_steps(levels[-1], masks[-1])]
        for fuse, level, mask in reversed(list(zip(self.top_down, levels, masks, strict=False))):
            up = inner[0].repeat_interleave(2, dim=2)[..., : level.shape[2]]  # the nearest step at or before
            inner.insert(0, fuse(torch.cat([up, level], dim=1), mask, guide, masks[0]))
        guide = self.refresh(guide, inner[:REFRESHING_LEVELS], masks[:REFRESHING_LEVELS])
        outs = inner[:1]
        for fuse, level, fine in zip(self.bottom_up, inner[1:], masks, strict=False):
            mask = downsample_mask(fine, stride=2)
            down = F.silu(self.down_norm(self.down(outs[-1], fine), mask))
            outs.append(fuse(torch.cat([down, level], dim=1), mask, guide, masks[0]))
        return outs
