"""ActionFormer's backbone: an embedding by convolutions, then a pyramid of transformer blocks in local windows.

Formulas: ActionFormer (Zhang et al. 2022, arXiv 2202.07925). Shapes: B videos, T steps, D channels, L levels,
T_l = ceil(T / 2^l); ``mask`` is bool, True = valid.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.models.layers import ConvEmbedding, ConvTransformerBlock, add_position
from mmdel.registry import MODELS


@MODELS.register_module()
class ActionFormerBackbone(BaseModule):
    """One pyramid for all streams, which are concatenated: convolutions, stem blocks, and a strided block per level.

    Args:
        in_channels: Feature channels of each stream by its name, e.g. ``dict(visual=2048)``.
        embed_dims: Channels D.
        num_levels: Levels L; level l has stride 2^l.
        attn_window: Odd number of steps of its own level that the attention sees, −1 = all; one for all levels or one
            for each.
        num_heads: Heads of every attention.
        num_stem_convs: Convolutions of the embedding.
        num_stem_blocks: Transformer blocks at full resolution.
        use_abs_pe: Whether a sinusoidal position code, divided by √D, is added to the embedding. It is the same code
            however long a video is: longer ones than in training keep the distances between steps that were learned.
        mlp_ratio: Hidden channels of the MLPs in units of D.
        drop_path: Probability of skipping a residual branch for a whole video while training.
        dropout: Dropout after every attention and inside the MLPs.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If there is not one window for each level, or a window is not odd.
    """

    def __init__(
        self,
        in_channels: dict[str, int],
        embed_dims: int = 512,
        num_levels: int = 6,
        attn_window: int | Sequence[int] = 19,
        num_heads: int = 4,
        num_stem_convs: int = 2,
        num_stem_blocks: int = 2,
        use_abs_pe: bool = False,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.1,
        dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        windows = [attn_window] * num_levels if isinstance(attn_window, int) else list(attn_window)
        if len(windows) != num_levels:
            raise ValueError(f'attn_window must be one number or one for each of {num_levels} levels, got {windows}')
        self.names = list(in_channels)
        self.use_abs_pe = use_abs_pe
        self.embedding = ConvEmbedding(sum(in_channels.values()), embed_dims, num_stem_convs)

        def block(window: int, stride: int) -> ConvTransformerBlock:
            return ConvTransformerBlock(
                embed_dims,
                num_heads,
                None if window == -1 else window,
                stride,
                mlp_ratio=mlp_ratio,
                drop_path=drop_path,
                dropout=dropout,
            )

        self.stem = nn.ModuleList(block(windows[0], stride=1) for _ in range(num_stem_blocks))
        self.downs = nn.ModuleList(block(window, stride=2) for window in windows[1:])

    def forward(self, inputs: dict[str, Tensor]) -> tuple[dict[str, tuple[Tensor, ...]], tuple[Tensor, ...]]:
        """Streams (B, T, C_s) and ``inputs['mask']`` (B, T) → levels and masks.

        Returns:
            Under the name 'joint' the L levels (B, D, T_l), with zeros at invalid steps; the L masks (B, T_l).
        """
        mask = inputs['mask']
        x = torch.cat([inputs[name] for name in self.names], dim=-1).transpose(1, 2)
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
