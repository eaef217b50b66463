"""Names of any script in a picture, with fonts that have their characters and without."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.font_manager import fontManager

from mmdel.utils import picture_labels as labels
from mmdel.visualization.timeline import draw_timeline

ODD = (
    '犬の鳴き声',
    '🐶 dog',
    '$\\frac{1}{2}$',
    'costs $5',
    '$',
    'a_b^c',
    '\udce9t\udce9',
    'x' * 300,
    'a\tb\nc\x00',
    '',
    '👩‍🚀️',
)
SCRIPT_A = '\U0001d49c'  # in STIX, which comes with matplotlib, and not in its default font


@pytest.fixture(autouse=True)
def nothing_found_yet():
    labels._families.cache_clear()
    labels._warn_of_lacking.cache_clear()


def draw(names, path):
    events = np.arange(len(names))[:, None] + np.array([0.0, 1.0])
    numbers = np.arange(len(names))
    figure = draw_timeline(
        20.0, names, events, numbers, events, numbers, np.full(len(names), 0.5), title='$\\frac{1 犬'
    )
    figure.savefig(path)
    return figure


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('fonts', ['installed', 'none'])
def test_any_name_is_drawn_without_a_warning_of_matplotlib(fonts, tmp_path, monkeypatch):
    if fonts == 'none':
        monkeypatch.setattr(fontManager, 'ttflist', [])
    figure = draw(ODD, tmp_path / 'odd.png')
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert shown[2:6] == ['$\\frac{1}{2}$', 'costs $5', '$', 'a_b^c']
    assert not any(text.get_parse_math() for text in figure.axes[0].get_yticklabels())
    assert shown[6] == '\\udce9t\\udce9' and shown[8:10] == ['a b c', ''] and len(shown[7]) == 40
    if fonts == 'none':
        assert shown[1] == '\\u1f436 dog'


def test_a_font_that_has_the_character_is_found():
    shown, style = labels.as_written([f'{SCRIPT_A}, b'], 40)
    assert shown == [f'{SCRIPT_A}, b'] and len(style['fontfamily']) == 2


def test_without_one_this_is_said_once(monkeypatch):
    said = []
    monkeypatch.setattr(fontManager, 'ttflist', [])
    monkeypatch.setattr(labels, 'warn', said.append)
    for name in (f'{SCRIPT_A}', '犬', 'plain'):
        labels.as_written([name], 40)
    (message,) = said
    assert 'no installed font' in message


def test_a_long_name_keeps_both_ends():
    (shown,), _ = labels.as_written(['a' * 50 + 'b' * 50], 30)
    assert len(shown) == 30 and shown.strip('ab') == '…' and shown[0] == 'a' and shown[-1] == 'b'
