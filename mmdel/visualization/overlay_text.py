"""Texts of any script in pictures of Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from mmdel.utils.picture_labels import as_written

MAX_LENGTH = 80


class TextPainter:
    """Draws texts of one size, with fonts that have what the texts need.

    Args:
        texts: All names that will be drawn; other texts should need no more than the default font has.
        size: Height of the font in pixels.
    """

    def __init__(self, texts: Sequence[str], size: int) -> None:
        drawn, style = as_written(texts, MAX_LENGTH)
        self._drawn = dict(zip(texts, drawn, strict=True))
        paths = [findfont(FontProperties(family=[family])) for family in style['fontfamily']]
        self._fonts = [(ImageFont.truetype(path, size), FT2Font(path)) for path in dict.fromkeys(paths)]
        ascent, descent = self._fonts[0][0].getmetrics()
        self.height, self._ascent = ascent + descent, ascent

    @lru_cache(maxsize=2000)  # noqa: B019  an overlay has one or two painters, and they end with it
    def mask(self, text: str, max_width: int) -> Image.Image:
        """Where the text is, as an image of grey levels; what is wider than ``max_width`` ends in an ellipsis."""
        line = self._fitting(self._drawn.get(text, text), max_width)
        image = Image.new('L', (max(1, min(max_width, self._width(line))), self.height))
        draw, place = ImageDraw.Draw(image), 0.0
        for font, run in self._runs(line):
            draw.text((place, self._ascent), run, fill=255, font=font, anchor='ls')
            place += font.getlength(run)
        return image

    def _fitting(self, line: str, max_width: int) -> str:
        if self._width(line) <= max_width:
            return line
        low, high = 0, len(line)  # so many characters fit, so many do not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._width(f'{line[:middle]}…') <= max_width else (low, middle)
        return f'{line[:low].rstrip()}…'

    def _width(self, line: str) -> int:
        return round(sum(font.getlength(run) for font, run in self._runs(line)))

    def _runs(self, line: str) -> list[tuple[ImageFont.FreeTypeFont, str]]:
        """Pieces of the line, each with the first font that has its characters."""
        places = [
            next((place for place, (_, face) in enumerate(self._fonts) if face.get_char_index(ord(char))), 0)
            for char in line
        ]
        runs = groupby(zip(places, line, strict=True), key=lambda pair: pair[0])
        return [(self._fonts[place][0], ''.join(char for _, char in pairs)) for place, pairs in runs]
