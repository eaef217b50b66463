"""Cutting a sequence into blocks, so that attention in a window costs O(T · window) and not O(T²).

A block of ``size`` queries sees the keys from ``reach`` steps before its first to ``reach`` steps after its last
query: K = ``size + 2·reach`` keys, of which each query uses those at most ``reach`` away. Without a window there is one
block and it holds every key. N is the number of sequences, n the number of blocks of each. Blocks join N and are no
dimension of their own, so that a compiled model need not know whether there is one or several.
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


def near_steps(x: Tensor, num_steps: int, reach: int) -> Tensor:
    """(N, T, …, C) → (N, T, 2·reach + 1, …, C), for each step those around it; zeros (False) beyond the ends.

    ``num_steps``, T, is given, since that of a tensor whose dimensions were split is a constant of an exported graph.
    """
    padded = F.pad(x, [0, 0] * (x.dim() - 2) + [reach, reach])
    return torch.stack([padded.narrow(1, offset, num_steps) for offset in range(2 * reach + 1)], dim=2)


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

        What is compiled or exported is cut in blocks also if the window holds all, so that it is good for every length.

        Raises:
            ValueError: If ``window`` is even or not positive.
        """
        check_window(window)
        is_traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
        if window is None or (not is_traced and window // 2 >= num_steps - 1):
            return cls(num_steps, 1, num_steps, 0, is_global=True)
        reach = window // 2
        size = max(2 * reach, MIN_BLOCK)
        # At least 2·reach steps lie behind the end: no query of the last block is near the keys that it wraps to.
        return cls(num_steps, (num_steps + 2 * reach + size - 1) // size, size, reach, is_global=False)

    def queries(self, x: Tensor) -> Tensor:
        """(N, T, …) → (N·n, size, …), zeros behind the end."""
        return self._blocks(x, 0)

    def keys(self, x: Tensor) -> Tensor:
        """(N, T, …) → (N·n, K, …), zeros (False) before and behind the sequence.

        Behind the last block lie the first keys of the next sequence, further than ``reach`` from every query.
        """
        here = self._blocks(x, self.reach)
        # Blocks overlap by 2·reach, so a block is a whole stretch of `size` and the beginning of what follows. The
        # gradient of this is cheap, where that of `unfold` is a scatter.
        return torch.cat([here, here[:, : 2 * self.reach].roll(-1, 0)], dim=1) if self.reach else here

    def merge(self, x: Tensor) -> Tensor:
        """(N·n, size, …) → (N, T, …): the inverse of :meth:`queries`."""
        if self.is_global:
            return x
        x = x.reshape(x.shape[0] // self.num, self.num * self.size, *x.shape[2:])
        return x.narrow(1, 0, self.num_steps)

    def visible(self, mask: Tensor) -> Tensor:
        """Key mask (N, T) → (N·n, size, K): valid and no further than ``reach`` from the query; global: (N, 1, T)."""
        valid = self.keys(mask)[:, None]
        return valid if self.is_global else valid & (self._offsets(mask.device).abs() <= self.reach)

    def visible_sides(self, mask: Tensor) -> Tensor:
        """Key mask (N, T) → (N·n, 2, size, K): what is visible up to the query, and from it on; K = T if global."""
        offsets = self._offsets(mask.device)
        return self.visible(mask)[:, None] & torch.stack([offsets <= 0, offsets >= 0])

    def _offsets(self, device: torch.device) -> Tensor:
        """By how many steps each key of a block lies behind each of its queries, (size, K)."""
        query = torch.arange(self.size, device=device)[:, None] + self.reach
        return torch.arange(self.size + 2 * self.reach, device=device) - query

    def _blocks(self, x: Tensor, front: int) -> Tensor:
        """(N, T, …) behind ``front`` zeros → (N·n, size, …)."""
        if self.is_global:
            return x
        total = self.num * self.size
        x = F.pad(x, [0, 0] * (x.dim() - 2) + [front, total - self.num_steps - front])
        return x.reshape(x.shape[0] * self.num, self.size, *x.shape[2:])
