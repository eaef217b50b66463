"""The event-aligned backbone of DEL: align the streams (AAT), then a stem and a temporal pyramid for each.

Formulas: DEL (Ahmadian et al. 2025, arXiv 2506.23196). Shapes: B videos, T steps, D channels, L levels,
T_l = ceil(T / 2^l); ``mask`` is bool, True = valid.
"""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.models.layers import (
    ChannelLayerNorm,
    EventAlignedBlock,
    MaskedConv1d,
    TransformerBlock,
    downsample_mask,
    mask_steps,
    sinusoidal_encoding,
)
from mmdel.registry import MODELS


class SeparateProjection(nn.Module):
    """Projects each stream to D channels on its own: what is left of the alignment when it is taken out."""

    def __init__(self, in_channels: dict[str, int], dims: int) -> None:
        super().__init__()
        self.out = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(channels, dims), nn.LayerNorm(dims), nn.GELU(), nn.LayerNorm(dims))
                for name, channels in in_channels.items()
            }
        )

    def forward(self, inputs: dict[str, Tensor], mask: Tensor) -> dict[str, Tensor]:
        """Streams (B, T, C_s) → streams (B, T, D)."""
        return {name: out(inputs[name]) for name, out in self.out.items()}


class EventAlignment(nn.Module):
    """Projects the streams to D channels and lets them attend to each other under the event-aligned mask.

    The outputs of ``out[stream]``, the aligned streams (B, T, D), and of ``cls_out[stream]``, their [CLS] vectors
    (B, D), are there to be tapped by a loss hook.

    Args:
        in_channels: Channels of each stream by its name, one or two streams.
        dims: Channels D.
        num_layers: Multi-way blocks.
        block: Arguments of :class:`~mmdel.models.layers.EventAlignedBlock`.
    """

    def __init__(self, in_channels: dict[str, int], dims: int, num_layers: int, **block) -> None:
        super().__init__()
        self.names = list(in_channels)
        self.project = nn.ModuleDict({name: nn.Linear(channels, dims) for name, channels in in_channels.items()})
        self.modality = nn.Parameter(torch.empty(len(self.names), 1, dims).normal_(std=0.02))
        self.cls_token = nn.Parameter(torch.empty(len(self.names), 1, dims).normal_(std=0.02))
        self.blocks = nn.ModuleList(
            EventAlignedBlock(dims, num_streams=len(self.names), **block) for _ in range(num_layers)
        )
        self.output = nn.ModuleDict(
            {
                name: nn.Sequential(nn.LayerNorm(dims), nn.Linear(dims, dims), nn.GELU(), nn.LayerNorm(dims))
                for name in self.names
            }
        )
        # These two do nothing but carry a name: a loss hook taps what passes through them.
        self.out = nn.ModuleDict({name: nn.Identity() for name in self.names})
        self.cls_out = nn.ModuleDict({name: nn.Identity() for name in self.names})

    def forward(self, inputs: dict[str, Tensor], mask: Tensor) -> dict[str, Tensor]:
        """Streams (B, T, C_s) and their mask (B, T) → aligned streams (B, T, D)."""
        projected = torch.stack([self.project[name](inputs[name]) for name in self.names], dim=1)
        position = sinusoidal_encoding(mask.shape[1], projected.shape[-1], mask.device).to(projected.dtype)
        steps = projected + position + self.modality
        tokens = torch.cat([self.cls_token.expand(len(steps), -1, -1, -1).to(steps.dtype), steps], dim=2)
        for block in self.blocks:
            tokens = block(tokens, mask)
        tokens = tokens + torch.cat(
            [self.cls_token.to(projected.dtype).expand(len(projected), -1, -1, -1), projected], dim=2
        )
        aligned = {}
        for name, stream in zip(self.names, tokens.unbind(1), strict=True):
            stream = self.output[name](stream)
            self.cls_out[name](stream[:, 0])
            aligned[name] = self.out[name](stream[:, 1:])
        return aligned


class StreamPyramid(nn.Module):
    """Stem (convolutions, then transformer blocks) and pyramid (strided depth-wise convolutions) of one stream."""

    def __init__(
        self,
        dims: int,
        num_levels: int,
        num_convs: int,
        num_blocks: int,
        **block,
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleList(MaskedConv1d(dims, dims, 3, bias=False) for _ in range(num_convs))
        self.conv_norms = nn.ModuleList(ChannelLayerNorm(dims) for _ in range(num_convs))
        self.activation = nn.GELU()
        self.blocks = nn.ModuleList(TransformerBlock(dims, **block) for _ in range(num_blocks))
        self.downs = nn.ModuleList(MaskedConv1d(dims, dims, 3, stride=2, groups=dims) for _ in range(num_levels - 1))
        self.down_norms = nn.ModuleList(ChannelLayerNorm(dims) for _ in range(num_levels - 1))

    def forward(self, x: Tensor, mask: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """(B, T, D), (B, T) → L levels (B, D, T_l) and their masks (B, T_l)."""
        x = x.transpose(1, 2)
        for conv, norm in zip(self.convs, self.conv_norms, strict=True):
            x = self.activation(norm(conv(x, mask)))
        x = x.transpose(1, 2)
        for block in self.blocks:
            x = block(x, mask)
        feats, masks = [mask_steps(x.transpose(1, 2), mask)], [mask]
        for down, norm in zip(self.downs, self.down_norms, strict=True):
            x, mask = down(feats[-1], mask), downsample_mask(mask, down.stride[0])
            feats.append(mask_steps(norm(x), mask))
            masks.append(mask)
        return tuple(feats), tuple(masks)


@MODELS.register_module()
class EventAlignedBackbone(BaseModule):
    """Event-aligned attention over the streams, then a stem and an L-level pyramid for each of them.

    Args:
        in_channels: Feature channels of each stream by its name, e.g. ``dict(visual=2048, audio=128)``; one or two.
        embed_dims: Channels D.
        num_levels: Levels L; level l has stride 2^l.
        align: Arguments of :class:`EventAlignment` (``num_layers``, ``mask``, ``window_intra``, ``window_cross``,
            ``event_dims``); None = project each stream on its own (the ablation without AAT).
        attn_window: Odd number of steps that the stem's self-attention sees; −1 = all.
        num_heads: Heads of every attention.
        num_stem_convs: Convolutions of the stem.
        num_stem_blocks: Transformer blocks of the stem.
        mlp_ratio: Hidden channels of the feed-forward networks in units of D.
        drop_path: Probability of skipping a residual branch of the stem for a whole video while training.
        dropout: Dropout of all blocks.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If there are not one or two streams.
    """

    def __init__(
        self,
        in_channels: dict[str, int],
        embed_dims: int = 512,
        num_levels: int = 6,
        align: dict | None = None,
        attn_window: int = -1,
        num_heads: int = 4,
        num_stem_convs: int = 2,
        num_stem_blocks: int = 2,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.1,
        dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(in_channels) not in (1, 2):
            raise ValueError(f'in_channels must name one or two streams, got {list(in_channels)}')
        shared = dict(num_heads=num_heads, mlp_ratio=mlp_ratio, drop_path=drop_path, dropout=dropout)
        self.align = (
            SeparateProjection(in_channels, embed_dims)
            if align is None
            else EventAlignment(in_channels, embed_dims, **shared, **align)
        )
        window = None if attn_window == -1 else attn_window
        self.pyramids = nn.ModuleDict(
            {
                name: StreamPyramid(embed_dims, num_levels, num_stem_convs, num_stem_blocks, window=window, **shared)
                for name in in_channels
            }
        )

    def forward(self, inputs: dict[str, Tensor]) -> tuple[dict[str, tuple[Tensor, ...]], tuple[Tensor, ...]]:
        """Streams (B, T, C_s) and ``inputs['mask']`` (B, T) → levels of each stream and masks.

        Returns:
            For each stream the L levels (B, D, T_l); the L masks (B, T_l).
        """
        mask = inputs['mask']
        aligned = self.align(inputs, mask)
        feats = {}
        for name, pyramid in self.pyramids.items():
            feats[name], masks = pyramid(aligned[name], mask)
        return feats, masks
