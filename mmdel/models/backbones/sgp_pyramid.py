"""TriDet's backbone: an embedding by convolutions, then a pyramid of scalable-granularity perception (SGP) blocks.

Formulas: TriDet (Shi et al. 2023, arXiv 2303.07347). Shapes: B videos, T steps, D channels, L levels,
T_l = ceil(T / 2^l); ``mask`` is bool, True = valid.
"""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.models.layers import ConvEmbedding, SGPBlock
from mmdel.registry import MODELS


@MODELS.register_module()
class SGPBackbone(BaseModule):
    """One pyramid for all streams, which are concatenated: convolutions, stem blocks, and a strided block per level.

    Args:
        in_channels: Feature channels of each stream by its name, e.g. ``dict(visual=2048)``.
        embed_dims: Channels D, a multiple of 16.
        num_levels: Levels L; level l has stride 2^l.
        kernel_size: Odd number of steps of the narrow window in the strided blocks; in the stem it is 1.
        k: How much wider the wide window is.
        num_stem_convs: Convolutions of the embedding.
        num_stem_blocks: SGP blocks at full resolution.
        mlp_ratio: Hidden channels of the MLPs in units of D.
        input_noise: Deviation of the noise that is added to the features while training.
        drop_path: Probability of skipping a residual branch of a level for a whole video while training.
        init_std: Deviation of the SGP layers' weights at the start.
        init_cfg: As in mmengine.
    """

    def __init__(
        self,
        in_channels: dict[str, int],
        embed_dims: int = 512,
        num_levels: int = 6,
        kernel_size: int = 1,
        k: float = 5.0,
        num_stem_convs: int = 2,
        num_stem_blocks: int = 2,
        mlp_ratio: float = 1.5,
        input_noise: float = 0.0,
        drop_path: float = 0.1,
        init_std: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.names = list(in_channels)
        self.input_noise = input_noise
        self.embedding = ConvEmbedding(sum(in_channels.values()), embed_dims, num_stem_convs)
        sgp = dict(k=k, mlp_ratio=mlp_ratio, init_std=init_std)
        self.stem = nn.ModuleList(SGPBlock(embed_dims, **sgp) for _ in range(num_stem_blocks))
        self.downs = nn.ModuleList(
            SGPBlock(embed_dims, kernel_size, stride=2, drop_path=drop_path, **sgp) for _ in range(num_levels - 1)
        )

    def forward(self, inputs: dict[str, Tensor]) -> tuple[dict[str, tuple[Tensor, ...]], tuple[Tensor, ...]]:
        """Streams (B, T, C_s) and ``inputs['mask']`` (B, T) → levels and masks.

        Returns:
            Under the name 'joint' the L levels (B, D, T_l), with zeros at invalid steps; the L masks (B, T_l).
        """
        mask = inputs['mask']
        x = torch.cat([inputs[name] for name in self.names], dim=-1).transpose(1, 2)
        if self.training and self.input_noise:
            x = x + self.input_noise * torch.randn_like(x)
        x = self.embedding(x, mask)
        for block in self.stem:
            x, _ = block(x, mask)
        feats, masks = [x], [mask]
        for block in self.downs:
            x, mask = block(x, mask)
            feats.append(x)
            masks.append(mask)
        return dict(joint=tuple(feats)), tuple(masks)
