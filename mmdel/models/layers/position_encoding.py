"""Position codes: sinusoidal (Vaswani et al. 2017), for any length, and learned, for lengths up to its own.

Shapes: B videos, S streams, T steps, C channels.
"""

import math

import torch
from torch import Tensor, nn

from mmdel.utils.errors import UserInputError


def sinusoidal_encoding(num_steps: int, dims: int, device: torch.device | None = None) -> Tensor:
    """Position code (num_steps, dims), float32: sines in the first half of the channels, cosines in the second.

    Channel pair i has wavelength ``2π · 10000^(2i / dims)`` steps.

    Raises:
        ValueError: If ``dims`` is odd.
    """
    if dims % 2:
        raise ValueError(f'dims of a position code must be even, got {dims}')
    exponent = torch.arange(0, dims, 2, device=device, dtype=torch.float32) / dims
    angles = torch.arange(num_steps, device=device, dtype=torch.float32)[:, None] * torch.exp(
        -math.log(10000.0) * exponent
    )
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def add_position(x: Tensor) -> Tensor:
    """``x`` (B, C, T) with the sinusoidal code over √C added, as in ActionFormer (Zhang et al. 2022), for any T."""
    dims, num_steps = x.shape[1:]
    return x + (sinusoidal_encoding(num_steps, dims, x.device) * dims**-0.5).T.to(x.dtype)


class LearnedPosition(nn.Module):
    """A learned vector for each token of each stream, the [CLS] token first, which is added to it.

    It starts as a truncated normal of deviation 0.02. What lies behind the last step was never learned and is refused:
    stretched over a longer video, the code would say other distances than in training.

    Args:
        num_streams: Streams S.
        max_steps: Steps T that have a vector.
        dims: Channels C.
    """

    def __init__(self, num_streams: int, max_steps: int, dims: int) -> None:
        super().__init__()
        self.table = nn.Parameter(nn.init.trunc_normal_(torch.empty(num_streams, 1 + max_steps, dims), std=0.02))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, S, 1 + T, C) → the same shape.

        Raises:
            UserInputError: If T is more than ``max_steps``.
        """
        num_tokens, known = tokens.shape[2], self.table.shape[1]
        if num_tokens > known:
            raise UserInputError(
                f'{num_tokens - 1} steps in one piece, and the learned position code has {known - 1}: set '
                f'backbone.max_steps to the longest training input, and model.test_cfg=dict(window={known - 1}) to '
                'test longer videos in windows'
            )
        return tokens + self.table[:, :num_tokens].to(tokens.dtype)
