"""A feature pyramid neck over time: what the coarse levels know, passed down to the fine ones.

After FPN (Lin et al. 2017, arXiv 1612.03144) in one dimension, as an option of ActionFormer (Zhang et al. 2022, arXiv
2202.07925).
Shapes: B videos, S streams of D channels, L levels of T_l = ceil(T / 2^l) steps; ``mask`` is bool, True = valid.
"""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdel.models.layers import ChannelLayerNorm, MaskedConv1d, mask_steps
from mmdel.models.necks.identity import concat_streams
from mmdel.registry import MODELS


@MODELS.register_module()
class TemporalFPN(BaseModule):
    """Top-down pyramid: y_l = norm_l(conv_l(z_l)) with z_l = lateral_l(x_l) + up(z_{l+1}).

    Lateral convolutions are point-wise, those of the outputs depth-wise over three steps, none has a bias; ``up``
    repeats every step. The streams of a level are concatenated.

    Args:
        in_channels: Channels S·D of every level, those of all streams together.
        out_channels: Channels of every output level.
        num_levels: Levels L.
        init_cfg: As in mmengine.
    """

    def __init__(self, in_channels: int, out_channels: int, num_levels: int = 6, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.laterals = nn.ModuleList(MaskedConv1d(in_channels, out_channels, 1, bias=False) for _ in range(num_levels))
        self.convs = nn.ModuleList(
            MaskedConv1d(out_channels, out_channels, 3, groups=out_channels, bias=False) for _ in range(num_levels)
        )
        self.norms = nn.ModuleList(ChannelLayerNorm(out_channels) for _ in range(num_levels))

    def forward(
        self, feats: dict[str, tuple[Tensor, ...]], masks: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Streams of L levels (B, D, T_l), masks (B, T_l) → L levels (B, out_channels, T_l) and the masks."""
        levels = zip(self.laterals, concat_streams(feats), masks, strict=True)
        merged = [lateral(level, mask)[0] for lateral, level, mask in levels]
        for i in reversed(range(len(merged) - 1)):
            up = merged[i + 1].repeat_interleave(2, dim=2)[..., : merged[i].shape[2]]
            merged[i] = merged[i] + up
        out = []
        for conv, norm, x, mask in zip(self.convs, self.norms, merged, masks, strict=True):
            out.append(mask_steps(norm(conv(x, mask)[0]), mask))
        return tuple(out), masks
