"""Group normalisation over the valid steps alone."""

from __future__ import annotations

from torch import Tensor, nn

from mmdel.registry import MODELS


@MODELS.register_module()
class MaskedGroupNorm(nn.GroupNorm):
    """``nn.GroupNorm`` over (B, C, T) whose statistics leave out invalid steps, so that padding has no influence.

    Args:
        num_channels: Channels C.
        num_groups: Groups G of channels that are normalised together; must divide C.
        affine: Whether each channel has a learned scale and bias.
    """

    def __init__(self, num_channels: int, num_groups: int, affine: bool = True) -> None:
        super().__init__(num_groups, num_channels, affine=affine)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]  # a mask, too
        """(B, C, T), (B, T) → (B, C, T); invalid steps carry arbitrary finite values."""
        groups = x.float().unflatten(1, (self.num_groups, -1))  # (B, G, C / G, T)
        valid = mask[:, None, None].to(groups.dtype)
        count = valid.sum((2, 3), keepdim=True).clamp(min=1) * groups.shape[2]
        mean = (groups * valid).sum((2, 3), keepdim=True) / count
        centred = groups - mean
        variance = (centred.square() * valid).sum((2, 3), keepdim=True) / count
        normed = (centred * (variance + self.eps).rsqrt()).flatten(1, 2).to(x.dtype)
        return normed * self.weight[:, None] + self.bias[:, None] if self.affine else normed
