"""Frame-grid features of pictures: appearance and motion per cell, no weights, numpy only.

F frames of H x W pixels and K colours (3, or 1 for grey), a grid of R rows and Q columns of cells, T steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mmdel.structures import FeatureGrid

# Typical value and spread of each statistic; a network learns several times faster from features of about unit scale.
TYPICAL = {'mean': (0.45, 0.15), 'contrast': (0.1, 0.06), 'change': (0.0, 0.07), 'motion': (0.4, 0.15)}
CHUNK_PIXELS = 1 << 21


@dataclass(frozen=True)
class FrameGrid:
    """Frames → four statistics of every cell and colour, pooled into feature steps.

    A step pools ``window_frames`` frames. Of each cell and colour, with brightness in [0, 1], it holds

    - ``mean``: the brightness,
    - ``contrast``: the standard deviation over the cell's pixels,
    - ``change``: the signed difference from frame to frame, averaged over the pixels, per second,
    - ``motion``: the absolute difference from frame to frame, averaged over the pixels, per second,

    each averaged over the step's own frames (the last two over the pairs of neighbours among them), less its typical
    value and divided by its typical spread (``TYPICAL``). Counting per second makes the features of one scene alike at
    any frame rate. The channels are ordered (statistic, row, column, colour): ``features.reshape(T, 4, R, Q, K)``.

    Memory beyond the result does not grow with the number of frames: ``frames`` is only ever sliced, so that a memory
    map will do.

    Args:
        rows: R.
        columns: Q.
        window_frames: Frames that a step pools, >= 2.
        stride_frames: Frames from one step to the next.

    Raises:
        ValueError: If an argument is not positive or ``window_frames`` is 1.
    """

    rows: int = 4
    columns: int = 6
    window_frames: int = 8
    stride_frames: int = 4

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            smallest = 2 if name == 'window_frames' else 1
            if value < smallest:
                raise ValueError(f'FrameGrid: {name} must be >= {smallest}, got {value!r}')

    def num_channels(self, num_colours: int = 3) -> int:
        """C."""
        return len(TYPICAL) * self.rows * self.columns * num_colours

    def grid(self, fps: float) -> FeatureGrid:
        """The time grid of the features of a video at ``fps`` frames per second."""
        return FeatureGrid(stride=self.stride_frames, window=self.window_frames, fps=fps)

    def __call__(self, frames: np.ndarray, fps: float) -> tuple[np.ndarray, FeatureGrid]:
        """Features of one video.

        Args:
            frames: ``(F, H, W, 3)`` or grey ``(F, H, W)``, uint8. A video shorter than one step is padded to one step
                by repeating its last frame.
            fps: Frames per second.

        Returns:
            ``(T, C)`` float32 features and their grid.

        Raises:
            ValueError: If the frames are not of such a shape and type, or have fewer pixels than the grid has cells.
        """
        shape = tuple(frames.shape)
        if len(shape) not in (3, 4) or shape[3:] not in ((), (1,), (3,)) or shape[0] == 0 or frames.dtype != np.uint8:
            raise ValueError(f'FrameGrid wants uint8 frames (F, H, W, 3) or (F, H, W), got {frames.dtype} {shape}')
        if shape[1] < self.rows or shape[2] < self.columns:
            raise ValueError(f'FrameGrid: {shape[1:3]} pixels are too few for {self.rows} x {self.columns} cells')
        stride, window = self.stride_frames, self.window_frames
        num_steps = max(0, shape[0] - window) // stride + 1
        num_colours = shape[3] if len(shape) == 4 else 1
        features = np.empty((num_steps, self.num_channels(num_colours)), np.float32)
        chunk_steps = max(1, CHUNK_PIXELS // (stride * shape[1] * shape[2] * num_colours))
        for first in range(0, num_steps, chunk_steps):
            last = min(first + chunk_steps, num_steps)
            chunk = np.asarray(frames[first * stride : (last - 1) * stride + window])
            missing = max(0, window - len(chunk))
            chunk = np.concatenate([chunk, np.repeat(chunk[-1:], missing, axis=0)]) if missing else chunk
            features[first:last] = self._steps(chunk.reshape(*chunk.shape[:3], num_colours), fps)
        return features, self.grid(fps)

    def _steps(self, frames: np.ndarray, fps: float) -> np.ndarray:
        """Frames ``(F, H, W, K)``, at least one window of them → steps ``(T, C)``."""
        frames = frames.astype(np.float32) / 255.0
        mean = self._cell_means(frames)
        contrast = np.sqrt(np.maximum(self._cell_means(frames**2) - mean**2, 0.0))
        change = (mean[1:] - mean[:-1]) * fps
        motion = self._cell_means(np.abs(frames[1:] - frames[:-1])) * fps
        pooled = []
        for cells in (mean, contrast, change, motion):
            length = self.window_frames - (len(frames) - len(cells))  # one pair less than frames
            steps = sliding_window_view(cells.reshape(len(cells), -1), length, axis=0)[:: self.stride_frames]
            pooled.append(steps.mean(axis=-1))
        scaled = [(x - value) / spread for x, (value, spread) in zip(pooled, TYPICAL.values(), strict=True)]
        return np.concatenate(scaled, axis=1)

    def _cell_means(self, frames: np.ndarray) -> np.ndarray:
        """``(F, H, W, K)`` → means over the cells' pixels ``(F, R, Q, K)``; cells differ by at most a pixel in size."""
        height, width = frames.shape[1:3]
        row_edges = np.arange(self.rows + 1) * height // self.rows
        column_edges = np.arange(self.columns + 1) * width // self.columns
        sums = np.add.reduceat(np.add.reduceat(frames, row_edges[:-1], axis=1), column_edges[:-1], axis=2)
        return sums / (np.diff(row_edges)[:, None] * np.diff(column_edges))[..., None]
