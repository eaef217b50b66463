"""The neck that is none: each level's streams side by side."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.models.layers import ChannelLayerNorm, MaskedGroupNorm, mask_steps
from mmdel.registry import MODELS


def concat_streams(feats: dict[str, tuple[Tensor, ...]]) -> list[Tensor]:
    """S streams of L levels (B, D, T_l) → L levels (B, S·D, T_l)."""
    return [torch.cat(levels, dim=1) for levels in zip(*feats.values(), strict=True)]


@MODELS.register_module()
class IdentityNeck(BaseModule):
    """Concatenates the streams of each level along the channels and, at most, normalises them.

    Args:
        in_channels: Channels of a level, those of all streams together, for a layer norm of its own on each level;
            None = no norm, for any channels.
        num_levels: Levels L that have a norm.
        num_groups: Groups of a group norm over the valid steps, without parameters, in the layer norm's place.
        init_cfg: As in mmengine.
    """

    def __init__(
        self,
        in_channels: int | None = None,
        num_levels: int = 6,
        num_groups: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.over_steps = num_groups is not None

        def norm() -> nn.Module:
            if num_groups is None:
                return ChannelLayerNorm(in_channels)
            return MaskedGroupNorm(num_groups, in_channels, affine=False)

        self.norms = None if in_channels is None else nn.ModuleList(norm() for _ in range(num_levels))

    def forward(
        self, feats: dict[str, tuple[Tensor, ...]], masks: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Streams of L levels (B, D, T_l), masks (B, T_l) → L levels (B, S·D, T_l) of the S streams, and the masks."""
        levels = concat_streams(feats)
        if self.norms is not None:
            normed = zip(self.norms, levels, masks, strict=True)
            levels = [
                mask_steps(norm(level, mask) if self.over_steps else norm(level), mask) for norm, level, mask in normed
            ]
        return tuple(levels), masks
