"""The picture of a table: what is drawn where, and what is counted instead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from mmdel.events import Events, Video, picture
from mmdel.events.picture import MAX_LABELS, MAX_LANES, MAX_VIDEOS, lanes_of


def bars(axes):
    """(start, end, colour, opacity) of every bar, from the top down."""
    found = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    found.sort(key=lambda bar: (bar.get_y(), bar.get_x()))
    places = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in found]
    return [(*place, to_hex(bar.get_facecolor()), bar.get_alpha()) for place, bar in zip(places, found, strict=True)]


def rows(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


def title(axes):
    return axes.get_title(loc='left')


def test_a_panel_a_video_and_a_row_a_label_in_the_order_of_time():
    odd = '$\\frac{1$'
    rows_of_b = [('$b$', 5.0, 9.0, odd), ('$b$', 1.0, 2.0, 'x'), ('$b$', 1.5, 3.0, 'x'), ('$b$', 4.0, 5.0, '')]
    videos = [Video('a', 3.0), Video('$b$', 8.0)]
    figure = Events.from_rows([*rows_of_b, ('c', 0.0, 1.0, odd, 0.5)], videos).plot()
    b, c, a = figure.axes
    assert [title(axes) for axes in (a, b, c)] == ['a: 0 events', '$b$: 4 events', 'c: 1 event']
    assert rows(a) == [] and rows(b) == ['x', 'no label', odd] and rows(c) == [odd]
    assert not any(text.get_parse_math() for text in figure.findobj(Text) if '$' in text.get_text())
    assert [axes.get_xlim() for axes in (a, b, c)] == [(0, 3), (0, 9), (0, 1)]  # as long as its events at least
    assert [bar[:2] for bar in bars(b)] == [(1, 2), (1.5, 3), (4, 5), (5, 9)]
    colors = [bar[2] for bar in bars(b)]
    assert colors[0] == colors[1] and len(set(colors)) == 3
    assert bars(c) == [(0, 1, colors[3], pytest.approx(0.65))]  # the same label has the same colour everywhere


def test_what_is_too_much_is_counted(monkeypatch):
    monkeypatch.setattr(picture, 'MAX_EVENTS', 5)
    for score, drawn in ((lambda place: place / 10, (2, 7)), (lambda place: None, (0, 5))):  # the surest, the earliest
        (axes,) = Events.from_rows([('v', place, place + 1, 'a', score(place)) for place in range(7)]).plot().axes
        assert title(axes) == 'v: 7 events, 2 of them not drawn'
        assert [bar[0] for bar in bars(axes)] == list(range(*drawn))
    monkeypatch.undo()
    (axes,) = Events.from_rows([('v', 0, 1, str(label)) for label in range(MAX_LABELS + 1)]).plot().axes
    assert title(axes).endswith(' 1 of them not drawn') and len(rows(axes)) == MAX_LABELS
    (axes,) = Events.from_rows([('v', 0, 1, 'a')] * (MAX_LANES + 2)).plot().axes
    assert title(axes).endswith(' 2 of them not drawn')
    figure = Events.from_rows([(f'v{place}', 0, 1, 'a') for place in range(MAX_VIDEOS + 3)], [Video('empty')]).plot()
    assert [title(axes)[:2] for axes in figure.axes] == [f'v{place}' for place in range(MAX_VIDEOS)]
    assert figure.get_supxlabel() == 'and 4 more videos'


@pytest.mark.filterwarnings('error')
def test_odd_times_make_no_odd_picture():
    times = [(float('nan'), 1.0), (0.0, float('inf')), (-1e308, 1e308), (3.0, 1.0), (-9.0, -8.0), (2.0, 2.0)]
    events = Events.from_rows([('v', *span, 'a') for span in times], [Video('v', 5.0), Video('w', float('inf'))])
    v, w = events.plot().axes
    assert title(v) == 'v: 6 events, 3 of them not drawn' and v.get_xlim() == (0, 5) and w.get_xlim() == (0, 1)
    assert all(0 <= start < end <= 5 for start, end, *_ in bars(v))
    assert events._repr_png_().startswith(b'\x89PNG')
    assert Events()._repr_png_() is None and Events().plot().axes == []


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10)).map(lambda pair: (pair[0], sum(pair))), max_size=12),
    st.integers(1, 4),
)
def test_lanes_keep_overlapping_segments_apart(segments, max_lanes):
    segments = np.reshape(segments, (-1, 2))
    lanes = lanes_of(segments, max_lanes)
    assert ((lanes >= -1) & (lanes < max_lanes)).all()
    for i, (start, end) in enumerate(segments):
        clashing = {lanes[j] for j in range(i) if segments[j, 0] < end and start < segments[j, 1]} - {-1}
        if lanes[i] >= 0:
            assert clashing.isdisjoint({lanes[i]})
            assert set(range(lanes[i])) <= clashing  # the first free lane
        else:
            assert clashing == set(range(max_lanes))


def test_a_file_is_written_as_matplotlib_writes_it_in_one_drawing(tmp_path, monkeypatch):
    figure = Events.from_rows([('a', 1.0, 2.0, 'x', 0.5)], [Video('a', 3.0)]).plot()
    figure.savefig(tmp_path / 'twice.png')
    drawn, draw = [], Figure.draw
    monkeypatch.setattr(Figure, 'draw', lambda self, *args: drawn.append(self) or draw(self, *args))
    picture.write_png(figure, tmp_path / 'once.png')
    assert drawn == [figure]
    assert np.array_equal(imread(tmp_path / 'once.png'), imread(tmp_path / 'twice.png'))
