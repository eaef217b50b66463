"""Names of classes and videos as texts of a picture: of any script, and exactly as they are."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from matplotlib.font_manager import FontEntry, FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font

from mmdel.utils.log import warn


def as_written(names: Sequence[str], max_length: int) -> tuple[list[str], dict[str, Any]]:
    """What to draw for names, and the properties of the text: ``$`` and ``\\frac`` are shown as such.

    What is longer than ``max_length`` loses its middle. A character that no installed font has is shown by its code
    (``\\u72ac``), which is told once in a warning.
    """
    lines = [_shorten(_one_line(name), max_length) for name in names]
    families, lacking = _families(frozenset(''.join(lines)))
    if lacking:
        _warn_of_lacking()
    coded = (''.join(_code(char) if char in lacking else char for char in line) for line in lines)
    drawn = [_shorten(line, max_length) for line in coded]
    return drawn, dict(parse_math=False, fontfamily=[*FontProperties().get_family(), *families])


def _one_line(text: str) -> str:
    """Without line breaks, the invisible characters that steer how others look, and marks piled upon marks."""
    text = ' '.join(text.split())
    text = ''.join(x for x in text if unicodedata.category(x) not in ('Cc', 'Cf') and not '\ufe00' <= x <= '\ufe0f')
    kinds = [unicodedata.category(x) for x in text]
    return ''.join(x for place, x in enumerate(text) if kinds[max(place - 2, 0) : place + 1] != 3 * ['Mn'])


def _shorten(text: str, max_length: int) -> str:
    if len(text) <= max_length:
        return text
    end = max_length // 3
    return f'{text[: max_length - end - 1]}…{text[-end:]}'


@lru_cache(maxsize=256)
def _families(chars: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """The families of fonts that have what the default font lacks of ``chars``, and the characters that none has."""
    lacking = chars - _covered(findfont(FontProperties()), chars)
    families: list[str] = []
    for entry in sorted(fontManager.ttflist, key=_plainness) if lacking else ():
        if covered := _covered(entry.fname, lacking):
            families.append(entry.name)
            lacking -= covered
        if not lacking:
            break
    return tuple(families), lacking


def _plainness(entry: FontEntry) -> tuple:
    return 'Sans' not in entry.name, entry.style != 'normal', str(entry.weight) not in ('400', 'normal'), entry.name


def _covered(path: str, chars: frozenset[str]) -> frozenset[str]:
    """The characters that a font can draw; none of a font that shows codes only."""
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return frozenset()
    if font.family_name.startswith('Last Resort'):
        return frozenset()
    return frozenset(char for char in chars if font.get_char_index(ord(char)))


def _code(char: str) -> str:
    return f'\\u{ord(char):04x}'


@cache
def _warn_of_lacking() -> None:
    warn(
        'no installed font has all characters of the names in the pictures: these are shown by their codes, as in '
        f'{_code("犬")}; install fonts of their script, such as Noto Sans CJK, or Symbola for emoji'
    )
