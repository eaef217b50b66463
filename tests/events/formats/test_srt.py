"""SubRip subtitles by hand."""

from __future__ import annotations

import pytest
from events.formats.samples_tools import SAMPLES

from mmdel.events.events import Events
from mmdel.events.formats import NO, SURELY, srt
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


@pytest.mark.parametrize('sample', ['srt', 'srt BOM, CRLF'])
def test_cues(sample, tmp_path):
    path = tmp_path / 'talk.srt'
    path.write_bytes(SAMPLES[sample][1])
    raw = srt.read(Source(path))
    assert raw.videos == {'talk': {}} and raw.places == [2, 7, 10]
    assert raw.label == ['rock & <i>roll</i>\n, live', None, '犬 <3']
    assert raw.start == ['00:00:01,500', '01:02:03,004', '00:00:05.000']
    assert raw.end == ['00:00:04,000', '01:02:04,000', '00:00:06.000']


def test_it_is_written_in_the_order_of_time(tmp_path):
    srt.write(Events.from_rows([('v', 3, 4, 'a'), ('v', 0.0015, 3723.5, '')]), tmp_path / 'v.srt')
    text = '1\n00:00:00,002 --> 01:02:03,500\n\n\n2\n00:00:03,000 --> 00:00:04,000\na\n'
    assert (tmp_path / 'v.srt').read_text() == text


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (b'00:00:01.5 --> 00:00:02\na', SURELY),
        (b'\n\n1\r\n0:00:01,5 --> 0:00:02,5\r\n', SURELY),
        ('1\n00:00:01,5 --> 00:00:02,5\né'.encode('latin-1'), SURELY),
        ('1\n00:00:01,5 --> 00:00:02,5\né'.encode('utf-16'), SURELY),
        (b'a\n00:00:01.5 --> 00:00:02\na', NO),
        (b'1,2\n', NO),
        (b'', NO),
        (b'\xff\xfe\x00', NO),
    ],
)
def test_it_is_known_by_its_first_cue(content, expected, tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(content)
    assert srt.matches(Source(path)) == expected
    if content[-1:] == b'\xe9':
        with pytest.raises(UserInputError, match='not in UTF-8'):
            srt.read(Source(path))
