"""Layer normalisation over the channels of (B, C, T)."""

from __future__ import annotations

from torch import Tensor, nn

from mmdel.registry import MODELS


@MODELS.register_module()
class ChannelLayerNorm(nn.LayerNorm):
    """``nn.LayerNorm`` over the channel axis of (B, C, T), each step on its own, so that padding has no influence.

    Args:
        num_channels: Channels C.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]  # a mask, too
        """(B, C, T), (B, T) → (B, C, T); invalid steps carry arbitrary finite values."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)
