"""A picture of one video's true and predicted events on a time axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mmdel.evaluation.functional import GroundTruth, Predictions, match_predictions
from mmdel.events.picture import (
    DPI,
    GRID,
    LANE_INCH,
    MIN_BAR_PIXELS,
    PANEL_PIXELS,
    ROW_GAP_LANES,
    WIDTH_INCH,
    draw_bars,
    frame,
    lanes_of,
    name_rows,
    visible_spans,
)

FOUND, MISSED, HIT, FALSE_ALARM, IGNORED = '#1b7f5c', '#c2255c', '#6db6e8', '#f2b134', '#b0b0b0'
MATCH_TIOU = 0.5
MAX_ROWS, MAX_TRUTH_LANES = 100, 20  # so that no picture is too tall to be written
MAX_PRED_LANES = 4  # of one class; a prediction that overlaps so many surer ones is left out, and counted in the legend
SCORE_PIXELS = 24


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

    Colours tell found from missed events and hits from false alarms, as matched for the mAP at a tIoU of 0.5. A
    prediction that only meets an ignored event is grey like that. The surer a prediction, the stronger its
    colour; its score stands in it or behind it. Events of one class that overlap in time take lanes of their own, the
    surest prediction first; a prediction that overlaps ``MAX_PRED_LANES`` surer ones is only counted in the legend, as
    are events beyond ``MAX_TRUTH_LANES`` lanes, and the classes beyond ``MAX_ROWS``, those that begin last. A
    short event of a long video is drawn ``MIN_BAR_PIXELS`` wide.

    Args:
        duration_sec: Length of the video, the length of the axis.
        class_names: Name of each label.
        truth_segments_sec: (N, 2), seconds.
        truth_labels: (N,); -1 for ignored events, which are of no class.
        pred_segments_sec: (K, 2), seconds.
        pred_labels: (K,).
        pred_scores: (K,), in [0, 1].
        truth_ignored: (N,) bool, drawn in grey.
        min_score: Predictions below it are left out.
        title: Shown above, usually the video's id.

    Returns:
        The figure; :func:`mmdel.events.picture.write_png` writes it. No global state of matplotlib is touched.
    """
    ignored = np.zeros(len(truth_labels), bool) if truth_ignored is None else truth_ignored
    truth = GroundTruth(np.zeros(len(truth_labels), int), truth_labels, truth_segments_sec, ignored)
    kept = np.flatnonzero(pred_scores >= min_score)
    kept = kept[np.argsort(-pred_scores[kept], kind='stable')]
    predicted = Predictions(
        np.zeros(len(kept), int), pred_labels[kept], pred_segments_sec[kept], np.asarray(pred_scores)[kept]
    )
    truth_colors, pred_colors = _colors(truth, predicted)
    labels = np.unique(np.concatenate([truth.labels, predicted.labels]))
    first_start = {label: truth.segments[truth.labels == label, 0].min(initial=np.inf) for label in labels}
    rows = sorted(labels, key=lambda label: (first_start[label], label))[:MAX_ROWS]

    figure = Figure(layout='constrained', figsize=(WIDTH_INCH, 3), dpi=DPI)
    axes = figure.add_subplot()
    names = [class_names[label] if label >= 0 else 'of no class' for label in rows]
    frame(axes, duration_sec, title)
    sec_per_pixel = duration_sec / PANEL_PIXELS

    bottom, centres, num_left_out = 0.0, [], len(truth) + len(predicted)
    for label in rows:
        top = bottom
        mine, found = truth.labels == label, predicted.labels == label
        spans = visible_spans(truth.segments[mine], duration_sec, MIN_BAR_PIXELS * sec_per_pixel)
        lanes = lanes_of(spans, MAX_TRUTH_LANES)
        num_left_out -= int((lanes >= 0).sum())
        bottom = draw_bars(axes, spans, lanes, truth_colors[mine], np.ones(len(spans)), bottom)
        spans = visible_spans(predicted.segments[found], duration_sec, MIN_BAR_PIXELS * sec_per_pixel)
        lanes = lanes_of(spans, MAX_PRED_LANES)
        _write_scores(axes, spans, lanes, predicted.scores[found], bottom, SCORE_PIXELS * sec_per_pixel)
        scores = predicted.scores[found].clip(0, 1)
        bottom = draw_bars(axes, spans, lanes, pred_colors[found], 0.3 + 0.7 * scores, bottom)
        num_left_out -= int((lanes >= 0).sum())
        centres.append((top + bottom) / 2)
        bottom += ROW_GAP_LANES
        axes.axhline(bottom - ROW_GAP_LANES / 2, color=GRID, linewidth=0.8, zorder=0)
    name_rows(axes, centres, names)
    axes.set_ylim(max(bottom, 1.0), -ROW_GAP_LANES / 2)
    _legend(figure, [*truth_colors, *pred_colors], num_left_out, min_score)
    figure.set_size_inches(WIDTH_INCH, max(bottom, 1.0) * LANE_INCH + 1.2)
    return figure


def _colors(truth: GroundTruth, predicted: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """The colours (N,) of true events and (K,) of predictions."""
    matches = match_predictions(truth, predicted, [MATCH_TIOU])
    found = np.isin(np.arange(len(truth)), matches.matched_truth)
    truth_colors = np.where(truth.ignored, IGNORED, np.where(found, FOUND, MISSED))
    other_colors = np.where(matches.false_positive[0], FALSE_ALARM, IGNORED)
    return truth_colors, np.where(matches.true_positive[0], HIT, other_colors)


def _write_scores(
    axes: Axes, spans_sec: np.ndarray, lanes: np.ndarray, scores: np.ndarray, top: float, width_sec: float
) -> None:
    """Writes the score in its bar, or behind it if there is more room; a bar between close ones has none."""
    for (start, end), lane, score in zip(spans_sec, lanes, scores, strict=True):
        later = spans_sec[(lanes == lane) & (spans_sec[:, 0] >= end), 0]
        room = later.min(initial=axes.get_xlim()[1])
        place = start if end - start >= width_sec else end if room - end >= width_sec else None
        if lane >= 0 and place is not None:
            middle = place + width_sec / 2
            axes.text(
                middle, top + lane + 0.5, f'{score:.2f}'.lstrip('0'), fontsize=6.5, ha='center', va='center_baseline'
            )


def _legend(figure: Figure, colors: Sequence[str], num_left_out: int, min_score: float) -> None:
    meanings = {
        FOUND: 'true event, found',
        MISSED: 'missed',
        HIT: 'prediction, hit',
        FALSE_ALARM: 'false alarm',
        IGNORED: 'ignored',
    }
    handles = [
        Patch(color=color, label=f'{meaning}: {colors.count(color)}')
        for color, meaning in meanings.items()
        if color != IGNORED or color in colors
    ]
    handles.append(Patch(alpha=0, label=f'scores from {min_score:g}, hits from tIoU {MATCH_TIOU:g}'))
    if num_left_out:
        handles.append(Patch(alpha=0, label=f'{num_left_out} not drawn'))
    figure.legend(handles=handles, loc='outside upper right', ncols=len(handles), frameon=False, fontsize=9)
