"""WebVTT, against a file by hand and the package webvtt-py."""

from __future__ import annotations

import pytest
from events.formats.samples_tools import SAMPLES

from mmdel.events.events import Events
from mmdel.events.formats import webvtt
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def read(content, folder):
    path = folder / 'talk.vtt'
    path.write_bytes(content)
    return webvtt.read(Source(path))


@pytest.mark.parametrize('sample', ['webvtt', 'webvtt BOM, CRLF'])
def test_cues_notes_and_tags(sample, tmp_path):
    raw = read(SAMPLES[sample][1], tmp_path)
    assert raw.videos == {'talk': {}} and raw.places == [12, 16, 18]
    assert raw.label == ['rock & roll\n<noise>', None, '犬 <3']
    assert raw.start == ['00:01.500', '1:02:03.004', '00:05.000']
    assert raw.end == ['00:00:04.000', '1:02:04.000', '00:06.000']
    assert raw.columns == {'speaker': ["Ann O'Neill", None, None]}


def test_a_cue_may_follow_the_header_at_once(tmp_path):
    assert read(
        b'WEBVTT\nX-A: b\n0:01.000 --> 0:02.000\na\n\nNOTE no\n\nNOTE\n0:02.000 --> 0:03.000\nb', tmp_path
    ).label == ['a', 'b']
    assert len(read(b'WEBVTT', tmp_path)) == 0


def test_what_is_no_webvtt(tmp_path):
    with pytest.raises(UserInputError, match=r'talk\.vtt, line 1: expected WEBVTT'):
        read(b'WEBVTTX\n\n0:01.000 --> 0:02.000\na', tmp_path)
    with pytest.raises(UserInputError, match=r'talk\.vtt, line 3: expected times'):
        read(b'WEBVTT\n\n0:01.000 -> 0:02.000\na', tmp_path)


def test_the_package_webvtt_reads_what_is_written(tmp_path):
    package = pytest.importorskip('webvtt')
    rows = [('v', 3.0, 100_000.5, 'a & <b>'), ('v', 0.0015, 3.0, 'NOTE')]
    webvtt.write(Events.from_rows(rows), tmp_path / 'v.vtt')
    cues = package.WebVTT.read(str(tmp_path / 'v.vtt'), strict=True)
    assert [(cue.start, cue.end) for cue in cues] == [
        ('00:00:00.002', '00:00:03.000'),
        ('00:00:03.000', '27:46:40.500'),
    ]
    assert [cue.raw_text for cue in cues] == ['NOTE', 'a &amp; &lt;b&gt;']


def test_signs_without_a_partner_are_text_and_take_no_time(tmp_path):
    text = '<v ' * 300_000 + '<i ' * 300_000
    assert read(f'WEBVTT\n\n0:01.000 --> 0:02.000\n{text}a > b'.encode(), tmp_path).label[0].startswith('<v <v')
