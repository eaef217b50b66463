from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.visualization.overlay_text import TextPainter


def ink(painter, text, max_width):
    """Columns of the drawn text that are not empty."""
    return np.flatnonzero(np.asarray(painter.mask(text, max_width)).max(axis=0) > 0)


def test_a_text_that_fits_is_drawn_whole_and_a_long_one_ends_in_an_ellipsis():
    painter = TextPainter(['cat', 'a very long label of a class'], 12)
    whole, cut = painter.mask('a very long label of a class', 1000), painter.mask('a very long label of a class', 60)
    assert whole.width > 100 and cut.width <= 60
    same = cut.width - 20  # up to the ellipsis and the last letter before it
    np.testing.assert_array_equal(np.asarray(cut)[:, :same], np.asarray(whole)[:, :same])
    assert painter.mask('cat', 60).width == painter.mask('cat', 1000).width < 60


@pytest.mark.parametrize('max_width', [1, 2, 5, 12])
def test_where_there_is_no_room_nothing_is_drawn(max_width):
    painter = TextPainter(['wwwwwwwwwwww'], 12)
    assert painter.mask('wwwwwwwwwwww', max_width).width <= max_width and not len(
        ink(painter, 'wwwwwwwwwwww', max_width)
    )


def test_scripts_that_fonts_have_are_drawn_and_others_by_their_codes():
    texts = ['Hund', 'собака', 'σκύλος', '犬', '$x^2$ \\frac', 'a\nb']
    painter = TextPainter(texts, 14)
    widths = {text: len(ink(painter, text, 500)) for text in texts}
    assert all(widths.values())
    again = TextPainter(texts, 14)  # without luck of a cache
    assert widths == {text: len(ink(again, text, 500)) for text in texts}


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=200), st.integers(1, 300))
def test_no_text_at_all_is_too_much(text, max_width):
    mask = TextPainter([text], 12).mask(text, max_width)
    assert 1 <= mask.width <= max_width
