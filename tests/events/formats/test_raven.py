"""Raven's selection tables by hand."""

import pytest

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, raven
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError

HEADER = 'Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)'


def rows(raw):
    return list(zip(*raw.rows(), strict=True))


def test_a_selection_counts_once_whatever_its_views(sample):
    raw = raven.read(sample('raven'))
    assert rows(raw) == [('dawn', '0.5', '1.25', 'wren', 2), ('dawn', '2.0', '3.0', None, 4)]
    assert raw.left_out == {'rows of a selection in a further view': 1}
    assert raw.columns['Low Freq (Hz)'] == ['0.0', '0.0']


def test_times_are_those_in_each_of_several_files(sample, table_file):
    raw = raven.read(sample('raven of several files'))
    assert rows(raw) == [('a', '3.0', 6.0, 'Great Tit', 2), ('b', '3.0', 6.0, 'Robin', 3)]
    assert raw.columns['score'] == [0.75, 0.5] and raw.columns['Species Code'] == ['gretit1', 'eurrob1']
    text = f'{HEADER}\tBegin File\n1\tS\t1\t3\t6\tx/a.wav\n2\tS\t1\t63\t66\t{{}}.wav\n'
    assert raven.read(Source(table_file(text.format('a')))).video == ['a', 'a']
    with pytest.raises(UserInputError, match=r"2 sound files, .* the column 'File Offset \(s\)'"):
        raven.read(Source(table_file(text.format('b'))))


def test_the_label_s_column_may_have_to_be_said(table_file):
    source = Source(table_file(f'{HEADER}\tSpecies\tCall Type\n1\tS\t1\t3\t6\twren\tsong\n', names=['v.txt']))
    with pytest.raises(UserInputError, match="'Species' and 'Call Type' may each be the label; say which: label="):
        raven.read(source)
    raw = raven.read(source, label='Call Type')
    assert rows(raw) == [('v', '3', '6', 'song', 2)] and raw.columns['Species'] == ['wren']
    assert raven.read(Source(table_file(f'{HEADER}\n1\tS\t1\t3\t6\n'))).label == [None]


def test_a_table_without_selections_is_a_video(table_file):
    raw = raven.read(Source(table_file(f'{HEADER}\n', names=['v.BirdNET.selection.table.txt'])))
    assert raw.videos == {'v': {}} and not len(raw)


def test_it_is_written_for_raven(tmp_path):
    raven.write(Events.from_rows([('v', 1, 2.5, 'a', 0.5)]), tmp_path / 'v.txt')
    header, row = (tmp_path / 'v.txt').read_text().splitlines()
    assert header == f'{HEADER}\tLow Freq (Hz)\tHigh Freq (Hz)\tAnnotation\tScore'
    assert row == '1\tSpectrogram 1\t1\t1\t2.5\t0\t20000\ta\t0.5'


def test_it_is_known_by_its_header(table_file):
    assert raven.matches(Source(table_file(HEADER))) == SURELY
    assert raven.matches(Source(table_file(HEADER.replace('Selection', 'Choice')))) == NO
