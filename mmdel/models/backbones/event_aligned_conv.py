"""The event-aligned backbone as DEL's authors lay it out: learned positions, convolutional attention, shared strides.

Formulas: DEL (Ahmadian et al. 2025, arXiv 2506.23196), ActionFormer (Zhang et al. 2022, arXiv 2202.07925).
Shapes: B videos, S streams (1 or 2), T steps, D channels, L levels, T_l = ceil(T / 2^l); ``mask`` is bool, True =
valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmdel.models.backbones.base import Pyramids, StreamBackbone
from mmdel.models.backbones.event_aligned import AlignedStreams, EventAlignment, StreamPyramid
from mmdel.models.layers import (
    ChannelLayerNorm,
    ConvTransformerBlock,
    DepthwiseConv1d,
    EventAlignedBlock,
    LearnedPosition,
    StepConv,
    add_position,
    downsample_mask,
    mask_steps,
    start_as_truncated_normal,
    zero_biases,
)
from mmdel.registry import MODELS
from mmdel.structures import StreamBatch

PARTS = ('align', 'stem', 'pyramid')


class LearnedAlignment(nn.Module):
    """Projects the streams, and lets them attend to each other at the same time, in one block that is applied again.

    Args:
        in_channels: Channels of each stream by its name, one or two streams, in the order of their parameters.
        dims: Channels D.
        num_layers: How often the multi-way block is applied.
        num_heads: Its heads.
        max_steps: Steps of the learned position code.
    """

    def __init__(self, in_channels: dict[str, int], dims: int, num_layers: int, num_heads: int, max_steps: int) -> None:
        super().__init__()
        self.embed_dims = dims
        self.num_layers = num_layers
        self.project = nn.ModuleDict({name: nn.Linear(channels, dims) for name, channels in in_channels.items()})
        self.cls_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(len(in_channels), 1, dims), std=0.02))
        self.position = LearnedPosition(len(in_channels), max_steps, dims)
        self.block = EventAlignedBlock(dims, num_heads, len(in_channels), mask='temporal')
        self.output = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(dims, dims), nn.ReLU(), nn.LayerNorm(dims)) for name in in_channels}
        )
        start_as_truncated_normal(self)

    def forward(self, inputs: StreamBatch) -> AlignedStreams:
        """Streams (B, T, C_s) → aligned streams (B, T, D) and their [CLS] vectors (B, D)."""
        projected = torch.stack([project(inputs.streams[name]) for name, project in self.project.items()], dim=1)
        cls_token = self.cls_token.to(projected.dtype).expand(projected.shape[0], -1, -1, -1)
        tokens = torch.cat([cls_token, projected], dim=2)  # (B, S, 1 + T, D)
        x = self.position(tokens)
        for _ in range(self.num_layers):
            x = self.block(x, inputs.mask)
        pairs = zip(self.output.items(), (x + tokens).unbind(1), strict=True)
        outputs = {name: output(stream) for (name, output), stream in pairs}
        return AlignedStreams({name: y[:, 1:] for name, y in outputs.items()}, {k: y[:, 0] for k, y in outputs.items()})


class ConvStem(nn.Module):
    """Convolutions, a sinusoidal position code over √D, and blocks of convolutional attention.

    Args:
        dims: Channels D.
        num_convs: Convolutions.
        num_blocks: Blocks.
        block: Arguments of :class:`~mmdel.models.layers.ConvTransformerBlock`.
    """

    def __init__(self, dims: int, num_convs: int, num_blocks: int, **block: Any) -> None:
        super().__init__()
        self.convs = nn.ModuleList(StepConv(dims, dims, bias=False) for _ in range(num_convs))
        self.norms = nn.ModuleList(nn.LayerNorm(dims) for _ in range(num_convs))
        self.activation = nn.GELU()
        self.blocks = nn.ModuleList(ConvTransformerBlock(dims, **block) for _ in range(num_blocks))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D), (B, T) → (B, D, T) with zeros at invalid steps."""
        valid = mask[..., None].to(x.dtype)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = self.activation(norm(conv(x * valid)))
        x = mask_steps(add_position(x.transpose(1, 2)), mask)
        for block in self.blocks:
            x, _ = block(x, mask)
        return x


class SharedPyramid(nn.Module):
    """Strided depth-wise convolutions, which all streams share, with a norm for each level of each stream."""

    def __init__(self, names: Sequence[str], dims: int, num_levels: int) -> None:
        super().__init__()
        self.downs = nn.ModuleList(DepthwiseConv1d(dims, 3, stride=2, bias=False) for _ in range(num_levels - 1))
        self.norms = nn.ModuleDict(
            {name: nn.ModuleList(ChannelLayerNorm(dims) for _ in range(num_levels - 1)) for name in names}
        )

    def forward(self, streams: dict[str, Tensor], mask: Tensor) -> tuple[Pyramids, tuple[Tensor, ...]]:
        """Streams (B, D, T), zeros at invalid steps, and mask (B, T) → L levels (B, D, T_l) of each, masks (B, T_l)."""
        levels, masks = [streams], [mask]
        for index, down in enumerate(self.downs):
            mask = downsample_mask(mask, stride=2)
            norms = {name: self.norms.get_submodule(f'{name}.{index}') for name in streams}
            levels.append({name: mask_steps(norms[name](down(x), mask), mask) for name, x in levels[-1].items()})
            masks.append(mask)
        return {name: tuple(level[name] for level in levels) for name in streams}, tuple(masks)


class OwnStem(nn.Module):
    """The stem of :class:`EventAlignedBackbone`: the finest level of its pyramid."""

    def __init__(self, dims: int, num_convs: int, num_blocks: int, **block: Any) -> None:
        super().__init__()
        self.finest = StreamPyramid(dims, 1, num_convs, num_blocks, **block)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D), (B, T) → (B, D, T) with zeros at invalid steps."""
        return self.finest(x, mask)[0][0]


class OwnPyramid(nn.ModuleDict):
    """The pyramids of :class:`EventAlignedBackbone`, one for each stream."""

    def forward(self, streams: dict[str, Tensor], mask: Tensor) -> tuple[Pyramids, tuple[Tensor, ...]]:
        """Streams (B, D, T), zeros at invalid steps, and mask (B, T) → L levels (B, D, T_l) of each, masks (B, T_l)."""
        levels = {name: self[name](x.transpose(1, 2), mask) for name, x in streams.items()}
        return {name: feats for name, (feats, _) in levels.items()}, next(iter(levels.values()))[1]


@MODELS.register_module()
class EventAlignedConvBackbone(StreamBackbone):
    """Event-aligned attention, a stem for each stream and a pyramid, in the layout of DEL's published code.

    ::

        V ─ linear ─┬─ position ─ block ─ block ─┬─ linear ─ 3-conv ─ 3-conv ─ sinusoid ─ blocks ─ V_0 ─┬─ V_1 ─ …
                    └────────── + ───────────────┤                                                      │ shared
        A ─ linear ─┬─ position ─ block ─ block ─┼─ linear ─ 3-conv ─ 3-conv ─ sinusoid ─ blocks ─ A_0 ─┴─ A_1 ─ …
                    └────────── + ───────────────┘

    :class:`EventAlignedBackbone` is the other layout; ``parts`` mixes the two. Here the position code of the alignment
    is learned, with a table for each stream that has an end; the block of the alignment is one, applied
    ``num_align_layers`` times, its mask comes from time alone, and its linear maps start small; the stem's queries,
    keys and values come from convolutions; and the strided convolutions, which the streams share, start at random. None
    of these has a window: cost and memory grow with T².

    Args:
        in_channels: See :class:`StreamBackbone`, e.g. ``dict(visual=2048, audio=128)``.
        streams: See :class:`StreamBackbone`; one or two.
        embed_dims: Channels D.
        num_levels: Levels L; level l has stride 2^l.
        max_steps: Steps T of the longest input. Longer videos are for windows, the detector's ``test_cfg``.
        num_align_layers: How often the block of the alignment is applied.
        num_align_heads: Its heads.
        num_heads: Heads of the stem's attention.
        num_stem_convs: Convolutions of each stem.
        num_stem_blocks: Blocks of each stem.
        drop_path: Probability of skipping a residual branch of the stem for a whole video while training.
        parts: Which parts are so; those of 'align', 'stem' and 'pyramid' that are not named are, with ``attn_window``,
            ``drop_path``, ``dropout`` and ``align``, those of :class:`EventAlignedBackbone`.
        attn_window: Odd number of steps that the stem's self-attention sees, None = all; see ``parts``.
        dropout: See ``parts``.
        align: More arguments of :class:`~mmdel.models.layers.EventAlignedBlock`; see ``parts``.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If there is no such part, or as :class:`StreamBackbone`.
    """

    max_streams = 2

    def __init__(
        self,
        in_channels: dict[str, int],
        streams: Sequence[str] | None = None,
        embed_dims: int = 512,
        num_levels: int = 6,
        max_steps: int = 224,
        num_align_layers: int = 2,
        num_align_heads: int = 8,
        num_heads: int = 4,
        num_stem_convs: int = 2,
        num_stem_blocks: int = 2,
        drop_path: float = 0.1,
        parts: Sequence[str] = PARTS,
        attn_window: int | None = None,
        dropout: float = 0.0,
        align: dict[str, Any] = dict(),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(in_channels, streams, init_cfg)
        if not set(parts) <= set(PARTS):
            raise ValueError(f'parts must be of {PARTS}, got {list(parts)}')
        self.out_channels = dict.fromkeys(self.streams, embed_dims)
        self.num_levels = num_levels
        own: dict[str, Any] = dict(drop_path=drop_path, dropout=dropout)
        self.align = (
            LearnedAlignment(self.in_channels, embed_dims, num_align_layers, num_align_heads, max_steps)
            if 'align' in parts
            else EventAlignment(
                *(self.in_channels, embed_dims, num_align_layers), **{**own, 'num_heads': num_align_heads, **align}
            )
        )
        size = (num_stem_convs, num_stem_blocks)
        self.stems = nn.ModuleDict(
            {
                name: ConvStem(embed_dims, *size, num_heads=num_heads, drop_path=drop_path)
                if 'stem' in parts
                else OwnStem(embed_dims, *size, window=attn_window, num_heads=num_heads, **own)
                for name in self.streams
            }
        )
        self.pyramid = (
            SharedPyramid(self.streams, embed_dims, num_levels)
            if 'pyramid' in parts
            else OwnPyramid({name: StreamPyramid(embed_dims, num_levels, 0, 0) for name in self.streams})
        )
        zero_biases(self)

    def extract(self, inputs: StreamBatch) -> tuple[Pyramids, tuple[Tensor, ...]]:
        """Streams (B, T, C_s) → the L levels (B, D, T_l) of each stream, and their masks (B, T_l).

        Raises:
            UserInputError: If there are more than ``max_steps`` steps.
        """
        aligned = self.align(inputs).streams
        return self.pyramid({name: stem(aligned[name], inputs.mask) for name, stem in self.stems.items()}, inputs.mask)
