"""Frame-grid features of pictures: appearance and motion per cell, no weights, numpy only.

F frames of H x W pixels and K colours (3, or 1 for grey), a grid of R rows and Q columns of cells, T steps.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mmdel.features.extractor import Extractor, register_extractor
from mmdel.media import PictureRate

# Typical value and spread of each statistic; a network learns several times faster from features of about unit scale.
TYPICAL = {'mean': (0.45, 0.15), 'contrast': (0.1, 0.06), 'change': (0.0, 0.07), 'motion': (0.4, 0.15)}
LOG_MOTION = (-1.7, 0.4)
MOTION_FLOOR = 0.01
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@register_extractor
class FrameGridExtractor(Extractor):
    """Pictures → four statistics of every cell and colour, pooled into feature steps.

    A step pools ``window_frames`` frames. Of each cell and colour, with brightness in [0, 1], it holds

    - ``mean``: the brightness,
    - ``contrast``: the standard deviation over the cell's pixels,
    - ``change``: the signed difference from frame to frame, averaged over the pixels, per second,
    - ``motion``: the absolute difference from frame to frame, averaged over the pixels, per second,

    each averaged over the step's own frames (the last two over the pairs of neighbours among them), less its typical
    value and divided by its typical spread (``TYPICAL``). Counting per second makes the features of one scene alike at
    any frame rate. The channels are ordered (statistic, row, column, colour): ``features.reshape(T, 4, R, Q, K)``.

    Args:
        fps: Pictures a second.
        height: H.
        width: W.
        rows: R.
        columns: Q.
        window_frames: Frames that a step pools, >= 2.
        stride_frames: Frames from one step to the next.
        grey: Look at brightness alone: K = 1.
        log_motion: Take ``log10(0.01 + motion)``: in real recordings it spans several orders of magnitude.
        fit: How pictures of another shape come to H x W, see :class:`~mmdel.media.PictureRate`.

    Raises:
        ValueError: If an argument is not positive, ``window_frames`` is 1, or there are fewer pixels than cells.
    """

    def __init__(
        self,
        fps: float = 8.0,
        height: int = 36,
        width: int = 48,
        rows: int = 3,
        columns: int = 4,
        window_frames: int = 4,
        stride_frames: int = 2,
        grey: bool = False,
        log_motion: bool = False,
        fit: Literal['stretch', 'crop', 'pad'] = 'stretch',
    ) -> None:
        if window_frames < 2:
            raise ValueError(f'window_frames must be >= 2, got {window_frames!r}')
        if not (0 < rows <= height and 0 < columns <= width):
            raise ValueError(f'{height} x {width} pixels do not part into {rows} x {columns} cells')
        self.rows, self.columns, self.num_colours, self.log_motion = rows, columns, 1 if grey else 3, log_motion
        channels = len(TYPICAL) * rows * columns * self.num_colours
        super().__init__(PictureRate(fps, height, width, fit), stride_frames, window_frames, channels)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frames ``(F, H, W, 3)`` uint8 → steps ``(T, C)``, see :class:`~mmdel.features.Extractor`."""
        frames = frames.astype(np.float32) / 255.0
        if self.num_colours == 1:
            frames = (frames @ LUMA)[..., None]
        mean = self._cell_means(frames)
        contrast = np.sqrt(np.maximum(self._cell_means(frames**2) - mean**2, 0.0))
        change = (mean[1:] - mean[:-1]) * self.grid.fps
        motion = self._cell_means(np.abs(frames[1:] - frames[:-1])) * self.grid.fps
        pooled = []
        for cells in (mean, contrast, change, motion):
            length = self.window - (len(frames) - len(cells))  # one pair less than frames
            steps = sliding_window_view(cells.reshape(len(cells), -1), length, axis=0)[:: self.stride]
            pooled.append(steps.mean(axis=-1))
        typical = dict(TYPICAL)
        if self.log_motion:
            pooled[-1], typical['motion'] = np.log10(MOTION_FLOOR + pooled[-1]), LOG_MOTION
        scaled = [(x - value) / spread for x, (value, spread) in zip(pooled, typical.values(), strict=True)]
        return np.concatenate(scaled, axis=1).astype(np.float32)

    def _cell_means(self, frames: np.ndarray) -> np.ndarray:
        """``(F, H, W, K)`` → means over the cells' pixels ``(F, R, Q, K)``; cells differ by at most a pixel in size."""
        height, width = frames.shape[1:3]
        row_edges = np.arange(self.rows + 1) * height // self.rows
        column_edges = np.arange(self.columns + 1) * width // self.columns
        sums = np.add.reduceat(np.add.reduceat(frames, row_edges[:-1], axis=1), column_edges[:-1], axis=2)
        return sums / (np.diff(row_edges)[:, None] * np.diff(column_edges))[..., None]
