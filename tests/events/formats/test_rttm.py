"""RTTM by hand."""

import pytest

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, rttm
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def test_speakers_are_events(sample):
    raw = rttm.read(sample('rttm'))
    assert list(zip(raw.video, raw.start, raw.label, raw.places, strict=True)) == [
        ('talk', '0.031', 'Ann', 3),
        ('talk', '2.5', 'Bob', 4),
    ]
    assert raw.end == pytest.approx([4.958, 3.0]) and raw.columns == {'score': [None, 0.75]}
    assert raw.left_out == {'lines of the type SPKR-INFO': 1}


def test_odd_fields_stay_for_the_parser(table_file):
    raw = rttm.read(Source(table_file('SPEAKER 007.wav 1 x 1 <NA> <NA> <NA>\nSPEAKER a 1 1 nan <NA> <NA> b sure\n')))
    assert list(zip(*raw.rows(), strict=True)) == [('007', 'x', 'x + 1', None, 1), ('a', '1', '1 + nan', 'b', 2)]
    assert raw.columns == {'score': [None, 'sure']}


@pytest.mark.parametrize('line', ['SPEAKER a 1 0 1 <NA> <NA>', 'SPOKE a 1 0 1 <NA> <NA> b', 'x'])
def test_a_line_that_is_none_is_named(table_file, line):
    with pytest.raises(UserInputError, match='line 2: expected SPEAKER file channel start duration'):
        rttm.read(Source(table_file(f'SPEAKER a 1 0 1 <NA> <NA> b\n{line}\n')))


def test_it_is_written_with_lengths(tmp_path):
    rttm.write(Events.from_rows([('v', 0.1, 0.3, 'a', 0.25), ('w', 1e5, 1e5 + 0.001, '')]), tmp_path / 'f.rttm')
    assert (tmp_path / 'f.rttm').read_text().splitlines() == [
        'SPEAKER v 1 0.1 0.2 <NA> <NA> a 0.25 <NA>',
        'SPEAKER w 1 100000 0.001 <NA> <NA> <NA> <NA> <NA>',
    ]


def test_it_is_known_by_its_first_line(table_file):
    line = 'SPEAKER a 1 0 1 <NA> <NA> b'
    for text, expected in ((line, SURELY), (f';; x\n{line}', SURELY), (';; x', NO), ('', NO), (line[:-2], NO)):
        assert rttm.matches(Source(table_file(text))) == expected
