"""Random cropping in time.

Shapes: T steps, N events, K tried windows or pieces.
"""

from __future__ import annotations

import math

import numpy as np

from mmdel.datasets.transforms.random_draws import RandomDraws
from mmdel.registry import TRANSFORMS

PIECE_OVERLAP = 0.25  # so that an event up to the length of a piece is at least half in one of them


@TRANSFORMS.register_module()
class RandomTemporalCrop(RandomDraws):
    """Cuts a random window of at most ``max_len`` steps that holds at least one event.

    The window of the steps s … s + len - 1 spans the grid times [s - 0.5, s + len - 0.5], half a step around its
    first and last step; where it begins or ends with the video it is open on that side, so that an event which the
    cut does not touch stays as it is. Of an event, the fraction ``intersection / length`` is kept: below
    ``trunc_thresh`` the event is dropped, else clipped to the window. The rule, and the two parameters, are those of
    ActionFormer (Zhang et al., ECCV 2022). Up to ``num_tries`` windows are drawn, and the first that keeps an event is
    taken. If none does, one event is drawn, and the window that holds as much of it as it can, around its middle, is
    taken; this event is kept even if it is too long for ``trunc_thresh``. A video without events gives any window.

    Changes ``features``, ``grid``, ``segments``, ``labels`` and ``ignored_segments``.

    Results that have a ``piece`` (k, K) are the k-th of K pieces of their video, evenly spread, of ``max_len`` steps:
    the piece is cut as a window is, and is then as a video of this length, whether it holds an event or not.

    Args:
        max_len: The most steps to keep.
        crop_ratio: Videos of at most ``max_len`` steps are cut to a random fraction of their length from this range;
            None leaves them whole.
        trunc_thresh: Smallest fraction of an event that still counts as the event.
        num_tries: Windows to draw.
    """

    def __init__(
        self,
        max_len: int,
        crop_ratio: tuple[float, float] | None = (0.9, 1.0),
        trunc_thresh: float = 0.5,
        num_tries: int = 200,
    ) -> None:
        if max_len < 1 or num_tries < 1:
            raise ValueError(f'max_len and num_tries must be at least 1, got {max_len} and {num_tries}')
        if crop_ratio is not None and not 0 < crop_ratio[0] <= crop_ratio[1] <= 1:
            raise ValueError(f'crop_ratio must be 0 < low <= high <= 1, got {crop_ratio}')
        if not 0 < trunc_thresh <= 1:
            raise ValueError(f'trunc_thresh must be in (0, 1], got {trunc_thresh}')
        self.max_len = max_len
        self.crop_ratio = crop_ratio
        self.trunc_thresh = trunc_thresh
        self.num_tries = num_tries

    def __call__(self, results: dict) -> dict:
        num_steps = len(next(iter(results['features'].values())))
        number, num_pieces = results.get('piece', (0, 1))
        if num_pieces > 1 and num_steps > self.max_len:
            starts = _spread(num_pieces, num_steps - self.max_len)[number : number + 1]
            keep = self._is_kept(results['segments'], starts, self.max_len, num_steps)[0]
            results = cut(results, int(starts[0]), self.max_len, num_steps, keep)
            num_steps = self.max_len
        length = self._draw_length(num_steps)
        if length == num_steps:
            return results
        start, keep = self._draw_window(results['segments'], num_steps, length)
        return cut(results, start, length, num_steps, keep)

    def shortest(self, num_steps: int) -> int:
        """The fewest steps that are left of a video of ``num_steps``."""
        if num_steps > self.max_len:
            return self.max_len
        return num_steps if self.crop_ratio is None else max(round(self.crop_ratio[0] * num_steps), 1)

    def pieces(self, segments: np.ndarray, num_steps: int) -> np.ndarray:
        """Which of the pieces that cover a video keep an event, (K,) bool; one that is no longer than one is whole.

        Args:
            segments: Its events (N, 2), in grid steps.
            num_steps: Its steps.
        """
        spare = num_steps - self.max_len
        if spare <= 0:
            return np.array([len(segments) > 0])
        num_pieces = 1 + math.ceil(spare / ((1 - PIECE_OVERLAP) * self.max_len))
        kept = self._is_kept(segments, _spread(num_pieces, spare), self.max_len, num_steps)  # (K, N)
        return np.asarray(kept.any(axis=1))

    def _draw_length(self, num_steps: int) -> int:
        if num_steps > self.max_len:
            return self.max_len
        if self.crop_ratio is None:
            return num_steps
        shortest, longest = (max(round(ratio * num_steps), 1) for ratio in self.crop_ratio)
        return int(self._random.randint(shortest, longest + 1))

    def _draw_window(self, segments: np.ndarray, num_steps: int, length: int) -> tuple[int, np.ndarray]:
        """The first step of the window, and which events it keeps, (N,) bool."""
        starts = self._random.randint(0, num_steps - length + 1, size=self.num_tries)
        kept = self._is_kept(segments, starts, length, num_steps)  # (K, N)
        candidates = np.flatnonzero(self._is_kept(segments, np.zeros(1, dtype=int), num_steps, num_steps)[0])
        if kept.any() or not candidates.size:
            first = int(kept.any(axis=1).argmax())
            return int(starts[first]), kept[first]
        event = self._random.choice(candidates)
        start = int(np.rint(segments[event].mean() - 0.5 * (length - 1)).clip(0, num_steps - length))
        kept = self._is_kept(segments, np.array([start]), length, num_steps)[0]
        kept[event] = True
        return start, kept

    def _is_kept(self, segments: np.ndarray, starts: np.ndarray, length: int, num_steps: int) -> np.ndarray:
        """See :func:`is_kept`."""
        return is_kept(segments, starts, length, num_steps, self.trunc_thresh)


def is_kept(segments: np.ndarray, starts: np.ndarray, length: int, num_steps: int, trunc_thresh: float) -> np.ndarray:
    """Which of N events each of K windows keeps, (K, N) bool: enough of them, and not beyond the features.

    Args:
        segments: The events (N, 2), in grid steps.
        starts: The first steps of the windows (K,).
        length: The steps of a window.
        num_steps: Those of the video.
        trunc_thresh: As of :class:`RandomTemporalCrop`.
    """
    low, high = _window_bounds(starts[:, None], length, num_steps)  # (K, 1)
    start, end = segments.astype(np.float64).T  # (N,)
    enough = np.minimum(high, end) - np.maximum(low, start) >= trunc_thresh * (end - start)
    seen = (start < starts[:, None] + length - 0.5) & (end > starts[:, None] - 0.5)
    return enough & seen


def _spread(num_pieces: int, last_start: int) -> np.ndarray:
    """The first steps of so many pieces, from 0 to the last one's."""
    return np.rint(np.linspace(0, last_start, num_pieces)).astype(int)


def cut(results: dict, start: int, length: int, num_steps: int, keep: np.ndarray) -> dict:
    """What a window of a video of ``num_steps`` steps leaves, of the events those to ``keep`` (N,)."""
    low, high = _window_bounds(np.array(start), length, num_steps)
    results['features'] = {name: x[start : start + length] for name, x in results['features'].items()}
    results['grid'] = results['grid'].shift(start)
    results['labels'] = results['labels'][keep]
    ignored = results['ignored_segments']
    kept = dict(
        segments=results['segments'][keep],
        ignored_segments=ignored[(ignored[:, 0] < start + length - 0.5) & (ignored[:, 1] > start - 0.5)],
    )
    results.update({name: (each.clip(low, high) - start).astype(np.float32) for name, each in kept.items()})
    return results


def _window_bounds(starts: np.ndarray, length: int, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The grid times between which windows of ``length`` steps lie; infinite at the video's own ends."""
    low = np.where(starts == 0, -np.inf, starts - 0.5)
    high = np.where(starts + length == num_steps, np.inf, starts + length - 0.5)
    return low, high
