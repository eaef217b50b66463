"""The neck that is none: each level's streams side by side."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmdel.registry import MODELS


@MODELS.register_module()
class IdentityNeck(BaseModule):
    """Concatenates the streams of each level along the channels and changes nothing else."""

    def forward(
        self, feats: dict[str, tuple[Tensor, ...]], masks: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Streams of L levels (B, D, T_l), masks (B, T_l) → L levels (B, S·D, T_l) of the S streams, and the masks."""
        return tuple(torch.cat(levels, dim=1) for levels in zip(*feats.values(), strict=True)), masks
