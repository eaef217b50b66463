"""The event-aligned backbone of DEL: align the streams (AAT), then a stem and a temporal pyramid for each.

Formulas: DEL (Ahmadian et al. 2025, arXiv 2506.23196). Shapes: B videos, T steps, D channels, L levels,
T_l = ceil(T / 2^l); ``mask`` is bool, True = valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mmdel.models.backbones.base import Pyramids, StreamBackbone, pyramid_reach
from mmdel.models.layers import (
    ChannelLayerNorm,
    DepthwiseConv1d,
    EventAlignedBlock,
    StepConv,
    TransformerBlock,
    downsample_mask,
    mask_steps,
    reaches_of,
    sinusoidal_encoding,
    start_as_binomial,
    sum_reaches,
    zero_biases,
)
from mmdel.registry import MODELS
from mmdel.structures import StreamBatch


class AlignedStreams(NamedTuple):
    """What the alignment gives; a loss hook may tap it.

    Attributes:
        streams: Each stream (B, T, D) by its name.
        cls: The [CLS] vector (B, D) of each stream, if there are such.
    """

    streams: dict[str, Tensor]
    cls: dict[str, Tensor]


class SeparateProjection(nn.Module):
    """Projects each stream to D channels on its own: what is left of the alignment when it is taken out."""

    def __init__(self, in_channels: dict[str, int], dims: int) -> None:
        super().__init__()
        self.embed_dims = dims
        self.reach = 0  # steps to either side that a step sees
        self.out = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(channels, dims), nn.LayerNorm(dims), nn.GELU(), nn.LayerNorm(dims))
                for name, channels in in_channels.items()
            }
        )

    def forward(self, inputs: StreamBatch) -> AlignedStreams:
        """Streams (B, T, C_s) → streams (B, T, D), no [CLS] vectors."""
        return AlignedStreams({name: out(inputs.streams[name]) for name, out in self.out.items()}, cls={})


class EventAlignment(nn.Module):
    """Projects the streams to D channels and lets them attend to each other under the event-aligned mask.

    Args:
        in_channels: Channels of each stream by its name, one or two streams, in the order of their parameters.
        dims: Channels D.
        num_layers: Multi-way blocks.
        block: Arguments of :class:`~mmdel.models.layers.EventAlignedBlock`.
    """

    def __init__(self, in_channels: dict[str, int], dims: int, num_layers: int, **block: Any) -> None:
        super().__init__()
        self.embed_dims = dims
        self.project = nn.ModuleDict({name: nn.Linear(channels, dims) for name, channels in in_channels.items()})
        self.modality = nn.Parameter(torch.empty(len(in_channels), 1, dims).normal_(std=0.02))
        self.cls_token = nn.Parameter(torch.empty(len(in_channels), 1, dims).normal_(std=0.02))
        self.blocks = nn.ModuleList(
            EventAlignedBlock(dims, num_streams=len(in_channels), **block) for _ in range(num_layers)
        )
        self.output = nn.ModuleDict(
            {
                name: nn.Sequential(nn.LayerNorm(dims), nn.Linear(dims, dims), nn.GELU(), nn.LayerNorm(dims))
                for name in in_channels
            }
        )
        zero_biases(self)

    @property
    def reach(self) -> int | None:
        """How many steps to either side a step sees, the [CLS] tokens' sight left out; None = all."""
        return sum_reaches(reaches_of(self.blocks))

    def forward(self, inputs: StreamBatch) -> AlignedStreams:
        """Streams (B, T, C_s) → aligned streams (B, T, D) and their [CLS] vectors (B, D)."""
        mask = inputs.mask
        projected = torch.stack([project(inputs.streams[name]) for name, project in self.project.items()], dim=1)
        # Over √D, as large as what features project to: the plain code, of rms 0.7, would drown them.
        position = sinusoidal_encoding(mask.shape[1], self.embed_dims, mask.device) * self.embed_dims**-0.5
        steps = projected + position.to(projected.dtype) + self.modality
        tokens = torch.cat([self.cls_token.expand(steps.shape[0], -1, -1, -1).to(steps.dtype), steps], dim=2)
        for block in self.blocks:
            tokens = block(tokens, mask)
        tokens = tokens + torch.cat(
            [self.cls_token.to(projected.dtype).expand(projected.shape[0], -1, -1, -1), projected], dim=2
        )
        pairs = zip(self.output.items(), tokens.unbind(1), strict=True)
        outputs = {name: output(stream) for (name, output), stream in pairs}
        return AlignedStreams({name: x[:, 1:] for name, x in outputs.items()}, {k: x[:, 0] for k, x in outputs.items()})


class StreamPyramid(nn.Module):
    """Stem (convolutions, then transformer blocks) and pyramid (strided depth-wise convolutions) of one stream."""

    def __init__(self, dims: int, num_levels: int, num_convs: int, num_blocks: int, **block: Any) -> None:
        super().__init__()
        self.convs = nn.ModuleList(StepConv(dims, dims, bias=False) for _ in range(num_convs))
        self.conv_norms = nn.ModuleList(nn.LayerNorm(dims) for _ in range(num_convs))
        self.activation = nn.GELU()
        self.blocks = nn.ModuleList(TransformerBlock(dims, **block) for _ in range(num_blocks))
        downs = [DepthwiseConv1d(dims, 3, stride=2) for _ in range(num_levels - 1)]
        self.downs = nn.ModuleList(downs)
        self.down_norms = nn.ModuleList(ChannelLayerNorm(dims) for _ in range(num_levels - 1))
        zero_biases(self)
        for down in downs:  # each level starts as a copy of the one below
            start_as_binomial(down)

    @property
    def reach(self) -> int | None:
        """How many steps to either side a step of the finest level sees; None = all."""
        return sum_reaches([len(self.convs), *reaches_of(self.blocks)])

    def forward(self, x: Tensor, mask: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """(B, T, D), (B, T) → L levels (B, D, T_l) and their masks (B, T_l)."""
        valid = mask[..., None].to(x.dtype)
        for conv, norm in zip(self.convs, self.conv_norms, strict=True):
            x = self.activation(norm(conv(x * valid)))
        for block in self.blocks:
            x = block(x, mask)
        feats, masks = [mask_steps(x.transpose(1, 2), mask)], [mask]
        for down, norm in zip(self.downs, self.down_norms, strict=True):
            mask = downsample_mask(mask, stride=2)
            feats.append(mask_steps(norm(down(feats[-1]), mask), mask))
            masks.append(mask)
        return tuple(feats), tuple(masks)


@MODELS.register_module()
class EventAlignedBackbone(StreamBackbone):
    """Event-aligned attention over the streams, then a stem and an L-level pyramid for each of them.

    Args:
        in_channels: See :class:`StreamBackbone`, e.g. ``dict(visual=2048, audio=128)``.
        streams: See :class:`StreamBackbone`; one or two.
        embed_dims: Channels D.
        num_levels: Levels L; level l has stride 2^l.
        align: Arguments of :class:`EventAlignment` (``num_layers``, ``mask``, ``window_intra``, ``window_cross``,
            ``event_dims``, and its own ``num_heads``, ``mlp_ratio``, ``drop_path``, ``dropout``); None = project each
            stream on its own (the ablation without AAT).
        attn_window: Odd number of steps that the stem's self-attention sees, None = all.
        causal_heads: Whether half of the stem's heads see only the past and half only the future, see
            :class:`~mmdel.models.layers.MaskedSelfAttention`.
        num_heads: Heads of every attention.
        num_stem_convs: Convolutions of the stem.
        num_stem_blocks: Transformer blocks of the stem.
        mlp_ratio: Hidden channels of the feed-forward networks in units of D.
        drop_path: Probability of skipping a residual branch for a whole video while training.
        dropout: Dropout of all blocks.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If a window is not odd, or ``num_heads`` is with ``causal_heads``, or as :class:`StreamBackbone`.
    """

    max_streams = 2

    def __init__(
        self,
        in_channels: dict[str, int],
        streams: Sequence[str] | None = None,
        embed_dims: int = 512,
        num_levels: int = 6,
        align: dict | None = None,
        attn_window: int | None = None,
        causal_heads: bool = False,
        num_heads: int = 4,
        num_stem_convs: int = 2,
        num_stem_blocks: int = 2,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.1,
        dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(in_channels, streams, init_cfg)
        self.out_channels = dict.fromkeys(self.streams, embed_dims)
        self.num_levels = num_levels
        shared: dict[str, Any] = dict(num_heads=num_heads, mlp_ratio=mlp_ratio, drop_path=drop_path, dropout=dropout)
        self.align = (
            SeparateProjection(self.in_channels, embed_dims)
            if align is None
            else EventAlignment(self.in_channels, embed_dims, **{**shared, **align})
        )
        stem: dict[str, Any] = dict(window=attn_window, causal_heads=causal_heads, **shared)
        self.pyramids = nn.ModuleDict(
            {
                name: StreamPyramid(embed_dims, num_levels, num_stem_convs, num_stem_blocks, **stem)
                for name in self.streams
            }
        )

    @property
    def reach(self) -> tuple[int, ...] | None:
        """See :class:`StreamBackbone`."""
        stem = self.pyramids[self.streams[0]]  # all are alike
        return pyramid_reach(reaches_of([self.align, stem]), [1] * (self.num_levels - 1))

    def extract(self, inputs: StreamBatch) -> tuple[Pyramids, tuple[Tensor, ...]]:
        """Streams (B, T, C_s) → the L levels (B, D, T_l) of each stream, and their masks (B, T_l)."""
        aligned, masks = self.align(inputs).streams, ()
        feats = {}
        for name, pyramid in self.pyramids.items():
            feats[name], masks = pyramid(aligned[name], inputs.mask)
        return feats, masks
