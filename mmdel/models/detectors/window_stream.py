"""A video of any length whose steps come bit by bit: each window is searched as soon as it is there.

Shapes: k new steps, W steps of a window, n windows at once, K candidates.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdel.models.detectors.sliding_window import Candidates, Find, SlidingWindow, keep_best
from mmdel.structures import StreamBatch


class WindowStream:
    """What :class:`SlidingWindow` gives for a whole video, with no more than a few windows of it in memory.

    A window is the last one if no step follows it, so each is searched when the first step behind it has come, or
    with ``batch_size`` windows at once.

    Args:
        sliding: The windows.
        find: As :class:`SlidingWindow` calls it.
        max_num: Most candidates of the video, and the most that are held.
    """

    def __init__(self, sliding: SlidingWindow, find: Find, max_num: int) -> None:
        self.sliding, self.find, self.max_num = sliding, find, max_num
        self.num_steps = 0
        self._place = 0  # of the window that begins with the first step that is held
        self._held: dict[str, Tensor] = {}
        self._best: list[Tensor] = []

    def push(self, streams: Mapping[str, Tensor]) -> None:
        """The next steps of every stream, (k, C_s) each."""
        self._held = {name: torch.cat([self._held[name], x]) if self._held else x for name, x in streams.items()}
        self.num_steps += len(next(iter(streams.values())))
        while self._num_whole() >= self.sliding.batch_size:
            self._search(self.sliding.batch_size)

    def finish(self) -> Candidates:
        """The candidates of the video: ``segments`` (1, K, 2) in grid steps, ``scores`` (1, K), ``labels`` (1, K)."""
        while (num_whole := self._num_whole()) > 0:
            self._search(min(num_whole, self.sliding.batch_size))
        self._search(1, is_last=True)
        segments, scores, labels = self._best
        return segments, scores, labels

    def _num_whole(self) -> int:
        """How many windows are there behind which another step is."""
        num_behind = self.num_steps - self._place * self.sliding.step - self.sliding.window
        return max(-(-num_behind // self.sliding.step), 0)

    def _search(self, num: int, is_last: bool = False) -> None:
        """Searches so many windows, and forgets the steps that no later one has."""
        sliding, device = self.sliding, next(iter(self._held.values())).device
        length = (num - 1) * sliding.step + sliding.window
        lacking = max(length - len(next(iter(self._held.values()))), 0)
        streams = {
            name: F.pad(x[:length], (0, 0, 0, lacking)).unfold(0, sliding.window, sliding.step).transpose(1, 2)
            for name, x in self._held.items()
        }
        mask = (torch.arange(length, device=device) < length - lacking).unfold(0, sliding.window, sliding.step)
        places = torch.arange(self._place, self._place + num, device=device)
        own = sliding.own_steps(places == 0, torch.full_like(places, is_last, dtype=torch.bool))
        segments, scores, labels = self.find(StreamBatch(streams, mask), own)
        segments = segments + (places * sliding.step)[:, None, None]
        self._best = keep_best(self._best, [x.flatten(0, 1)[None] for x in (segments, scores, labels)], self.max_num)
        self._held = {name: x[num * sliding.step :] for name, x in self._held.items()}
        self._place += num
