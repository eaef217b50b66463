"""Files as they come: encodings, line ends, JSON and XML."""

from __future__ import annotations

import pytest

from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


@pytest.fixture
def source(tmp_path):
    def make(content, name='x.txt', encoding=None):
        (tmp_path / name).write_bytes(content)
        return Source(tmp_path / name, encoding)

    return make


@pytest.mark.parametrize(
    ('content', 'encoding'),
    [
        ('é\nb\n\nc'.encode(), None),
        ('\ufeffé\r\nb\r\n\r\nc'.encode(), None),
        ('é\rb\r\rc'.encode(), None),
        ('\ufeffé\nb\n\nc'.encode('utf-16-le'), None),
        ('\ufeffé\nb\n\nc'.encode('utf-16-be'), None),
        ('é\nb\n\nc'.encode('latin-1'), 'latin-1'),
    ],
)
def test_one_text_in_all_encodings_and_line_ends(source, content, encoding):
    made = source(content, encoding=encoding)
    assert made.text == 'é\nb\n\nc' and made.lines == ['é', 'b', 'c']
    assert made.numbered == [(1, 'é'), (2, 'b'), (4, 'c')]


@pytest.mark.parametrize(
    ('content', 'encoding', 'said'),
    [
        (b'a\n\xe9b', None, 'not in UTF-8 .byte 0xe9 in line 2., but perhaps in Latin-1'),
        (b'a', 'nonsense', 'no text in nonsense'),
        (b'\xff', 'ascii', 'no text in ascii'),
        (b'\x80\x04x', None, 'a pickle, which is not opened'),
        (b'PK\3\4', None, 'a zip archive'),
        (b'<!DOCTYPE html><html>', None, 'a web page'),
        (b'', None, 'is empty'),
    ],
)
def test_what_is_no_text_is_said(source, content, encoding, said):
    with pytest.raises(UserInputError, match=said):
        source(content, encoding=encoding).text  # noqa: B018


def test_json_knows_its_repeated_keys_and_says_what_is_wrong(source):
    made = source(b'{"a": {"x": 1, "y": 2, "x": 3}}')
    assert made.json == {'a': {'x': 3, 'y': 2}} and made.repeated == [({'x': 3, 'y': 2}, ['x'])]
    assert source(b'a,b\n1,2').json is None
    for content in (b'{"a"', b'[' * 100_000):
        with pytest.raises(UserInputError, match=r'x\.txt is not JSON'):
            source(content).json  # noqa: B018


def test_xml_may_define_no_entities(source):
    assert source(b'<?xml version="1.0"?><a><b/></a>').xml.tag == 'a'
    assert source(b'a,b').xml is None
    for content, said in (
        (b'<a>', 'is not XML'),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'defines XML entities'),
    ):
        with pytest.raises(UserInputError, match=said):
            source(content).xml  # noqa: B018


def test_the_stem_is_the_video_s_name(tmp_path):
    assert Source(tmp_path / 'a.b.txt').stem == 'a.b'
    assert Source('cafe\u0301.txt').stem == 'caf\xe9'
    with pytest.raises(UserInputError, match=r'Cannot read the file of events .*absent\.txt: No such file'):
        Source(tmp_path / 'absent.txt').text  # noqa: B018
