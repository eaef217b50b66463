"""Cues by hand."""

from __future__ import annotations

import pytest

from mmdel.events.formats.cues import blocks, clock, cue_of
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def cues(text, folder):
    path = folder / 'a.txt'
    path.write_text(text)
    return [tuple(cue_of(block, 'a.txt')) for block in blocks(Source(path))]


def test_a_cue_has_a_name_or_none_and_any_number_of_lines(tmp_path):
    text = '\n7\n1:02:03,5 --> 1:02:04\n\n \n00:01.5-->9:00.25 X1:4\n a\nb \n'
    assert cues(text, tmp_path) == [(3, '1:02:03,5', '1:02:04', ''), (6, '00:01.5', '9:00.25', ' a\nb ')]


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('7', 1),
        ('7\n0:01 - 0:02\na', 1),
        ('7\n8\n0:01 --> 0:02', 1),
        ('0:01 --> a', 1),
        ('0:01 --> -0:02\na', 1),
        ('0:01 --> 0:02,\na', 1),
        ('0:01 --> 0:02\na\n\nb', 4),
        ('0:01 --> 0:02\na\n2\n0:03 --> 0:04\nb', 4),
    ],
)
def test_what_is_no_cue_is_said_with_its_line(text, line, tmp_path):
    with pytest.raises(UserInputError, match=rf'a\.txt, line {line}: expected'):
        cues(text, tmp_path)


def test_a_clock_counts_hours_beyond_two_figures():
    assert clock(3_723_004, ',') == '01:02:03,004' and clock(360_000_999, '.') == '100:00:00.999'
