"""The neck that concatenates: each level's streams side by side, with a norm or without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.models.layers import mask_steps
from mmdel.registry import MODELS


def concat_streams(feats: dict[str, tuple[Tensor, ...]], names: Iterable[str]) -> list[Tensor]:
    """Streams of L levels (B, D_s, T_l) → L levels (B, ΣD_s, T_l), the named streams in this order."""
    return [torch.cat(levels, dim=1) for levels in zip(*(feats[name] for name in names), strict=True)]


@MODELS.register_module()
class ConcatNeck(BaseModule):
    """Concatenates the streams of each level along the channels and, if asked to, normalises each level.

    Args:
        in_channels: Channels of each stream by its name, in the order of concatenation.
        num_levels: Levels L, each with a norm of its own.
        norm: Config of the norm, e.g. ``dict(type='mmdel.ChannelLayerNorm')``; ``num_channels`` is filled in, and it
            maps (B, C, T), (B, T) to (B, C, T). None = no norm.
        init_cfg: As in mmengine.

    Attributes:
        out_channels: Channels of every level, those of all streams together.
    """

    def __init__(
        self, in_channels: dict[str, int], num_levels: int, norm: dict | None = None, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.streams = tuple(in_channels)
        self.out_channels = sum(in_channels.values())
        self.norms = None
        if norm is not None:
            cfg = dict(**norm, num_channels=self.out_channels)
            self.norms = nn.ModuleList(MODELS.build(cfg) for _ in range(num_levels))

    def widen(self, reaches: Sequence[int]) -> tuple[int, ...]:
        """How far the outputs see if the inputs see so far: as far; a norm's statistics do not count."""
        return tuple(reaches)

    def forward(
        self, feats: dict[str, tuple[Tensor, ...]], masks: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Streams of L levels (B, D_s, T_l), masks (B, T_l) → L levels (B, ΣD_s, T_l), and the masks.

        With a norm, the levels are zero at invalid steps; without, they are there what the streams are.
        """
        levels = concat_streams(feats, self.streams)
        if self.norms is not None:
            normed = zip(self.norms, levels, masks, strict=True)
            levels = [mask_steps(norm(level, mask), mask) for norm, level, mask in normed]
        return tuple(levels), masks
