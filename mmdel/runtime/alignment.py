"""Streams of different rates put on one grid while their steps come in, as ``AlignStreams`` does with whole ones.

Shapes: T_s steps and C_s channels of stream s; k steps of a block.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmdel.structures.feature_grid import FeatureGrid, interpolate

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
        ready = len(self._held[self.reference])
        for name in self.grids.keys() - {self.reference}:
            received = self._first[name] + len(self._held[name])
            places = self._places(name, ready).clip(min=0)
            ready = int(np.searchsorted(places[:-1], received - 1, side='right')) if received else 0
        return self._take(ready)

    def finish(self) -> Block:
        """The steps that are left; where a stream has ended, its last value is held."""
        return self._take(len(self._held[self.reference]))

    def _hold(self, block: Block) -> None:
        for name, rows in block.items():
            held, new = self._held.get(name), rows.astype(np.float32, copy=False)
            self._held[name] = new if held is None else np.concatenate([held, new])

    def _places(self, name: str, num: int) -> np.ndarray:
        """Where the next ``num`` steps of the common grid lie on a stream's own, and the one after them."""
        return self.grids[name].positions(self.grids[self.reference], self.num_steps, self.num_steps + num + 1)

    def _take(self, num: int) -> Block:
        """Gives so many steps, and drops what is behind them."""
        taken = {}
        for name, held in self._held.items():
            if name == self.reference:
                taken[name], dropped = held[:num], num
            else:
                first = self._first[name]
                places = self._places(name, num).clip(first, first + max(len(held) - 1, 0))
                if self.mode == 'nearest':
                    taken[name] = held[np.rint(places[:-1]).astype(np.int64) - first]
                else:
                    taken[name] = interpolate(held, places[:-1] - first)
                dropped = int(places[-1]) - first
            self._held[name] = held[dropped:]
            self._first[name] += dropped
        self.num_steps += num
        return taken
