"""The strip below the pictures of an overlay: what runs now, what comes, and how far the video is.

From top to bottom, in columns for truth and prediction where there are both: the running events, with colour, label and
score; a timeline of some seconds around the playhead; and a bar of the whole video.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image, ImageDraw

from mmdel.events.events import Events
from mmdel.events.picture import lanes_of
from mmdel.visualization.overlay_text import TextPainter

BACKGROUND, PANEL, GRID = (18, 20, 24), (30, 33, 39), (52, 57, 66)
TEXT, DIM, PLAYHEAD = (236, 238, 241), (160, 166, 176), (255, 255, 255)
# Told apart with every kind of colour vision: Okabe and Ito, https://jfly.uni-koeln.de/color/, without black; further
# classes get lighter and darker ones.
COLOURS = ('#E69F00', '#56B4E9', '#009E73', '#F0E442', '#0072B2', '#D55E00', '#CC79A7')
SHADES = (None, (255, 255, 255), (0, 0, 0))
WINDOW_SEC = 12.0
MAX_LANES = 6  # of events at once, of the truth and of the predictions each; further ones are counted
MAX_EVENTS = 5000  # of one video, the surest or earliest
NO_LABEL = 'no label'

Colour = tuple[int, int, int]


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """A colour with a share of another."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def class_colours(labels: list[str]) -> dict[str, Colour]:
    """A colour for each of some labels."""
    colours: dict[str, Colour] = {}
    for place, label in enumerate(labels):
        red, green, blue = (round(255 * part) for part in to_rgb(COLOURS[place % len(COLOURS)]))
        shade = SHADES[place // len(COLOURS) % len(SHADES)]
        colours[label] = (red, green, blue) if shade is None else mix((red, green, blue), shade, 0.4)
    return colours


@dataclass
class Row:
    """The truth or the predictions: N events, each in a lane, -1 for those beyond ``MAX_LANES`` at once."""

    name: str
    starts_sec: np.ndarray
    ends_sec: np.ndarray
    labels: list[str]
    scores: np.ndarray | None
    lanes: np.ndarray
    is_truth: bool

    @property
    def num_lanes(self) -> int:
        return max(1, int(self.lanes.max(initial=-1)) + 1)


def make_row(name: str, events: Events, is_truth: bool) -> Row:
    """The events of one video, the surest ones first."""
    scores = None if events.scores is None else np.nan_to_num(events.scores, nan=1.0).clip(0, 1)
    order = np.lexsort((events.start_sec, np.zeros(len(events)) if scores is None else -scores))[:MAX_EVENTS]
    spans = np.stack([events.start_sec, events.end_sec], axis=1)[order]
    labels = [(*events.labels, NO_LABEL)[number] for number in events.label_index[order]]
    lanes = lanes_of(spans, MAX_LANES)
    return Row(name, spans[:, 0], spans[:, 1], labels, None if scores is None else scores[order], lanes, is_truth)


class Strip:
    """Draws the strip for any moment.

    Args:
        width: In pixels.
        scale: Size of a unit in pixels; a line of text is 13 units high.
        duration_sec: Of the video.
        rows: Truth and predictions, or one of both.

    Attributes:
        height: In pixels, the same for all moments.
    """

    def __init__(self, width: int, scale: float, duration_sec: float, rows: list[Row]) -> None:
        self.width, self.scale, self.duration_sec, self.rows = width, scale, max(duration_sec, 1e-3), rows
        labels = sorted({label for row in rows for label in row.labels})
        self._colours = class_colours(labels)
        self._text = TextPainter(labels, self._px(12))
        self._gutter = self._px(6)
        self._chip, self._lane = self._px(19), self._px(17)
        self._chips_top = self._px(20)
        self._lanes_top = self._chips_top + max(row.num_lanes for row in rows) * self._chip + self._px(6)
        self._bar_top = self._lanes_top + sum(self._row_height(row) for row in rows) + self._px(2)
        self.height = self._bar_top + self._px(22)
        self.height += self.height % 2
        self._whole = self._draw_whole()

    def _px(self, units: float) -> int:
        return max(1, round(units * self.scale))

    def _row_height(self, row: Row) -> int:
        return row.num_lanes * self._lane + self._px(6)

    def draw(self, time_sec: float) -> np.ndarray:
        """The strip at a moment: (height, width, 3) uint8."""
        image = Image.new('RGB', (self.width, self.height), BACKGROUND)
        draw = ImageDraw.Draw(image)
        self._draw_running(image, draw, time_sec)
        start_sec = min(max(time_sec - WINDOW_SEC / 2, 0.0), max(self.duration_sec - WINDOW_SEC, 0.0))
        top = self._lanes_top
        for row in self.rows:
            self._draw_lanes(image, draw, row, top, start_sec)
            top += self._row_height(row)
        self._line(draw, self._window_x(time_sec, start_sec), self._lanes_top, top - self._px(6))
        self._draw_bar(image, draw, time_sec)
        return np.asarray(image)

    def _write(self, image: Image.Image, text: str, x: int, y: int, max_width: int, colour: Colour) -> int:
        """Writes a text and returns its width."""
        if max_width < self._px(8):
            return 0
        mask = self._text.mask(text, max_width)
        image.paste(colour, (x, y), mask)
        return mask.width

    def _line(self, draw: ImageDraw.ImageDraw, x: float, top: int, bottom: int) -> None:
        half = self._px(1) / 2
        draw.rectangle((x - half, top, x + half, bottom), fill=PLAYHEAD)

    def _draw_running(self, image: Image.Image, draw: ImageDraw.ImageDraw, time_sec: float) -> None:
        column = (self.width - self._gutter) // len(self.rows)
        for place, row in enumerate(self.rows):
            left, right = self._gutter + place * column, self._gutter + (place + 1) * column - self._gutter
            running = (row.starts_sec <= time_sec) & (time_sec < row.ends_sec)
            num_more = int((running & (row.lanes < 0)).sum())
            heading = f'{row.name}, {num_more} more' if num_more else row.name
            self._write(image, heading, left, self._px(3), right - left, DIM)
            for lane in range(row.num_lanes):
                top = self._chips_top + lane * self._chip
                draw.rectangle((left, top, right, top + self._chip - self._px(3)), fill=PANEL)
            for index in np.flatnonzero(running & (row.lanes >= 0)):
                self._draw_chip(image, draw, row, int(index), left, right)

    def _draw_chip(
        self, image: Image.Image, draw: ImageDraw.ImageDraw, row: Row, index: int, left: int, right: int
    ) -> None:
        """A running event in its lane: colour, label, and the score as a bar and a number."""
        top = self._chips_top + int(row.lanes[index]) * self._chip
        bottom, colour = top + self._chip - self._px(3), self._colours[row.labels[index]]
        text_top = (top + bottom - self._text.height) // 2 + 1
        draw.rectangle((left, top, left + self._px(6), bottom), fill=colour)
        if row.scores is not None:
            number, bar = self._px(26), min(self._px(70), (right - left) // 4)
            score = float(row.scores[index])
            self._write(image, f'{score:.2f}'.lstrip('0'), right - number, text_top, number, TEXT)
            right -= number + self._px(4)
            box_top, box_bottom = top + self._px(5), bottom - self._px(5)
            draw.rectangle((right - bar, box_top, right, box_bottom), fill=GRID)
            draw.rectangle((right - bar, box_top, right - bar + round(bar * score), box_bottom), fill=colour)
            right -= bar
        self._write(image, row.labels[index], left + self._px(12), text_top, right - left - self._px(18), TEXT)

    def _window_x(self, time_sec: float, start_sec: float) -> float:
        return self._gutter + (time_sec - start_sec) / WINDOW_SEC * (self.width - 2 * self._gutter)

    def _draw_lanes(self, image: Image.Image, draw: ImageDraw.ImageDraw, row: Row, top: int, start_sec: float) -> None:
        """The events of the seconds around the playhead, the truth as outlines."""
        left, right = self._gutter, self.width - self._gutter
        draw.rectangle((left, top, right, top + row.num_lanes * self._lane), fill=PANEL)
        for second in range(int(np.ceil(start_sec)), int(start_sec + WINDOW_SEC) + 1):
            x = self._window_x(second, start_sec)
            draw.line((x, top, x, top + row.num_lanes * self._lane), fill=GRID)
        seen = (row.ends_sec > start_sec) & (row.starts_sec < start_sec + WINDOW_SEC) & (row.lanes >= 0)
        for index in np.flatnonzero(seen):
            x0 = max(left, round(self._window_x(float(row.starts_sec[index]), start_sec)))
            x1 = min(right, max(x0 + self._px(2), round(self._window_x(float(row.ends_sec[index]), start_sec))))
            y0 = top + int(row.lanes[index]) * self._lane + self._px(1)
            fill, ink, outline = self._bar_colours(row, int(index))
            box = (x0, y0, x1, y0 + self._lane - self._px(2))
            draw.rectangle(box, fill=fill, outline=outline, width=self._px(1.5))
            text_top = (box[1] + box[3] - self._text.height) // 2 + 1
            self._write(image, row.labels[index], x0 + self._px(4), text_top, x1 - x0 - self._px(6), ink)

    def _bar_colours(self, row: Row, index: int) -> tuple[Colour, Colour, Colour]:
        """Of a bar, its text, and its outline."""
        colour = self._colours[row.labels[index]]
        if row.is_truth:
            return mix(PANEL, colour, 0.2), TEXT, colour
        fill = mix(PANEL, colour, 1.0 if row.scores is None else 0.35 + 0.65 * float(row.scores[index]))
        brightness = np.dot(fill, (0.299, 0.587, 0.114))
        return fill, BACKGROUND if brightness > 120 else TEXT, fill

    def _draw_whole(self) -> Image.Image:
        """All events of the video on one bar; the truth above, the predictions below."""
        width, height = self.width - 2 * self._gutter, self._px(8)
        image = Image.new('RGB', (width, height), PANEL)
        draw = ImageDraw.Draw(image)
        share = height / len(self.rows)
        for place, row in enumerate(self.rows):
            for index in range(len(row.labels))[::-1]:  # the surest ones last, on top
                x0 = float(row.starts_sec[index]) / self.duration_sec * width
                x1 = max(x0, float(row.ends_sec[index]) / self.duration_sec * width - 1)
                box = (x0, place * share, x1, (place + 1) * share - 1)
                draw.rectangle(box, fill=self._colours[row.labels[index]])
        return image

    def _draw_bar(self, image: Image.Image, draw: ImageDraw.ImageDraw, time_sec: float) -> None:
        top = self._bar_top
        image.paste(self._whole, (self._gutter, top))
        x = self._gutter + min(time_sec / self.duration_sec, 1.0) * self._whole.width
        self._line(draw, x, top - self._px(2), top + self._whole.height + self._px(1))
        text_top = top + self._whole.height + self._px(1)
        times = f'{clock(time_sec)} / {clock(self.duration_sec)}'
        self._write(image, times, self._gutter, text_top, self.width - 2 * self._gutter, DIM)


def clock(time_sec: float) -> str:
    """``1:02:03.4``."""
    tenths = int(time_sec * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return (f'{hours}:{minutes:02d}' if hours else f'{minutes}') + f':{rest // 10:02d}.{rest % 10}'
