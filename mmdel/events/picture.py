"""A table of events as a picture, and what such pictures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmdel.events.events import Events
from mmdel.events.times import MAX_SEC
from mmdel.utils.picture_labels import as_written

LANE_INCH, ROW_GAP_LANES, WIDTH_INCH, DPI = 0.17, 0.7, 11, 110
MIN_BAR_PIXELS, PANEL_PIXELS = 3, 900  # the names of labels take about the rest of the width
GRID = '#e6e6e6'
NO_LABEL = '#b0b0b0'
MAX_VIDEOS, MAX_LABELS, MAX_LANES = 8, 24, 4
MAX_EVENTS = 1000  # of one video: more cannot be told apart


def draw_events(events: Events) -> Figure:
    """Draws a panel for each video and in it a row for each label, in the order in which they begin.

    The surer a prediction, the stronger its colour. Events of one label that overlap take lanes of their own. At most
    ``MAX_VIDEOS`` videos are drawn, those with events first; of each at most ``MAX_LABELS`` labels, the most frequent,
    ``MAX_LANES`` lanes and ``MAX_EVENTS`` events, the surest or earliest. What is not drawn is counted.

    Args:
        events: The table. A video of unknown duration lasts as long as its events.

    Returns:
        The figure; :func:`write_png` writes it. No global state of matplotlib is touched.
    """
    rows = events.groups()
    shown = sorted(range(len(events.videos)), key=lambda place: not len(rows[place]))[:MAX_VIDEOS]
    figure = Figure(layout='constrained', figsize=(WIDTH_INCH, 1), dpi=DPI)
    if not shown:
        return figure
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    heights = [_draw_video(axes, events, place, rows[place]) for axes, place in zip(panels, shown, strict=True)]
    panels[0].get_gridspec().set_height_ratios(heights)
    if len(shown) < len(events.videos):
        figure.supxlabel(f'and {len(events.videos) - len(shown)} more videos', fontsize=9, x=1, ha='right')
    figure.set_size_inches(WIDTH_INCH, sum(heights) * LANE_INCH + 0.6 * len(shown) + 0.5)
    return figure


def png(events: Events) -> bytes:
    """The picture of :func:`draw_events` as the content of a PNG file."""
    file = BytesIO()
    write_png(draw_events(events), file)
    return file.getvalue()


def write_png(figure: Figure, file: str | Path | IO[bytes]) -> None:
    """Writes a figure at its own resolution. ``savefig`` would draw it twice, and lay it out as often."""
    FigureCanvasAgg(figure).print_png(file)


def _draw_video(axes: Axes, events: Events, place: int, rows: np.ndarray) -> float:
    """Draws the panel of one video and returns its height in lanes.

    Args:
        axes: The panel.
        events: The table.
        place: The video's place in it.
        rows: (N,), the places of its events.
    """
    num, video = len(rows), events.videos[place]
    start, end = events.start_sec[rows], events.end_sec[rows]
    order = np.lexsort((start, -np.ones(num) if events.scores is None else -events.scores[rows]))
    order = order[(np.abs(start) < MAX_SEC)[order] & (np.abs(end) < MAX_SEC)[order]][:MAX_EVENTS]
    rows, start, end = rows[order], start[order], end[order]
    numbers, counts = np.unique(events.label_index[rows], return_counts=True)
    numbers = numbers[np.argsort(-counts, kind='stable')][:MAX_LABELS]
    labels = sorted(numbers.tolist(), key=lambda number: start[events.label_index[rows] == number].min())
    known_sec = video.duration_sec if video.duration_sec and video.duration_sec < MAX_SEC else 0.0
    duration_sec = max([known_sec, *end.tolist()]) or 1.0
    scores = np.ones(len(rows)) if events.scores is None else np.nan_to_num(events.scores[rows], nan=1.0).clip(0, 1)
    bottom, centres, num_drawn = 0.0, [], 0
    for number in labels:
        mine = events.label_index[rows] == number
        spans = np.stack([start[mine], end[mine]], axis=1)
        spans = visible_spans(spans, duration_sec, MIN_BAR_PIXELS / PANEL_PIXELS * duration_sec)
        lanes = lanes_of(spans, MAX_LANES)
        color = NO_LABEL if number < 0 else to_hex(colormaps['tab20'](number % 20))
        top = bottom
        bottom = draw_bars(axes, spans, lanes, np.full(len(spans), color), 0.3 + 0.7 * scores[mine], top)
        num_drawn += int((lanes >= 0).sum())
        centres.append((top + bottom) / 2)
        bottom += ROW_GAP_LANES
        axes.axhline(bottom - ROW_GAP_LANES / 2, color=GRID, linewidth=0.8, zorder=0)
    not_drawn = f', {num - num_drawn} of them not drawn' if num_drawn < num else ''
    frame(axes, duration_sec, f'{video.video_id}: {num} event{"" if num == 1 else "s"}{not_drawn}')
    name_rows(axes, centres, [(*events.labels, 'no label')[number] for number in labels])
    axes.set_ylim(max(bottom, 1.0), -ROW_GAP_LANES / 2)
    return max(bottom, 1.0)


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


def visible_spans(segments_sec: np.ndarray, duration_sec: float, min_sec: float) -> np.ndarray:
    """The segments (N, 2) inside the video, each at least ``min_sec`` long."""
    centres = segments_sec.mean(axis=1, keepdims=True)
    half = np.maximum(np.diff(segments_sec), min_sec) / 2
    room = min(min_sec, duration_sec)
    start = np.clip(centres - half, 0, duration_sec - room)
    return np.hstack([start, np.clip(centres + half, start + room, duration_sec)])


def draw_bars(
    axes: Axes, spans_sec: np.ndarray, lanes: np.ndarray, colors: np.ndarray, alphas: np.ndarray, top: float
) -> float:
    """Draws bars in their lanes below ``top`` (the axis points down) and returns where the lanes end."""
    for (start, end), lane, color, alpha in zip(spans_sec, lanes, colors, alphas, strict=True):
        if lane >= 0:
            bar = Rectangle(
                (start, top + lane + 0.1), end - start, 0.8, linewidth=0, facecolor=color, alpha=float(alpha)
            )
            axes.add_patch(bar)
    return top + float(lanes.max(initial=-1)) + 1


def frame(axes: Axes, duration_sec: float, title: str) -> None:
    axes.set(xlim=(0, duration_sec), xlabel='seconds')
    (line,), style = as_written([title], 80)
    axes.set_title(line, loc='left', fontsize=12, **style)
    axes.grid(axis='x', color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)


def name_rows(axes: Axes, centres: Sequence[float], names: Sequence[str]) -> None:
    axes.set_ylim(max(centres, default=0) + 1, -1)
    lines, style = as_written(names, 40)
    axes.set_yticks(centres, lines, **style)
