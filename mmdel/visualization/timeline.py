"""A picture of one video's true and predicted events on a time axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

TRUTH, PREDICTION, IGNORED, GRID = '#2b6a4d', '#c4552d', '#9a9a9a', '#e6e6e6'
MAX_PRED_LANES = 4  # of one class; a prediction that overlaps so many surer ones is left out, and counted in the legend
LANE_INCH, ROW_GAP_LANES = 0.17, 0.7


def draw_timeline(
    duration_sec: float,
    class_names: Sequence[str],
    truth_segments_sec: np.ndarray,
    truth_labels: np.ndarray,
    pred_segments_sec: np.ndarray,
    pred_labels: np.ndarray,
    pred_scores: np.ndarray,
    truth_ignored: np.ndarray | None = None,
    min_score: float = 0.1,
    title: str = '',
) -> Figure:
    """Draws one row for each class that happens or is predicted: the truth above, the predictions below it.

    The opacity of a prediction is its score. Events of one class that overlap in time take lanes of their own, the
    surest prediction first; a prediction that overlaps ``MAX_PRED_LANES`` surer ones is only counted in the legend.

    Args:
        duration_sec: Length of the video, the length of the axis.
        class_names: Name of each label.
        truth_segments_sec: (N, 2), seconds.
        truth_labels: (N,).
        pred_segments_sec: (K, 2), seconds.
        pred_labels: (K,).
        pred_scores: (K,), in [0, 1].
        truth_ignored: (N,) bool, drawn in grey.
        min_score: Predictions below it are left out.
        title: Shown above, usually the video's id.

    Returns:
        The figure; ``figure.savefig(path)`` writes it. No global state of matplotlib is touched.
    """
    truth_segments_sec = np.asarray(truth_segments_sec, float)
    ignored = np.zeros(len(truth_labels), bool) if truth_ignored is None else truth_ignored
    kept = np.flatnonzero(pred_scores >= min_score)
    kept = kept[np.argsort(-pred_scores[kept], kind='stable')]
    pred_segments_sec, pred_labels, pred_scores = pred_segments_sec[kept], pred_labels[kept], pred_scores[kept]

    labels = np.unique(np.concatenate([truth_labels, pred_labels]).astype(int))
    first_start = {label: truth_segments_sec[truth_labels == label, 0].min(initial=np.inf) for label in labels}
    rows = sorted(labels, key=lambda label: (first_start[label], label))

    figure = Figure(layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    bottom, centres, num_left_out = 0.0, [], 0
    for label in rows:
        top = bottom
        true, predicted = truth_labels == label, pred_labels == label
        lanes = lanes_of(truth_segments_sec[true], max_lanes=int(true.sum()))
        colors = [IGNORED if skip else TRUTH for skip in ignored[true]]
        bottom = _draw_bars(axes, truth_segments_sec[true], lanes, colors, np.ones(len(lanes)), bottom)
        lanes = lanes_of(pred_segments_sec[predicted], MAX_PRED_LANES)
        colors = [PREDICTION] * len(lanes)
        bottom = _draw_bars(axes, pred_segments_sec[predicted], lanes, colors, pred_scores[predicted], bottom)
        num_left_out += int((lanes < 0).sum())
        centres.append((top + bottom) / 2)
        bottom += ROW_GAP_LANES
        axes.axhline(bottom - ROW_GAP_LANES / 2, color=GRID, linewidth=0.8, zorder=0)
    _finish(axes, duration_sec, max(bottom, 1.0), title)
    _legend(figure, bool(ignored.any()), num_left_out)
    axes.set_yticks(centres, [class_names[label] for label in rows])
    figure.set_size_inches(11, max(bottom, 1.0) * LANE_INCH + 1.2)
    return figure


def lanes_of(segments_sec: np.ndarray, max_lanes: int) -> np.ndarray:
    """The lane (N,) of each segment (N, 2): in the order given, each takes the first lane where it overlaps nothing.

    What fits into none of ``max_lanes`` has lane -1 and takes no room.
    """
    lanes = np.full(len(segments_sec), -1)
    for index, (start, end) in enumerate(segments_sec):
        before = segments_sec[:index]
        taken = set(lanes[:index][(before[:, 0] < end) & (start < before[:, 1])].tolist())
        lanes[index] = next((lane for lane in range(max_lanes) if lane not in taken), -1)
    return lanes


def _draw_bars(
    axes: Axes, segments_sec: np.ndarray, lanes: np.ndarray, colors: list[str], alphas: np.ndarray, top: float
) -> float:
    """Draws bars in their lanes below ``top`` (the axis points down) and returns where the lanes end."""
    for (start, end), lane, color, alpha in zip(segments_sec, lanes, colors, alphas, strict=True):
        if lane >= 0:
            bar = Rectangle((start, top + lane + 0.1), end - start, 0.8, linewidth=0.6)
            bar.set(facecolor=color, edgecolor='white', alpha=float(alpha))
            axes.add_patch(bar)
    return top + float(lanes.max(initial=-1)) + 1


def _finish(axes: Axes, duration_sec: float, height: float, title: str) -> None:
    """The axis and its title."""
    axes.set(xlim=(0, duration_sec), ylim=(height, -ROW_GAP_LANES / 2), xlabel='seconds')
    axes.set_title(title, loc='left', fontsize=11, fontweight='bold')
    axes.grid(axis='x', color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)


def _legend(figure: Figure, has_ignored: bool, num_left_out: int) -> None:
    handles = [Patch(color=TRUTH, label='truth'), Patch(color=PREDICTION, label='prediction (opacity = score)')]
    if has_ignored:
        handles.insert(1, Patch(color=IGNORED, label='truth, ignored'))
    if num_left_out:
        handles.append(Patch(alpha=0, label=f'{num_left_out} weaker overlapping ones not drawn'))
    figure.legend(handles=handles, loc='outside upper right', ncols=len(handles), frameon=False, fontsize=9)
