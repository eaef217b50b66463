"""Long videos in windows of the length that a model was made or trained for.

Shapes: B videos, T steps, N windows of all videos, n of them at once, W steps of a window, K candidates of a window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdel.structures import StreamBatch

Candidates = tuple[Tensor, Tensor, Tensor]  # segments (…, K, 2) in grid steps, scores (…, K), labels (…, K)
Find = Callable[[StreamBatch, Tensor], Candidates]  # windows and their own steps (n, W) → their candidates


class SlidingWindow:
    """Cuts videos into overlapping windows and keeps the best candidates of all windows on the videos' own grids.

    Each step of a video belongs to one window, the one in which it lies furthest from the cuts; a window gives the
    candidates of the points at its own steps, so that no point counts twice. If the distance of two windows is a
    multiple of the coarsest level's stride, the windows' points are exactly the points of the whole video. Where the
    model sees no further than half the overlap, the candidates, too, are those of the whole video.

    An event that is much longer than the overlap is seen whole by no window where it is cut, and is found in parts.

    Args:
        window: Steps W of a window.
        overlap: The fraction of a window that the next one sees again, in [0, 1).
        batch_size: Windows that go through the model at once.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self, window: int, overlap: float = 0.5, batch_size: int = 8) -> None:
        if window < 1 or batch_size < 1:
            raise ValueError(f'window and batch_size must be at least 1, got {window} and {batch_size}')
        if not 0 <= overlap < 1:
            raise ValueError(f'overlap must be in [0, 1), got {overlap}')
        self.window = window
        self.step = max(window - round(overlap * window), 1)
        self.batch_size = batch_size

    def __call__(self, find: Find, inputs: StreamBatch, max_num: int) -> Candidates:
        """The best candidates of whole videos.

        Args:
            find: Windows and which of their steps are their own, (n, W) bool → their candidates, up to the best
                ``max_num`` of each window.
            inputs: Streams (B, T, C_s) and mask (B, T).
            max_num: Most candidates of a video. No more are held, beside those of the windows at hand.

        Returns:
            ``segments`` (B, K', 2), ``scores`` (B, K'), 0 for what is no candidate, and ``labels`` (B, K').
        """
        device = inputs.mask.device
        counts = 1 + (inputs.mask.sum(1) - self.window).clamp(min=0).add(self.step - 1) // self.step
        num_places = int(counts.max())
        video, place = (torch.arange(num_places, device=device) < counts[:, None]).nonzero(as_tuple=True)
        own = self.own_steps(place == 0, place == counts[video] - 1)
        streams = {name: self._unfold(x, num_places) for name, x in inputs.streams.items()}
        mask = self._unfold(inputs.mask, num_places)
        best: list[Tensor] = []
        for part in torch.arange(len(video), device=device).split(self.batch_size):
            at = video[part], place[part]
            windows = StreamBatch({name: x[at].transpose(1, 2) for name, x in streams.items()}, mask[at])
            segments, scores, labels = find(windows, own[part])
            found = segments + (place[part] * self.step)[:, None, None], scores, labels
            rows = [_by_video(values, video[part], len(counts)) for values in found]
            best = keep_best(best, rows, max_num)
        segments, scores, labels = best
        return segments, scores, labels

    def own_steps(self, is_first: Tensor, is_last: Tensor) -> Tensor:
        """Which steps are those of windows of a video alone, (n, W) bool, by which ones are its first and last (n,)."""
        steps, margin = torch.arange(self.window, device=is_first.device), (self.window - self.step) // 2
        return ((steps >= margin) | is_first[:, None]) & ((steps < margin + self.step) | is_last[:, None])

    def _unfold(self, x: Tensor, num_windows: int) -> Tensor:
        """A stream (B, T, C) or mask (B, T) → its windows (B, n, C, W) or (B, n, W), zeros behind its end."""
        lacking = (num_windows - 1) * self.step + self.window - x.shape[1]
        x = F.pad(x, (0, 0) * (x.ndim - 2) + (0, max(lacking, 0)))
        return x.unfold(1, self.window, self.step)


def keep_best(best: Sequence[Tensor], found: Sequence[Tensor], max_num: int) -> list[Tensor]:
    """The ``max_num`` best of two lists of candidates (B, K, …): segments, scores, labels; the first may be empty."""
    joined = [torch.cat(pair, dim=1) for pair in zip(best, found, strict=True)] if best else list(found)
    if joined[1].shape[1] > max_num:
        top = joined[1].topk(max_num, dim=1).indices
        rows = torch.arange(len(top), device=top.device)[:, None]
        joined = [values[rows, top] for values in joined]
    return joined


def _by_video(values: Tensor, video: Tensor, num_videos: int) -> Tensor:
    """Values of windows (n, K, …) of the videos (n,) → of all videos (B, n·K, …), zeros where a video has no window."""
    rows = values.new_zeros(num_videos, *values.shape)
    rows[video, torch.arange(len(video), device=video.device)] = values
    return rows.flatten(1, 2)
