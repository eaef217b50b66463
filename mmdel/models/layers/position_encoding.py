"""Sinusoidal position code (Vaswani et al. 2017), for any length."""

import math

import torch
from torch import Tensor


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
