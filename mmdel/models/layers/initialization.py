"""How layers start."""

from __future__ import annotations

import torch
from torch import nn


def zero_biases(module: nn.Module) -> None:
    """Sets the bias of every linear map and convolution inside ``module`` to zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv1d) and part.bias is not None:
            nn.init.zeros_(part.bias)


def start_as_binomial(conv: nn.Conv1d) -> None:
    """Makes a depth-wise convolution over three steps the binomial filter (¼, ½, ¼) without a bias.

    With a stride of 2 it is the usual step of a pyramid (Burt and Adelson 1983): a smoothed, sub-sampled copy.
    """
    assert conv.kernel_size == (3,) and conv.groups == conv.in_channels == conv.out_channels, 'depth-wise, over 3 steps'
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([0.25, 0.5, 0.25]))
    zero_biases(conv)
