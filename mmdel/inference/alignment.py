"""Streams of different rates put on one grid while their steps come in, as ``AlignStreams`` does with whole ones.

Shapes: T_s steps and C_s channels of stream s; k steps of a block.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmdel.datasets.feature_store import as_float32
from mmdel.datasets.transforms.aligning import interpolate, positions
from mmdel.structures import FeatureGrid

Block = dict[str, np.ndarray]  # the next steps of each stream, (k_s, C_s); k_s may differ, and be 0


class StreamAligner:
    """Takes blocks of every stream on its own grid, and gives those of the common one, step by step the same.

    A step of the common grid comes out when every stream has what is at its time. What no later step needs is dropped.

    Args:
        grids: The grid of each stream.
        reference: The stream whose grid and length are the common ones.
        mode: As of :class:`mmdel.datasets.transforms.AlignStreams`.
    """

    def __init__(self, grids: Mapping[str, FeatureGrid], reference: str, mode: str = 'linear') -> None:
        self.grids, self.reference, self.mode = grids, reference, mode
        self.num_steps = 0  # that have come out
        self._held: Block = {}
        self._first = dict.fromkeys(grids, 0)  # the step that a stream's first row held is

    def push(self, block: Block) -> Block:
        """The steps that are complete now, (k, C_s) float32 of every stream, k >= 0."""
        self._hold(block)
        steps = self._pending()
        ready = len(steps)
        for name in self.grids:
            if name != self.reference:
                received = self._first[name] + len(self._held[name])
                position = positions(self.grids[name], self.grids[self.reference], steps).clip(min=0)
                ready = min(ready, int(np.searchsorted(position, received - 1, side='right')) if received else 0)
        return self._take(steps[:ready])

    def finish(self) -> Block:
        """The steps that are left; where a stream has ended, its last value is held."""
        return self._take(self._pending())

    def _hold(self, block: Block) -> None:
        for name, rows in block.items():
            held = self._held.get(name)
            self._held[name] = as_float32(rows) if held is None else np.concatenate([held, as_float32(rows)])

    def _pending(self) -> np.ndarray:
        """The steps of the common grid that are held."""
        first = self._first[self.reference]
        return np.arange(first, first + len(self._held[self.reference]))

    def _take(self, steps: np.ndarray) -> Block:
        """Gives these steps, the first that are held, and drops what is behind them."""
        taken = {}
        for name, held in self._held.items():
            if name == self.reference:
                taken[name], dropped = held[: len(steps)], len(steps)
            else:
                end = self._first[name] + len(held) - 1
                place = positions(self.grids[name], self.grids[self.reference], np.append(steps, self.num_steps))
                place = place.clip(0, end)
                taken[name] = interpolate(held, place[: len(steps)], self.mode, self._first[name])
                dropped = int(place[-2]) - self._first[name] if len(steps) else 0
            self._held[name] = held[dropped:]
            self._first[name] += dropped
        self.num_steps += len(steps)
        return taken
