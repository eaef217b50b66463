"""Hostile texts in pictures: every one is drawn as it stands, in whatever picture, without a warning and in time."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from documented import documented
from matplotlib.backends.backend_agg import FigureCanvasAgg
from sandbox import run_apart

import mmdel
from mmdel.evaluation.diagnosis_report import diagnosis_figure
from mmdel.evaluation.functional import GroundTruth, Predictions
from mmdel.evaluation.functional.diagnosis import diagnose
from mmdel.events import Events, Video
from mmdel.events.picture import draw_events, png
from mmdel.visualization.timeline import draw_timeline
from mmdel.visualization.training_pictures import draw_event_masks, draw_scores

TEXTS = {
    'formula': '$\\frac{1}{2}$',
    'half a formula': '$\\frac{1',
    'unknown command': '$\\nosuchcommand$',
    'dollars': '$$$',
    'index': 'a_b^c_d',
    'many lines': 'a\nb\n' * 1000,
    'long': 'x' * 10_000,
    'long formula': '$' + 'x^{' * 3000,
    'right to left': 'שלום עולם',
    'marks of direction': '\u202eabc\u202d\u2066',
    'control': '\x00\x1b[31m\x7f',
    'half a character': '\ud800\udce9',
    'every script': ''.join(map(chr, range(0x20, 0x3000))),
    'piled up': 'a' + '\u0301' * 500,
    'mark-up': '<script>alert(1)</script>&lt;',
    'tex': '\\input{/etc/passwd}\\write18{true}',
    'underscore first': '_hidden',  # which a legend of matplotlib would leave out
    'nothing': '',
}


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('name', TEXTS)
def test_it_is_drawn(name, tmp_path):
    text = TEXTS[name]
    numbers, spans = np.arange(2), np.array([[0.0, 1.0], [1.0, 3.0]])

    def draw():
        figure = draw_timeline(9.0, [text, 'b'], spans, numbers, spans, numbers, np.full(2, 0.5), title=text)
        figure.savefig(tmp_path / 'timeline.png')
        events = Events.from_rows([(text or 'v', 0.0, 1.0, text or 'x', 0.5)], [Video(text or 'v', 9.0)])
        (tmp_path / 'events.png').write_bytes(png(events))
        masks = draw_event_masks([np.eye(4)], [text, 'b'], np.arange(2.0), text)
        scores = draw_scores({text: np.arange(2.0), 'b': np.arange(2.0)}, np.arange(2.0), spans, 9.0, text)
        figures = [figure, draw_events(events), masks, scores]
        for each in figures:
            each.draw_without_rendering()
        axes = [axes for each in figures[:2] for axes in each.axes]
        data_texts = [*(a.title for a in axes), *(a._left_title for a in axes)]
        data_texts += [label for a in axes for label in a.get_yticklabels()]
        data_texts += [*masks.axes[0].texts, masks._suptitle, scores.axes[0]._left_title]
        data_texts += scores.axes[0].get_legend().get_texts()
        return any(item.get_parse_math() for item in data_texts if item.get_text())

    assert run_apart(draw) == 'read: False'
    assert all((tmp_path / f'{name}.png').stat().st_size < 500_000 for name in ('timeline', 'events'))


def test_the_diagnosis_has_no_text_of_the_data():
    truth = GroundTruth(np.zeros(3, int), np.arange(3), np.array([[0.0, 1], [2, 3], [4, 6]]), np.zeros(3, bool))
    predicted = Predictions(np.zeros(3, int), np.arange(3), np.array([[0.0, 1], [2, 5], [8, 9]]), np.full(3, 0.5))
    figure = diagnosis_figure(diagnose(truth, predicted, num_classes=3))
    FigureCanvasAgg(figure).draw()


def test_no_other_file_puts_texts_in_pictures():
    """Whoever draws texts of the data does it by ``as_written``; a new picture is added to the tests above.

    Pillow, which draws an overlay's, knows no mathematics: ``tests/visualization/test_overlay_text.py``.
    """
    draws = re.compile(r'set_title|set_[xy]ticks|\.text\(|\.annotate\(|suptitle|\.legend\(')
    found = {path.name for path in Path(mmdel.__file__).parent.rglob('*.py') if draws.search(path.read_text())}
    assert found == {'picture.py', 'timeline.py', 'diagnosis_report.py', 'training_pictures.py', 'overlay_text.py'}


def test_every_one_of_them_stands_in_the_docs():
    assert documented('Texts in pictures').keys() == TEXTS.keys()
