"""A video of any length whose steps come bit by bit: each window is searched as soon as it is there.

Shapes: k new steps, T_l = ceil(T / 2^l) steps of level l of a window of T, n windows at once, K candidates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import torch
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmdel.models.detectors.sliding_window import Cut, SlidingWindow
from mmdel.models.heads import EventHead
from mmdel.structures import EventDataSample, StreamBatch

Candidates = tuple[Tensor, Tensor, Tensor]  # segments (K, 2) in grid steps, scores (K,), labels (K,)
Own = Sequence[tuple[int, int]]  # for each window the first of its own steps, and the one behind the last
Search = Callable[[list[Tensor], Sequence[int], Own], None]


class WindowLine:
    """What comes bit by bit as windows, each handed on as soon as it is known not to be the last.

    Args:
        cut: The windows.
        strides: Of each tensor of the line, in steps; the first has 1.
        search: Is given the tensors of n windows (n, T_l, C), the first step of each, and which steps are its own.
        batch_size: Windows that are handed on at once; the last is alone, and as long as the line is.
    """

    def __init__(self, cut: Cut, strides: Sequence[int], search: Search, batch_size: int = 1) -> None:
        self.cut, self.strides, self.search, self.batch_size = cut, tuple(strides), search, batch_size
        self.num_steps = 0
        self._first = 0  # the step that is the first of what is held
        self._blocks: list[Sequence[Tensor]] = []

    def push(self, rows: Sequence[Tensor]) -> None:
        """The next k steps, each tensor (ceil(k / stride), C); but for the last, k is a multiple of the strides."""
        self._blocks.append(rows)
        self.num_steps += len(rows[0])
        while self._num_whole() >= self.batch_size:
            self._hand_on(self.batch_size)

    def finish(self) -> None:
        """Hands on what is left; its end is that of the line."""
        while num := min(self._num_whole(), self.batch_size):
            self._hand_on(num)
        held = self._join()
        self.search([x[None] for x in held], [self._first], self._own(1, len(held[0])))

    def _num_whole(self) -> int:
        """How many windows are there behind which another step is."""
        num_behind = self.num_steps - self._first - self.cut.length
        return max(-(-num_behind // self.cut.step), 0)

    def _join(self) -> Sequence[Tensor]:
        if len(self._blocks) > 1:
            self._blocks = [[torch.cat(parts) for parts in zip(*self._blocks, strict=True)]]
        return self._blocks[0]

    def _hand_on(self, num: int) -> None:
        """So many windows, and forgets the steps that no later one has."""
        length, step = self.cut
        held, windows = self._join(), []
        for x, stride in zip(held, self.strides, strict=True):
            seen = x[: ((num - 1) * step + length) // stride]
            windows.append(seen.unfold(0, length // stride, step // stride).transpose(1, 2))
        own = self._own(num, self.cut.margin + step)
        self.search(windows, range(self._first, self._first + num * step, step), own)
        self._blocks = [[x[num * step // stride :] for x, stride in zip(held, self.strides, strict=True)]]
        self._first += num * step

    def _own(self, num: int, stop: int) -> Own:
        """Which steps are those of the next windows alone, up to one in each."""
        return [(0 if self._first == place == 0 else self.cut.margin, stop) for place in range(num)]


class WindowStream:
    """The events of a video, with no more than a few windows of it, or of its pyramids, in memory.

    In two stages (:meth:`SlidingWindow.stages`), the backbone's windows leave the levels at their own steps, which
    become windows for neck and head. The points' outputs are then those of the whole video, however its steps come.
    What a part takes from the whole of its input, it takes from the window, as in training from the crop: the place of
    a step and the [CLS] token of the alignment, the means of SGP, the statistics of a group norm.

    Each window gives at most ``pre_nms_num`` candidates, or more in proportion where it is longer than
    ``sliding.window``; the video may have ``max_num`` events for each ``sliding.window`` steps.

    Args:
        sliding: The windows.
        backbone: Of an :class:`~mmdel.models.detectors.EventDetector`, as the next two.
        neck: Maps the backbone's output to what the head reads.
        head: Gives the candidates and, in the end, the events.
    """

    def __init__(self, sliding: SlidingWindow, backbone: nn.Module, neck: nn.Module, head: EventHead) -> None:
        self.sliding, self.backbone, self.neck, self.head = sliding, backbone, neck, head
        self._cuts = sliding.stages(backbone, neck, head)
        self._names: tuple[str, ...] = ()
        self._steps: WindowLine | None = None
        self._levels: WindowLine | None = None
        self._found: list[Candidates] = []

    @property
    def num_steps(self) -> int:
        """Steps so far."""
        return self._steps.num_steps if self._steps else 0

    def push(self, streams: Mapping[str, Tensor]) -> None:
        """The next steps of every stream, (k, C_s) each."""
        if self._steps is None:
            self._names = tuple(streams)
            strides = [1] * len(streams)
            if self._cuts is None:
                batch_size = self.sliding.batch_size
                self._steps = WindowLine(self.sliding.stated(), strides, self._search_steps, batch_size)
            else:
                self._steps = WindowLine(self._cuts[0], strides, self._hand_levels_on)
        self._steps.push([streams[name] for name in self._names])

    def finish(self, sample: EventDataSample) -> InstanceData:
        """The events of the video, once all of its steps have come."""
        assert self._steps is not None, 'a video has at least one step'
        self._steps.finish()
        if self._levels is not None:
            self._levels.finish()
        segments, scores, labels = (torch.cat(parts)[None] for parts in zip(*self._found, strict=True))
        (events,) = self.head.finish(segments, scores, labels, [sample], self.sliding.num_windows(self.num_steps))
        return events

    def _run_backbone(self, windows: Sequence[Tensor]) -> Any:
        streams = dict(zip(self._names, windows, strict=True))
        mask = torch.ones(windows[0].shape[:2], dtype=torch.bool, device=windows[0].device)
        return self.backbone(StreamBatch(streams, mask))

    def _search_steps(self, windows: list[Tensor], firsts: Sequence[int], own: Own) -> None:
        """One stage: windows of the streams (n, T, C_s) → candidates."""
        feats, masks = self.neck(*self._run_backbone(windows))
        self._search(feats, masks, firsts, own)

    def _hand_levels_on(self, windows: list[Tensor], firsts: Sequence[int], own: Own) -> None:
        """The first of two stages: windows of the streams (1, T, C_s) → their own steps of the levels."""
        feats, masks = self._run_backbone(windows)
        if self._levels is None:
            assert self._cuts is not None
            self._streams = tuple(feats)
            strides = [2**level for _, level in product(feats, range(len(masks)))]
            self._levels = WindowLine(self._cuts[1], strides, self._search_levels)
        # Copies, so that nothing else of the window is kept.
        rows = [level[0].T.clone() for name in self._streams for level in _cut(feats[name], *own[0])]
        del feats
        self._levels.push(rows)

    def _search_levels(self, windows: list[Tensor], firsts: Sequence[int], own: Own) -> None:
        """The second of two stages: windows of the levels (1, T_l, D) of all streams → candidates."""
        num_levels = self.head.num_levels
        levels = [x.transpose(1, 2) for x in windows]
        feats = {name: tuple(levels[i * num_levels :][:num_levels]) for i, name in enumerate(self._streams)}
        masks = tuple(torch.ones_like(x[:, 0], dtype=torch.bool) for x in levels[:num_levels])
        joined, masks = self.neck(feats, masks)
        (begin, stop), margin = own[0], self.sliding.head_margin(self.head)
        seen = max(begin - margin, 0), stop + margin  # the head needs less beside its own steps than the neck
        self._search(
            _cut(joined, *seen), _cut(masks, *seen), [firsts[0] + seen[0]], [(begin - seen[0], stop - seen[0])]
        )

    def _search(self, feats: tuple[Tensor, ...], masks: tuple[Tensor, ...], firsts: Sequence[int], own: Own) -> None:
        """The neck's levels of n windows (n, D, T_l) → the candidates of their own points."""
        outputs = self.head(feats, masks)
        steps, bounds = (
            torch.arange(masks[0].shape[1], device=masks[0].device),
            masks[0].new_tensor(own, dtype=torch.long),
        )
        mine = (steps >= bounds[:, :1]) & (steps < bounds[:, 1:])
        masks = tuple(mask & mine[:, :: 2**level] for level, mask in enumerate(masks))
        max_num = math.ceil(self.head.pre_nms_num * self.sliding.num_windows(masks[0].shape[1]))
        segments, scores, labels = self.head.candidates(*outputs, masks, max_num)
        # In single precision, the times of a day at 25 steps a second would be a quarter of a step apart.
        first = torch.tensor(firsts, dtype=torch.float64, device=segments.device)
        segments = segments.double() + first[:, None, None]
        found = scores > 0
        self._found.append((segments[found], scores[found], labels[found]))


def _cut(levels: Sequence[Tensor], begin: int, stop: int) -> tuple[Tensor, ...]:
    """The steps from ``begin``, a multiple of all strides, up to ``stop`` of levels (…, T_l)."""
    return tuple(level[..., begin // 2**i : -(-stop // 2**i)] for i, level in enumerate(levels))
