"""The backbone of UnAV's detector: a pyramid for each stream, and on each level attention between the streams.

Formulas: UnAV (Geng et al. 2023, arXiv 2303.12930). Shapes: B videos, T steps, D channels, L levels,
T_l = ceil(T / 2^l); ``mask`` is bool, True = valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from mmdel.models.backbones.base import Pyramids, StreamBackbone, pyramid_reach
from mmdel.models.layers import ConvEmbedding, ConvTransformerBlock, add_position, reaches_of
from mmdel.registry import MODELS
from mmdel.structures import StreamBatch


@MODELS.register_module()
class AudioVisualPyramidBackbone(StreamBackbone):
    """Convolutions and self-attention for each stream, then a cross-modal block per level; all but the first stride.

    ::

        V ─ embedding ─ stem ─┬─ V_0 ─┬─ V_1 ─┬─ … V_{L-1}     V_l: keys, values and skip of V_{l-1}, queries of A_{l-1}
                              ╳       ╳       ╳
        A ─ embedding ─ stem ─┴─ A_0 ─┴─ A_1 ─┴─ … A_{L-1}     A_l: keys, values and skip of A_{l-1}, queries of V_{l-1}

    That the queries come from the other stream, and not the keys and values, is how the published code has it. A
    single stream gives its queries itself.

    Args:
        in_channels: See :class:`StreamBackbone`, e.g. ``dict(visual=2048, audio=128)``.
        streams: See :class:`StreamBackbone`; one or two.
        embed_dims: Channels D.
        num_levels: Levels L; level l has stride 2^l.
        attn_window: Odd number of steps of its own level that the attention sees, None = all.
        num_heads: Heads of every attention.
        num_stem_convs: Convolutions of the embedding of each stream.
        num_stem_blocks: Self-attention blocks of each stream.
        use_abs_pe: Whether a sinusoidal position code, divided by √D, is added to the embedding.
        mlp_ratio: Hidden channels of the MLPs in units of D.
        drop_path: Probability of skipping a residual branch for a whole video while training.
        dropout: Dropout after every attention and inside the MLPs.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If the window is not odd, or as :class:`StreamBackbone`.
    """

    max_streams = 2

    def __init__(
        self,
        in_channels: dict[str, int],
        streams: Sequence[str] | None = None,
        embed_dims: int = 512,
        num_levels: int = 6,
        attn_window: int | None = None,
        num_heads: int = 4,
        num_stem_convs: int = 2,
        num_stem_blocks: int = 2,
        use_abs_pe: bool = True,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.1,
        dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(in_channels, streams, init_cfg)
        self.out_channels = dict.fromkeys(self.streams, embed_dims)
        self.num_levels = num_levels
        self.others = dict(zip(self.streams, reversed(self.streams), strict=True))
        self.use_abs_pe = use_abs_pe

        block = partial(  # self-attention too has a norm for its queries alone
            ConvTransformerBlock,
            embed_dims,
            num_heads,
            attn_window,
            cross=True,
            mlp_ratio=mlp_ratio,
            drop_path=drop_path,
            dropout=dropout,
        )
        self.embeddings = nn.ModuleDict(
            {name: ConvEmbedding(channels, embed_dims, num_stem_convs) for name, channels in self.in_channels.items()}
        )
        self.stems = nn.ModuleDict(
            {name: nn.ModuleList(block(stride=1) for _ in range(num_stem_blocks)) for name in self.streams}
        )
        strides = [1] + [2] * (num_levels - 1)
        self.levels = nn.ModuleDict(
            {name: nn.ModuleList(block(stride=stride) for stride in strides) for name in self.streams}
        )

    @property
    def reach(self) -> tuple[int, ...] | None:
        """See :class:`StreamBackbone`."""
        name = self.streams[0]  # all are alike
        first, *downs = self.levels[name].children()
        stem = [self.embeddings[name], *self.stems[name].children(), first]
        return pyramid_reach(reaches_of(stem), reaches_of(downs))

    def extract(self, inputs: StreamBatch) -> tuple[Pyramids, tuple[Tensor, ...]]:
        """Streams (B, T, C_s) → the L levels (B, D, T_l) of each stream, and their masks (B, T_l)."""
        mask = inputs.mask
        streams = {name: self._stem(name, inputs.streams[name].transpose(1, 2), mask) for name in self.streams}
        levels, masks = [], []
        for blocks in zip(*self.levels.values(), strict=True):
            pairs = zip(self.others.items(), blocks, strict=True)
            outputs = {name: block(streams[name], mask, streams[other]) for (name, other), block in pairs}
            streams = {name: x for name, (x, _) in outputs.items()}
            mask = next(iter(outputs.values()))[1]
            levels.append(streams)
            masks.append(mask)
        return {name: tuple(level[name] for level in levels) for name in self.streams}, tuple(masks)

    def _stem(self, name: str, x: Tensor, mask: Tensor) -> Tensor:
        """Features (B, C_s, T) of a stream → (B, D, T): embedding, position code, self-attention."""
        x = self.embeddings[name](x, mask)
        if self.use_abs_pe:
            x = add_position(x)
        for block in self.stems[name].children():
            x, _ = block(x, mask)
        return x
