"""A long video in windows, searched as its steps come in.

k new steps, W steps of a window, n windows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mmdel.runtime.onnx_settings import Windows
from mmdel.runtime.suppression import Candidates

# Windows of streams (n, W, C_s), their mask and their own steps (n, W) → the candidates of each.
Find = Callable[[dict[str, np.ndarray], np.ndarray, np.ndarray], list[Candidates]]
NUM_AT_ONCE = 8


class WindowStream:
    """The candidates of a video of any length, with no more than a few windows of it in memory.

    Each step belongs to one window: of a window's steps, the first ``margin`` are the one's before, and those from
    ``margin + stride`` on are the next one's. A window is the last one if no step follows it.

    Args:
        windows: How the video is cut.
        find: The model.
    """

    def __init__(self, windows: Windows, find: Find) -> None:
        self.windows, self.find = windows, find
        self.num_steps = 0
        self._place = 0  # of the window that begins with the first step that is held
        self._held: dict[str, np.ndarray] = {}
        self._found: list[Candidates] = []

    def push(self, streams: Mapping[str, np.ndarray]) -> None:
        """The next steps of every stream, (k, C_s) each."""
        self._held = {name: np.concatenate([self._held[name], x]) if self._held else x for name, x in streams.items()}
        self.num_steps += len(next(iter(streams.values())))
        while self._num_whole() >= NUM_AT_ONCE:
            self._search(NUM_AT_ONCE)

    def finish(self) -> Candidates:
        """The candidates of the video, in grid steps."""
        while (num_whole := self._num_whole()) > 0:
            self._search(min(num_whole, NUM_AT_ONCE))
        self._search(1, is_last=True)
        return Candidates(*map(np.concatenate, zip(*self._found, strict=True)))

    def _num_whole(self) -> int:
        """How many windows are there behind which another step is."""
        num_behind = self.num_steps - self._place * self.windows.stride - self.windows.length
        return max(-(-num_behind // self.windows.stride), 0)

    def _search(self, num: int, is_last: bool = False) -> None:
        """Searches so many windows, and forgets the steps that no later one has."""
        length, stride, margin = self.windows.length, self.windows.stride, self.windows.margin
        needed = (num - 1) * stride + length
        num_held = min(len(next(iter(self._held.values()))), needed)
        streams = {}
        for name, held in self._held.items():
            padded = np.concatenate([held[:needed], np.zeros((needed - num_held, held.shape[1]), held.dtype)])
            cut = sliding_window_view(padded, length, axis=0)[::stride]  # (n, C, W)
            streams[name] = np.ascontiguousarray(cut.transpose(0, 2, 1))
        mask = sliding_window_view(np.arange(needed) < num_held, length)[::stride]
        places, steps = np.arange(self._place, self._place + num)[:, None], np.arange(length)
        own = ((steps >= margin) | (places == 0)) & ((steps < margin + stride) | is_last)
        found = self.find(streams, mask, own & mask)
        self._found += [
            x._replace(segments=x.segments + place * stride) for x, (place,) in zip(found, places, strict=True)
        ]
        self._held = {name: x[num * stride :] for name, x in self._held.items()}
        self._place += num
