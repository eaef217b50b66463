"""Audacity's label tracks by hand."""

import pytest

from mmdel.events.events import Events, Video
from mmdel.events.formats import NO, PERHAPS, SURELY, audacity
from mmdel.events.reading import read_events
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def rows(raw):
    return list(zip(*raw.rows(), strict=True))


def test_labels_and_frequencies(sample):
    assert rows(audacity.read(sample('audacity'))) == [
        ('street', '0.5', '1.25', 'dog barks', 1),
        ('street', '2.150000', '2.150000', 'a point', 2),
        ('street', '3,4', '6,1', None, 3),
    ]
    raw = audacity.read(sample('audacity with frequencies'))
    assert rows(raw) == [('rain', '1.0', '2.0', 'drop', 1), ('rain', '2.0', '2.5', 'drip', 3)]
    assert raw.columns == {'low_hz': ['-1.000000', None], 'high_hz': ['6334.588867', None]}


@pytest.mark.parametrize('text', ['1\n', '\\\t1\t2\n', '1 2 x\n'])
def test_a_line_that_is_none_is_named(table_file, text):
    with pytest.raises(UserInputError, match='line 1: expected start, end and label, parted by tabs'):
        audacity.read(Source(table_file(text)))


def test_it_is_written_as_it_stands(tmp_path):
    audacity.write(Events.from_rows([('v', 1, 2.5, '"a" b'), ('v', 3, 4, '')]), tmp_path / 'v.txt')
    assert (tmp_path / 'v.txt').read_text() == '1\t2.5\t"a" b\n3\t4\t\n'
    audacity.write(Events((Video('w'),)), tmp_path / 'w.txt')
    assert read_events(tmp_path / 'w.txt', 'audacity') == Events((Video('w'),))


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('0.5\t1\n', PERHAPS),
        ('0,5\t1\tx\n', PERHAPS),
        ('0.5\t1\tx\n\\\t1\t2\n', SURELY),
        ('\\\t1\t2\n', NO),
        ('0.5\t1\tx\ty\n', NO),
        ('start\tend\tx\n0.5\t1\tx\n', NO),
        ('0.5,1,x\n', NO),
        ('', NO),
    ],
)
def test_it_is_known_by_its_times(table_file, text, expected):
    assert audacity.matches(Source(table_file(text))) == expected
