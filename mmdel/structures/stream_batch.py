"""What a model reads: the padded streams of a batch of videos, and which of their steps are valid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class StreamBatch(NamedTuple):
    """The streams of B videos of up to T steps, on one grid.

    Attributes:
        streams: Features (B, T, C_s) of each stream by its name; at invalid steps they may be anything.
        mask: Valid steps (B, T) bool, True = valid.
    """

    streams: dict[str, Tensor]
    mask: Tensor

    def concat(self, names: Sequence[str]) -> Tensor:
        """The named streams side by side, in this order: (B, T, ΣC_s)."""
        return torch.cat([self.streams[name] for name in names], dim=-1)
