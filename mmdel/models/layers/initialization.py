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


def start_as_truncated_normal(module: nn.Module, std: float = 0.02) -> None:
    """Gives every linear map inside ``module`` weights of a normal distribution cut at ±2, and a bias of zero.

    As in BERT (Devlin et al. 2019, arXiv 1810.04805) and ViT; at this deviation nothing lies near the cut.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=std)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
