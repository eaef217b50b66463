from __future__ import annotations

import json
import math

import pytest
from events.formats.samples_json import SAMPLES

from mmdel.events.annotations import parse_annotations
from mmdel.events.formats import SURELY, load_formats
from mmdel.events.formats.structure import Node, each_video, looks_like_videos, peek_xml, root_of
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def test_a_value_knows_its_place():
    root = Node('a.json', '', {'v': {'list': [{'x': [1, 2]}], 'id': 7, 'sec': '1:02.5', 'nothing': None}})
    (item,) = root['v']['list'].items()
    assert item['x'].place == 'v.list[0].x' and item['x'].row('a', 'b') == [1, 2]
    assert root['v']['id'].name() == '7' and root['v']['sec'].number() == 62.5
    assert list(root['v']['nothing'].items()) == [] == list(root['v']['missing'].members())


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (lambda root: root['v']['list'].mapping(), r'a.json: v.list is \[1\]; expected a mapping'),
        (lambda root: list(root['v'].items()), 'a.json: v is .*; expected a list'),
        (lambda root: root['v']['list'].row('a', 'b'), r'v.list is \[1\]; expected a list \[a, b\]'),
        (lambda root: root['v']['flag'].name(), 'v.flag is True; expected a name'),
        (lambda root: root['v']['text'].number(), "v.text is ''; expected a number"),
        (lambda root: Node('a.json', '', 3).mapping(), 'a.json: the file is 3; expected a mapping'),
    ],
)
def test_a_value_of_another_kind_is_told_with_its_place(wrong, message):
    with pytest.raises(UserInputError, match=message):
        wrong(Node('a.json', '', {'v': {'list': [1], 'flag': True, 'text': ''}}))


def test_an_id_that_stands_twice_is_a_problem_and_its_last_entry_counts(tmp_path):
    """Once as the same key, once as the same text in another Unicode form."""
    path = tmp_path / 'a.json'
    path.write_text('{"a": {"n": 1}, "a": {"n": 2}, "caf\\u00e9": {"n": 3}, "cafe\\u0301": {"n": 4}, "b": {"x": {}}}')
    raw = RawEvents(str(path))
    entries = {video_id: entry.get('n') for video_id, entry in each_video(Source(path), raw)}
    assert entries == {'a': 2, 'café': 4, 'b': None}
    assert [(problem.kind, problem.video_id) for problem in raw.problems] == [
        ('repeated-video-id', 'a'),
        ('repeated-video-id', 'café'),
    ]


def test_videos_are_mappings_with_a_list():
    assert looks_like_videos({'a': {'x': []}}, 'x')
    for other in ({}, [], None, {'a': []}, {'a': {'x': {}}}, {'a': {'x': []}, 'b': 3}):
        assert not looks_like_videos(other, 'x')


def replacements(value):
    """The value with each part of it, one at a time, replaced by something of another kind."""
    yield from (None, 3, 'x', [], {}, [[]], math.nan, True)
    if isinstance(value, dict):
        yield from ({**value, key: part} for key in value for part in replacements(value[key]))
        yield from ({name: part for name, part in value.items() if name != key} for key in value)
    elif isinstance(value, list):
        yield from (value[:i] + [part] + value[i + 1 :] for i in range(len(value)) for part in replacements(value[i]))


@pytest.mark.parametrize('name', [name for name, (_, content) in SAMPLES.items() if content[:1] in b'[{'])
def test_whatever_is_wrong_is_told(name, tmp_path):
    """Every part of every sample replaced by values of other kinds: it is read, or the error is the user's."""
    module = load_formats().get(name.partition(' ')[0])
    if module is None:
        pytest.skip('the format is not here')
    path = tmp_path / 'a.json'
    num_errors = 0
    for content in replacements(json.loads(SAMPLES[name][1])):
        path.write_text(json.dumps(content))
        source = Source(path)
        module.matches(source)
        try:
            raw = module.read(source)
            assert len({len(values) for values in (*raw.rows(), *raw.columns.values())}) == 1
            parse_annotations(raw, needs_labels=False)
        except UserInputError as error:
            num_errors += 1
            assert str(path) in str(error)
    assert num_errors > 5


@pytest.mark.parametrize('name', SAMPLES)
def test_each_sample_is_one_format_alone(name, tmp_path):
    file, content = SAMPLES[name]
    (tmp_path / file).write_bytes(content)
    source = Source(tmp_path / file)
    sure = [key for key, module in load_formats().items() if module.matches(source) == SURELY]
    assert sure in ([name.partition(' ')[0]], []) and (sure or name.startswith('activitynet'))


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-16', 'utf-16-le', 'utf-16-be'])
def test_xml_that_is_not_read_is_nothing_to_a_format(encoding, tmp_path):
    """Entities, whatever the encoding, and encodings that there are not."""
    path = tmp_path / 'a.xml'
    path.write_bytes('<!DOCTYPE a [<!ENTITY e "x">]><annotations>&e;</annotations>'.encode(encoding))
    assert peek_xml(Source(path)) is None
    path.write_text('<?xml version="1.0" encoding="ut-8"?><annotations/>')
    assert peek_xml(Source(path)) is None
    with pytest.raises(UserInputError, match='is not XML: unknown encoding'):
        Source(path).xml  # noqa: B018


def test_root_of_a_file_is_its_json(tmp_path):
    (tmp_path / 'a.json').write_text('{"a": 1}')
    assert root_of(Source(tmp_path / 'a.json')).value == {'a': 1}
