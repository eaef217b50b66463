"""The path aggregation neck of DEL: a two-way pyramid in which each stream is guided by the other.

After PANet (Liu et al. 2018, arXiv 1803.01534) and DEL (Ahmadian et al. 2025, arXiv 2506.23196).
Shapes: B videos, D channels, L levels of T_l steps, T = T_0; ``mask`` is bool, True = valid.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.models.layers import GUIDE_FORMS, MaskedConv1d, TransformerBlock
from mmdel.models.layers.attention import windowed_attention
from mmdel.registry import MODELS


class GuidedCSPLayer(nn.Module):
    """Cross-stage-partial layer: attention blocks and a guide attention on one half of the channels.

    ::

        x (2D) ─ 1×1 ─┬─ half ──────────────────────────────────────────┐
                      └─ half ─┬─ block ─┬─ … ─ block ─┬─ guide ─ half ─┤ cat ─ 1×1 ─ (D)
                               └─ half   └─ half       └─ half ─────────┘

    Args:
        dims: Channels D.
        num_blocks: Attention blocks.
        num_heads: Heads of every attention.
        guide: 'cross' or 'max_sigmoid', a key of :data:`~mmdel.models.layers.GUIDE_FORMS`.
        window: Local attention window, None = global.
        mlp_ratio: Hidden channels of a block's MLP in units of D / 2.
        dropout: Dropout of the blocks.
    """

    def __init__(
        self,
        dims: int,
        num_blocks: int,
        num_heads: int,
        guide: str,
        window: int | None,
        mlp_ratio: float,
        dropout: float,
    ) -> None:
        super().__init__()
        half = dims // 2
        self.split = _pointwise(2 * dims, dims)
        self.blocks = nn.ModuleList(
            TransformerBlock(half, num_heads, window, mlp_ratio, dropout=dropout) for _ in range(num_blocks)
        )
        self.guide = GUIDE_FORMS[guide](half, dims, num_heads, window)
        self.merge = _pointwise((3 + num_blocks) * half, dims)

    def forward(self, x: Tensor, mask: Tensor, guide: Tensor, guide_mask: Tensor) -> Tensor:
        """(B, T_l, 2D), (B, T_l), guide (B, T_g, D), (B, T_g) → (B, T_l, D)."""
        halves = list(self.split(x).chunk(2, dim=-1))
        for block in self.blocks:
            halves.append(block(halves[-1], mask))
        halves.append(self.guide(halves[-1], guide, guide_mask))
        return self.merge(torch.cat(halves, dim=-1)) * mask[..., None].to(x.dtype)


class GuideEnhance(nn.Module):
    """Attention of the guide over the levels, each max-pooled to a few bins, with a residual.

    Args:
        dims: Channels D.
        num_heads: Attention heads.
        pool_size: Bins of a level; they divide its valid steps evenly.
    """

    def __init__(self, dims: int, num_heads: int, pool_size: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.pool_size = pool_size
        self.norm_query = nn.LayerNorm(dims)
        self.norm_key = nn.LayerNorm(dims)
        self.query = nn.Linear(dims, dims)
        self.key_value = nn.Linear(dims, 2 * dims)
        self.out = nn.Linear(dims, dims)

    def forward(self, guide: Tensor, levels: list[Tensor], masks: tuple[Tensor, ...]) -> Tensor:
        """Guide (B, T, D), levels (B, T_l, D), masks (B, T_l) → (B, T, D)."""
        pooled = [valid_max_pool(level, mask, self.pool_size) for level, mask in zip(levels, masks, strict=True)]
        keys = torch.cat([item for item, _ in pooled], dim=1)
        key_mask = torch.cat([item for _, item in pooled], dim=1)
        q = self.query(self.norm_query(guide))
        k, v = self.key_value(self.norm_key(keys)).chunk(2, dim=-1)
        return guide + self.out(windowed_attention(q, k, v, key_mask, self.num_heads, window=None))


def valid_max_pool(x: Tensor, mask: Tensor, num_bins: int) -> tuple[Tensor, Tensor]:
    """Max-pools the valid steps of (B, T, D) to ``num_bins`` even bins: (B, num_bins, D), (B, num_bins) non-empty.

    The k-th of n valid steps falls into bin ``floor(k * num_bins / n)``; an empty bin is 0.
    """
    rank = mask.cumsum(1) - 1
    bins = (rank * num_bins).div(mask.sum(1, keepdim=True).clamp(min=1), rounding_mode='floor')
    bins = bins.masked_fill(~mask, num_bins)  # invalid steps go to a bin of their own, dropped below
    low = x.new_full((x.shape[0], num_bins + 1, x.shape[2]), torch.finfo(x.dtype).min)
    pooled = low.scatter_reduce(1, bins[..., None].expand_as(x), x, 'amax')[:, :num_bins]
    filled = torch.zeros_like(low[..., 0], dtype=torch.bool).scatter(1, bins, True)[:, :num_bins]
    return pooled.masked_fill(~filled[..., None], 0.0), filled


class GuidedPAN(nn.Module):
    """The neck of one stream, guided by the other: top-down, guide refresh, bottom-up.

    ::

        x3 ──────────► inner3 ─────────────────────► out3
                         │ up                          ▲ down
        x2 ──► cat ─► fuse_td2 = inner2 ──► cat ─► fuse_bu2 = out2
                         │ up          enhance         ▲ down
        x1 ──► cat ─► fuse_td1 = inner1 ──► cat ─► fuse_bu1 = out1
                         │ up             │            ▲ down
        x0 ──► cat ─► fuse_td0 = inner0 ──┼──────────► out0
                         ▲                ▼            ▲
                       guide ─────────► guide' ────────┘
    """

    def __init__(
        self,
        dims: int,
        num_blocks: int,
        num_heads: int,
        guide: str,
        windows: Sequence[int | None],
        mlp_ratio: float,
        pool_size: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.windows = windows  # one for each level
        num_downs = len(windows) - 1

        def fuse(window: int | None) -> GuidedCSPLayer:
            return GuidedCSPLayer(dims, num_blocks, num_heads, guide, window, mlp_ratio, dropout)

        self.top_down = nn.ModuleList(fuse(window) for window in windows[:-1])
        self.bottom_up = nn.ModuleList(fuse(window) for window in windows[1:])
        self.downs = nn.ModuleList(MaskedConv1d(dims, dims, 3, stride=2) for _ in range(num_downs))
        self.down_norms = nn.ModuleList(nn.Sequential(nn.LayerNorm(dims), nn.SiLU()) for _ in range(num_downs))
        self.enhance = GuideEnhance(dims, num_heads, pool_size)

    def forward(self, levels: list[Tensor], guide: Tensor, masks: tuple[Tensor, ...]) -> list[Tensor]:
        """Levels (B, T_l, D), guide (B, T, D), masks (B, T_l) → levels (B, T_l, D)."""
        guides = self._guide_levels(guide, masks)
        inner = [levels[-1]]
        for i in reversed(range(len(levels) - 1)):
            up = upsample(inner[0], masks[i + 1], levels[i].shape[1])
            x = torch.cat([up, levels[i]], dim=-1)
            inner.insert(0, self.top_down[i](x, masks[i], *guides[i]))
        guides = self._guide_levels(self.enhance(guide, inner, masks), masks)
        out = [inner[0]]
        for i in range(len(levels) - 1):
            down = self.downs[i](out[-1].transpose(1, 2), masks[i]).transpose(1, 2)
            x = torch.cat([self.down_norms[i](down), inner[i + 1]], dim=-1)
            out.append(self.bottom_up[i](x, masks[i + 1], *guides[i + 1]))
        return out

    def _guide_levels(self, guide: Tensor, masks: tuple[Tensor, ...]) -> list[tuple[Tensor, Tensor]]:
        """What each level reads: the whole guide, or in a window the guide averaged to the level's own steps."""
        pooled = [guide]
        for mask in masks[:-1]:
            pooled.append(downsample(pooled[-1], mask))
        pairs = zip(pooled, masks, self.windows, strict=True)
        return [(guide, masks[0]) if window is None else (own, mask) for own, mask, window in pairs]


def downsample(x: Tensor, mask: Tensor) -> Tensor:
    """(B, T, D), (B, T) → (B, ceil(T / 2), D): step t is the mean of the valid steps 2t − 1, 2t (twice) and 2t + 1.

    Centred on step 2t, as strided convolutions and the points are; 0 where none of the three is valid.
    """
    weight = mask[..., None].to(x.dtype) / 4
    x = F.pad(torch.cat([x * weight, weight], dim=-1), (0, 0, 1, 1))
    x = x[:, :-2:2] + 2 * x[:, 1:-1:2] + x[:, 2::2]
    return x[..., :-1] / x[..., -1:].clamp(min=0.25)


def upsample(x: Tensor, mask: Tensor, num_steps: int) -> Tensor:
    """(B, T, D), (B, T) → (B, num_steps, D), 2T − 1 or 2T steps: 2t is step t, 2t + 1 the mean of its valid neighbours.

    Centred likewise. The neighbour before is meant to be valid wherever the one behind is.
    """
    behind = torch.where(mask[:, 1:, None], x[:, 1:], x[:, :-1])
    between = torch.cat([x[:, :-1] / 2 + behind / 2, x[:, -1:]], dim=1)
    return torch.stack([x, between], dim=2).flatten(1, 2)[:, :num_steps]


def _pointwise(in_dims: int, out_dims: int) -> nn.Sequential:
    """A 1×1 convolution over (B, T, C), its norm and its activation."""
    return nn.Sequential(nn.Linear(in_dims, out_dims, bias=False), nn.LayerNorm(out_dims), nn.SiLU())


@MODELS.register_module()
class AudioVisualPAN(BaseModule):
    """Path aggregation neck, applied to each stream under the guidance of the other; concatenates them per level.

    With a single stream, the stream guides itself.

    Args:
        in_channels: Channels D of each stream by its name, the same for all, in the order of concatenation.
        num_levels: Levels L.
        guide: Form of the guide attention, 'max_sigmoid' or 'cross'.
        attn_window: Odd number of steps that the attention blocks see and that are read of the guide, on the level's
            own grid, None = all. A list has one number for each level.
        num_blocks: Attention blocks of each cross-stage-partial layer.
        num_heads: Heads of every attention.
        mlp_ratio: Hidden channels of a block's MLP in units of D / 2.
        pool_size: Bins of each level that refresh the guide.
        share_streams: Whether both streams use the same weights.
        dropout: Dropout of the attention blocks.
        init_cfg: As in mmengine.

    Attributes:
        out_channels: Channels of every level, those of all streams together.

    Raises:
        ValueError: If there are not one or two streams of the same width, or two of them for weights of their own
            (``share_streams=False``); if ``guide`` is no form, or ``attn_window`` a list of another length than
            ``num_levels``.
    """

    def __init__(
        self,
        in_channels: dict[str, int],
        num_levels: int,
        guide: str = 'max_sigmoid',
        attn_window: int | Sequence[int | None] | None = None,
        num_blocks: int = 3,
        num_heads: int = 4,
        mlp_ratio: float = 4.0,
        pool_size: int = 4,
        share_streams: bool = True,
        dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if guide not in GUIDE_FORMS:
            raise ValueError(f'guide must be one of {sorted(GUIDE_FORMS)}, got {guide!r}')
        if len(in_channels) not in (1, 2) or len(set(in_channels.values())) > 1:
            raise ValueError(f'in_channels must be those of one or two streams of the same width, got {in_channels}')
        if len(in_channels) == 1 and not share_streams:
            raise ValueError(f'share_streams=False needs two streams, got {list(in_channels)}')
        windows = list(attn_window) if isinstance(attn_window, Sequence) else [attn_window] * num_levels
        if len(windows) != num_levels:
            raise ValueError(f'attn_window must be one window or one for each of {num_levels} levels, got {windows}')
        self.streams = tuple(in_channels)
        self.out_channels = sum(in_channels.values())
        args = (in_channels[self.streams[0]], num_blocks, num_heads, guide, windows, mlp_ratio, pool_size, dropout)
        self.pans = nn.ModuleList(GuidedPAN(*args) for _ in range(1 if share_streams else 2))

    def forward(
        self, feats: dict[str, tuple[Tensor, ...]], masks: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Streams of L levels (B, D, T_l), masks (B, T_l) → L levels (B, S·D, T_l) of the S streams, and the masks."""
        streams = [[level.transpose(1, 2) for level in feats[name]] for name in self.streams]
        guides = [levels[0] for levels in reversed(streams)]
        if len(self.pans) == 1:  # the streams join the batch, so that shared weights are read once
            joint = [torch.cat(levels) for levels in zip(*streams, strict=True)]
            joint_masks = tuple(mask.repeat(len(streams), 1) for mask in masks)
            outs = self.pans[0](joint, torch.cat(guides), joint_masks)
            outs = [torch.cat(level.chunk(len(streams)), dim=-1) for level in outs]
        else:
            pairs = [pan(levels, guide, masks) for pan, levels, guide in zip(self.pans, streams, guides, strict=True)]
            outs = [torch.cat(levels, dim=-1) for levels in zip(*pairs, strict=True)]
        return tuple(level.transpose(1, 2) for level in outs), masks
