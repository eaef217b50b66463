"""Cutting a sequence into blocks, so that attention in a window costs O(T · window) and not O(T²).

A block of ``size`` queries sees the keys from ``reach`` steps before its first to ``reach`` steps after its last
query: ``size + 2·reach`` keys, of which each query uses those at most ``reach`` away. Without a window there is one
block and it holds every key. N is any leading dimension (batch, heads), n the number of blocks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIN_BLOCK = 16  # smaller blocks make more, and more wasteful, small matrix products


def check_window(window: int | None) -> int | None:
    """``window`` itself, if it is a positive odd number of steps or None (all).

    Raises:
        ValueError: If it is neither.
    """
    if window is not None and (window < 1 or window % 2 == 0):
        raise ValueError(f'an attention window must be a positive odd number of steps or None, got {window}')
    return window


def reach_of(window: int | None) -> int | None:
    """How many steps to either side the attention window shows; None = all."""
    return None if window is None else window // 2


def reaches_of(parts: Iterable[nn.Module]) -> list[int | None]:
    """The ``reach`` of each part; None for one that does not tell."""
    return [getattr(part, 'reach', None) for part in parts]


def sum_reaches(reaches: Iterable[int | None]) -> int | None:
    """How far parts see one behind the other; None = all steps."""
    total = 0
    for reach in reaches:
        if reach is None:
            return None
        total += reach
    return total


@dataclass(frozen=True)
class TimeBlocks:
    """How a sequence of ``num_steps`` is cut: ``num`` blocks of ``size`` queries that look ``reach`` steps around.

    Build it with :meth:`cut`.
    """

    num_steps: int
    num: int
    size: int
    reach: int
    is_global: bool

    @classmethod
    def cut(cls, num_steps: int, window: int | None) -> TimeBlocks:
        """Blocks for attention to the ``window`` (odd) steps centred on the query; None, or no less than all, = global.

        Raises:
            ValueError: If ``window`` is even or not positive.
        """
        check_window(window)
        if window is None or window // 2 >= num_steps - 1:
            return cls(num_steps, 1, num_steps, 0, is_global=True)
        size = max(2 * (window // 2), MIN_BLOCK)
        return cls(num_steps, -(-num_steps // size), size, window // 2, is_global=False)

    def queries(self, x: Tensor) -> Tensor:
        """(N, T, …) → (N, n, size, …), zeros behind the end."""
        x = self._pad(x, 0, self.num * self.size - self.num_steps)
        return x.unflatten(1, (self.num, self.size))

    def keys(self, x: Tensor) -> Tensor:
        """(N, T, …) → (N, n, size + 2·reach, …), zeros (False) outside the sequence."""
        if self.reach == 0:
            return self.queries(x)
        # Blocks overlap by 2·reach, so a block is a whole stretch of `size` and the beginning of what follows. Made of
        # two plain slices: their gradient is cheap, where that of `unfold` is a scatter.
        total = self.num * self.size
        x = self._pad(x, self.reach, total + 2 * self.reach - self.num_steps - self.reach)
        here = x[:, :total].unflatten(1, (self.num, self.size))
        behind = self._pad(x[:, self.size :], 0, max(0, self.size - 2 * self.reach))
        behind = behind[:, :total].unflatten(1, (self.num, self.size))[:, :, : 2 * self.reach]
        return torch.cat([here, behind], dim=2)

    def merge(self, x: Tensor) -> Tensor:
        """(N, n, size, …) → (N, T, …): the inverse of :meth:`queries`."""
        return x.flatten(1, 2)[:, : self.num_steps]

    def visible(self, mask: Tensor) -> Tensor:
        """Key mask (N, T) → (N, n, size, size + 2·reach): valid and no further than ``reach`` from the query."""
        valid = self.keys(mask)[:, :, None]
        if self.is_global:
            return valid.expand(-1, -1, self.size, -1)
        query = torch.arange(self.size, device=mask.device)[:, None] + self.reach
        key = torch.arange(self.size + 2 * self.reach, device=mask.device)
        return valid & ((query - key).abs() <= self.reach)

    @staticmethod
    def _pad(x: Tensor, front: int, back: int) -> Tensor:
        if front == back == 0:
            return x
        return F.pad(x, [0, 0] * (x.dim() - 2) + [front, back])
