"""TemporalMaxer's backbone: an embedding by convolutions, then a pyramid of nothing but max pooling.

After TemporalMaxer (Tang et al. 2023, arXiv 2303.09055). Shapes: B videos, T steps, D channels, L levels,
T_l = ceil(T / 2^l); ``mask`` is bool, True = valid.
"""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmdel.models.layers import ConvEmbedding, masked_max_pool
from mmdel.registry import MODELS


@MODELS.register_module()
class TemporalMaxerBackbone(BaseModule):
    """One pyramid for all streams, which are concatenated; a level is the maximum of three steps of the one before.

    Args:
        in_channels: Feature channels of each stream by its name, e.g. ``dict(visual=2048)``.
        embed_dims: Channels D.
        num_levels: Levels L; level l has stride 2^l.
        num_convs: Convolutions of the embedding.
        init_cfg: As in mmengine.
    """

    def __init__(
        self,
        in_channels: dict[str, int],
        embed_dims: int = 512,
        num_levels: int = 6,
        num_convs: int = 2,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.names = list(in_channels)
        self.num_levels = num_levels
        self.embedding = ConvEmbedding(sum(in_channels.values()), embed_dims, num_convs)

    def forward(self, inputs: dict[str, Tensor]) -> tuple[dict[str, tuple[Tensor, ...]], tuple[Tensor, ...]]:
        """Streams (B, T, C_s) and ``inputs['mask']`` (B, T) → levels and masks.

        Returns:
            Under the name 'joint' the L levels (B, D, T_l), with zeros at invalid steps; the L masks (B, T_l).
        """
        x = torch.cat([inputs[name] for name in self.names], dim=-1).transpose(1, 2)
        feats, masks = [self.embedding(x, inputs['mask'])], [inputs['mask']]
        for _ in range(self.num_levels - 1):
            x, mask = masked_max_pool(feats[-1], masks[-1], stride=2)
            feats.append(x)
            masks.append(mask)
        return dict(joint=tuple(feats)), tuple(masks)
