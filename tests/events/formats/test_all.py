"""All formats beside one another: each file is taken for what it is, and no file makes a reader stumble."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from events.formats import samples_json, samples_tables, samples_tools
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdel.events.annotations import parse_annotations
from mmdel.events.formats import NO, load_formats
from mmdel.events.raw import RawEvents
from mmdel.events.reading import guess_format
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError

PAGE = Path(__file__).resolve().parents[3] / 'docs/formats.md'
KEEPS = 'score', 'duration', 'fps', 'subset', 'extra', 'empty', 'unlabelled'
SAMPLES = samples_json.SAMPLES | samples_tables.SAMPLES | samples_tools.SAMPLES
FORMATS = load_formats()
JUNK = (
    '[null, true, -1, 0, 1.5, 1e308, NaN, "", "a", "0:01:02,5", [], [[]], [1], {}, {"a": 1}, {"a": {}}, 9'
    + 400 * '9'
    + ']'
)


def source_of(sample, folder, content=None):
    name, whole = SAMPLES[sample]
    path = folder / name
    path.write_bytes(whole if content is None else content)
    return Source(path)


def format_of(sample):
    """The first word of the name of a sample."""
    return FORMATS[sample.split()[0]]


def read_or_refuse(module, source):
    """What a reader makes of a file: a table that can be judged, or what is wrong with it."""
    try:
        raw = module.read(source)
    except UserInputError as error:
        assert str(error)
        return
    assert isinstance(raw, RawEvents)
    assert len({len(column) for column in (*raw.rows(), *raw.columns.values())}) == 1
    assert set(raw.video) <= raw.videos.keys()
    assert len(parse_annotations(raw, needs_labels=False).events) <= len(raw)


def test_every_format_has_a_sample():
    assert {format_of(sample).FORMAT.name for sample in SAMPLES} == FORMATS.keys()
    assert all(name == module.FORMAT.name for name, module in FORMATS.items())


@pytest.mark.parametrize('sample', SAMPLES)
def test_each_sample_is_taken_for_what_it_is(sample, tmp_path):
    source = source_of(sample, tmp_path)
    assert guess_format(source) is format_of(sample)
    assert {module.matches(source) for module in FORMATS.values()} != {NO}


@pytest.mark.parametrize('sample', SAMPLES)
def test_a_reader_refuses_the_files_of_others_or_makes_a_table_of_them(sample, tmp_path):
    source = source_of(sample, tmp_path)
    for module in FORMATS.values():
        read_or_refuse(module, source)


@pytest.mark.parametrize('sample', SAMPLES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_cut_or_garbled_file_is_refused_or_makes_a_table(sample, data, tmp_path_factory):
    content = bytearray(SAMPLES[sample][1])
    for kind in data.draw(st.lists(st.sampled_from(['cut', 'flip', 'drop', 'repeat']), min_size=1, max_size=3)):
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        if kind == 'cut':
            del content[end:]
        elif kind == 'flip':
            content[start : start + 1] = data.draw(st.binary(min_size=1, max_size=1))
        elif kind == 'drop':
            del content[start:end]
        else:
            content[end:end] = content[start:end]
    folder = tmp_path_factory.mktemp('garbled')
    source = source_of(sample, folder, bytes(content))
    read_or_refuse(format_of(sample), source)
    try:
        module = guess_format(source)
    except UserInputError:
        return
    read_or_refuse(module, source)


def nodes(value, path=()):
    """The paths of all that is in a JSON value."""
    yield path
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from nodes(item, (*path, key))


@pytest.mark.parametrize('sample', [name for name, (_, content) in SAMPLES.items() if content.lstrip()[:1] in b'{['])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_json_with_something_else_somewhere_is_refused_or_makes_a_table(sample, data, tmp_path_factory):
    root = [json.loads(SAMPLES[sample][1])]
    for _ in range(data.draw(st.integers(1, 2))):
        *path, last = data.draw(st.sampled_from([path for path in nodes(root) if path]))
        holder = root
        for key in path:
            holder = holder[key]
        if data.draw(st.booleans()) and isinstance(holder, dict):
            del holder[last]
        else:
            holder[last] = data.draw(st.sampled_from(json.loads(JUNK)))
    source = source_of(sample, tmp_path_factory.mktemp('odd'), json.dumps(root[0]).encode())
    read_or_refuse(format_of(sample), source)


@pytest.mark.parametrize(
    'content', [b'', b'\n', b'\x00', b'\xff\xfe', b'\xef\xbb\xbf', b'{', b'[]', b'{}', b'<', b'<a/>', b'\x89PNG\r\n']
)
def test_nothing_much_is_refused_or_an_empty_table(content, tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(content)
    with pytest.raises(UserInputError):
        guess_format(Source(path))
    for module in FORMATS.values():
        read_or_refuse(module, Source(path))


def test_the_page_of_formats_says_what_each_is():
    rows = {}
    for line in re.findall(r'^\| `\w+` \|.*$', PAGE.read_text(encoding='utf-8'), re.MULTILINE):
        name, *cells = re.split(r' (?<!\\)\| ', line.removeprefix('| `').removesuffix(' |').replace('` |', ' |', 1))
        rows[name] = cells
    assert rows.keys() == FORMATS.keys() and list(rows) == sorted(rows)
    for name, (title, files, written, keeps, recognised, times, note) in rows.items():
        kind = FORMATS[name].FORMAT
        rounded = f', to {kind.resolution_sec:g} s' if kind.writes and kind.resolution_sec > 1e-6 else ''
        expected = ('a file a video' if kind.per_video else 'yes') + rounded if kind.writes else 'no'
        assert (title, written) == (kind.title, expected), name
        assert files == ', '.join(f'`{suffix}`' for suffix in kind.suffixes), name
        assert keeps == (', '.join(keep for keep in KEEPS if keep in kind.keeps and kind.writes) or '–'), name
        assert note.replace('\\|', '|') == (kind.note or '–'), name
        assert recognised and times, name
    assert set(KEEPS) >= set().union(*(module.FORMAT.keeps for module in FORMATS.values()))
