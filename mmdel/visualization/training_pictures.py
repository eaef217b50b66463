"""Pictures of how a training goes: precision and recall, the learned event mask, the scores of steps.

T steps, S streams, K of the steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmdel.evaluation.event_measures import why_not_scored
from mmdel.evaluation.functional import match_predictions
from mmdel.evaluation.metrics.event_map import join_videos, prediction_arrays, truth_arrays
from mmdel.events.picture import DPI, WIDTH_INCH, frame
from mmdel.utils.picture_labels import as_written

COLORS = ('#2f6fde', '#c2620a', '#17805f', '#c2255c')
TRUTH, UNSEEN = '#17805f', '#e6e6e6'


def video_arrays(sample: dict) -> dict:
    """What the curves need of a data sample (an ``EventDataSample`` as a dict)."""
    return truth_arrays(sample) | prediction_arrays(sample)


def has_truth(videos: Sequence[dict]) -> bool:
    """Whether there is a true event, and every one has a class."""
    return not why_not_scored(videos)


def draw_precision_recall(videos: Sequence[dict], tious: Sequence[float]) -> Figure:
    """Precision over recall of all classes together, a curve for each tIoU.

    Args:
        videos: Of :func:`video_arrays`.
        tious: Thresholds in (0, 1].
    """
    truth, predictions = join_videos(videos)
    num_true = int((~truth.ignored).sum())
    matches = match_predictions(truth, predictions, tious)
    figure = _figure(5, 4.2)
    axes = figure.add_subplot()
    for tiou, color, true, false in zip(tious, COLORS, matches.true_positive, matches.false_positive, strict=False):
        hits, wrong = np.cumsum(true[matches.order]), np.cumsum(false[matches.order])
        precision = hits / np.maximum(hits + wrong, 1)
        axes.step(hits / num_true, precision, where='post', color=color, label=f'tIoU {tiou:g}')
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel='recall', ylabel='precision')
    axes.grid(color='#e6e6e6')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc='lower left')
    return figure


def draw_event_masks(masks: Sequence[np.ndarray], streams: Sequence[str], times_sec: np.ndarray, title: str) -> Figure:
    """The event-aligned mask of each block, a panel each: which step (row) may look at which (column).

    Args:
        masks: (S·K, S·K) in [0, 1] each; the steps of a stream stand together.
        streams: Names of the S streams.
        times_sec: (K,) times of the steps.
        title: Usually the video's id.
    """
    figure = _figure(4.6 * len(masks), 4.6)
    num = len(times_sec)
    size = num * len(streams)
    ticks = np.unique(np.linspace(0, num - 1, 5)[:-1].round().astype(int))  # the last is where the next stream begins
    places = [stream * num + tick for stream in range(len(streams)) for tick in ticks]
    seconds = [f'{times_sec[tick]:.0f}' for _ in streams for tick in ticks]
    names, style = as_written(streams, 20)
    shown = [np.ma.masked_equal(mask, 0) for mask in masks]  # what is never seen is grey
    least = min(float(mask.min()) for mask in shown)
    panels = np.atleast_1d(figure.subplots(1, len(masks)))
    for number, (axes, mask) in enumerate(zip(panels, shown, strict=True), start=1):
        axes.set_facecolor(UNSEEN)
        image = axes.imshow(mask, vmin=least, vmax=1, cmap='viridis', interpolation='nearest')
        axes.set_xticks(places, seconds, fontsize=7)
        axes.set_yticks(places, seconds, fontsize=7)
        for border in range(num, size, num):
            axes.axhline(border - 0.5, color='white', linewidth=1)
            axes.axvline(border - 0.5, color='white', linewidth=1)
        for stream, name in enumerate(names):
            share = (stream + 0.5) / len(streams)
            axes.text(share, 1.02, name, transform=axes.transAxes, ha='center', fontsize=8, **style)
        axes.set_xlabel(f'block {number}: seconds')
    figure.colorbar(image, ax=figure.axes, shrink=0.8)
    (line,), style = as_written([title], 60)
    figure.suptitle(line, fontsize=11, **style)
    return figure


def draw_scores(
    scores: Mapping[str, np.ndarray], times_sec: np.ndarray, truth_sec: np.ndarray, duration_sec: float, title: str
) -> Figure:
    """The score s_t of each stream, how sure it is of any event, over time; true events are shaded.

    Args:
        scores: (T,) in [0, 1] by the stream's name.
        times_sec: (T,) times of the steps.
        truth_sec: (N, 2) true events.
        duration_sec: Length of the video.
        title: Usually the video's id.
    """
    figure = _figure(WIDTH_INCH, 2.6)
    axes = figure.add_subplot()
    frame(axes, duration_sec, title)
    for start, end in truth_sec:
        axes.axvspan(start, end, color=TRUTH, alpha=0.12, linewidth=0)
    names, style = as_written(list(scores), 20)
    for color, values in zip(COLORS, scores.values(), strict=False):
        axes.plot(times_sec, values, color=color, linewidth=1.4, label='stream')
    axes.set(ylim=(0, 1), ylabel='score of any event')
    legend = axes.legend(frameon=False, fontsize=9, loc='upper right', ncols=len(scores))
    for entry, name in zip(legend.get_texts(), names, strict=True):  # a label may not begin with an underscore
        entry.set(text=name, **style)
    return figure


def to_image(figure: Figure) -> np.ndarray:
    """The figure as (H, W, 3) uint8 RGB."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _figure(width_inch: float, height_inch: float) -> Figure:
    return Figure(layout='constrained', figsize=(width_inch, height_inch), dpi=DPI)
