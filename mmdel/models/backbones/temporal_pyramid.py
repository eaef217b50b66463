"""The backbone of ActionFormer, TriDet and TemporalMaxer: an embedding by convolutions, then a pyramid of blocks.

After ActionFormer (Zhang et al. 2022, arXiv 2202.07925), TriDet (Shi et al. 2023, arXiv 2303.07347) and TemporalMaxer
(Tang et al. 2023, arXiv 2303.09055). Shapes: B videos, T steps, D channels, L levels, T_l = ceil(T / 2^l); ``mask`` is
bool, True = valid.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmdel.models.backbones.base import Pyramids, StreamBackbone, pyramid_reach
from mmdel.models.layers import ConvEmbedding, add_position, reaches_of
from mmdel.registry import MODELS
from mmdel.structures import StreamBatch


@MODELS.register_module()
class TemporalPyramidBackbone(StreamBackbone):
    """One pyramid, called 'joint', of all streams, which are concatenated.

    ::

        streams ─ cat ─ embedding ─ stem blocks ─┬─ block ─┬─ block ─┬─ …
                                              level 0   level 1   level 2

    Args:
        in_channels: See :class:`StreamBackbone`.
        block: Config of the block that makes level l > 0 from the level before, or a list with one for each level,
            that of level 0 being the stem's. ``dims`` and ``stride`` are filled in; a block maps (B, D, T), (B, T) to
            (B, D, ceil(T / stride)) and its mask.
        streams: See :class:`StreamBackbone`.
        embed_dims: Channels D.
        num_levels: Levels L; level l has stride 2^l.
        stem_block: Config of the stem's blocks, which do not stride; None = that of level 0.
        num_stem_convs: Convolutions of the embedding.
        num_stem_blocks: Blocks at full resolution.
        use_abs_pe: Whether a sinusoidal position code, divided by √D, is added to the embedding. It is the same code
            however long a video is: longer ones than in training keep the distances between steps that were learned.
        input_noise: Deviation of the noise that is added to the features while training.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If there is not one block for each level, or as :class:`StreamBackbone`.
    """

    def __init__(
        self,
        in_channels: dict[str, int],
        block: dict | Sequence[dict],
        streams: Sequence[str] | None = None,
        embed_dims: int = 512,
        num_levels: int = 6,
        stem_block: dict | None = None,
        num_stem_convs: int = 2,
        num_stem_blocks: int = 2,
        use_abs_pe: bool = False,
        input_noise: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(in_channels, streams, init_cfg)
        blocks = [block] * num_levels if isinstance(block, dict) else list(block)
        if len(blocks) != num_levels:
            raise ValueError(f'block must be one config or one for each of {num_levels} levels, got {len(blocks)}')
        self.out_channels = dict(joint=embed_dims)
        self.num_levels = num_levels
        self.use_abs_pe = use_abs_pe
        self.input_noise = input_noise
        self.embedding = ConvEmbedding(sum(self.in_channels.values()), embed_dims, num_stem_convs)

        def build(cfg: dict, stride: int) -> nn.Module:
            return MODELS.build(dict(**cfg, dims=embed_dims, stride=stride))

        self.stem = nn.ModuleList(build(stem_block or blocks[0], stride=1) for _ in range(num_stem_blocks))
        self.downs = nn.ModuleList(build(cfg, stride=2) for cfg in blocks[1:])

    @property
    def reach(self) -> tuple[int, ...] | None:
        """See :class:`StreamBackbone`."""
        return pyramid_reach(reaches_of([self.embedding, *self.stem]), reaches_of(self.downs))

    def extract(self, inputs: StreamBatch) -> tuple[Pyramids, tuple[Tensor, ...]]:
        """Streams (B, T, C_s) → the L levels (B, D, T_l) of the one pyramid, and their masks (B, T_l)."""
        x, mask = inputs.concat(self.streams).transpose(1, 2), inputs.mask
        if self.training and self.input_noise:
            x = x + self.input_noise * torch.randn_like(x)
        x = self.embedding(x, mask)
        if self.use_abs_pe:
            x = add_position(x)
        for block in self.stem:
            x, _ = block(x, mask)
        feats, masks = [x], [mask]
        for block in self.downs:
            x, mask = block(x, mask)
            feats.append(x)
            masks.append(mask)
        return dict(joint=tuple(feats)), tuple(masks)
