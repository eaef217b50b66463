"""Hostile files of events: refused in words, in seconds and with little memory, or harmless."""

from __future__ import annotations

import json
import os
import re

import pytest
from documented import documented
from sandbox import run_apart

from mmdel.datasets import EventDataset
from mmdel.evaluation.result_file import load_video_list, read_results
from mmdel.events.reading import read_events


def entry(segment: str = '[1, 2]', **fields: str) -> str:
    fields = {'segment': segment, 'label': '"x"', **fields}
    event = ', '.join(f'"{name}": {value}' for name, value in fields.items())
    return f'{{"database": {{"a": {{"subset": "train", "duration": 9, "annotations": [{{{event}}}]}}}}}}'


NESTED = 100_000
REFUSED = {  # name → content, what reading it as a table says; None if there it is harmless
    'label id of 10^9': (entry(label_id='1000000000'), None),
    'label id of 4000 digits': (entry(label_id='9' * 4000), None),
    'label id of 5000 digits': (entry(label_id='9' * 5000), 'is not JSON: Exceeds the limit'),
    'negative label id': (entry(label_id='-1'), None),
    'label id that is a list': (entry(label_id='[[[]]]'), None),
    'lists in lists': ('[' * NESTED, 'is not JSON: maximum recursion'),
    'lists in lists, closed': ('[' * NESTED + ']' * NESTED, 'is not JSON: maximum recursion'),
    'mappings in mappings': ('{"a":' * NESTED + '1' + '}' * NESTED, 'is not JSON: maximum recursion'),
    'label that is nested': (entry(label='[' * 900 + ']' * 900), 'wrong-label'),
    'time of 4000 digits': (entry(f'[1, {"9" * 4000}]'), 'wrong-segment'),
    'time of 1e400': (entry('[1, 1e400]'), 'wrong-segment'),
    'NaN': (entry('[NaN, 2]'), 'wrong-segment'),
    'elements in elements': ('<a>' * NESTED, 'no known format|is not XML'),
    'entities': (
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><annotations>&b;</annotations>',
        'defines XML entities|no known format',
    ),
    'external entity': (
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotations>&a;</annotations>',
        'defines XML entities|no known format',
    ),
    'one long line': ('a,' * 500_000, 'no known format|no column'),
    'NUL': ('\0' * 100_000, 'no known format|is not'),
    'half a surrogate': (entry(label='"\\ud800"').replace('"a"', '"\\udce9"'), None),
}


@pytest.mark.parametrize('name', REFUSED)
def test_it_is_refused_or_harmless(name, tmp_path):
    content, said = REFUSED[name]
    path = tmp_path / 'a.json'
    path.write_text(content)
    answer = run_apart(lambda: read_events(path))
    if said is None:
        assert answer.startswith('read: Events(1 events')
    else:
        assert answer.startswith('refused: ') and re.search(said, answer) and 'a.json' in answer, answer
    assert len(answer) < 1000 and answer.isprintable()
    stream = dict(root=str(tmp_path), files=['{id}.npy'], stride=1, window=1, fps=1)
    answer = run_apart(lambda: len(EventDataset(str(path), dict(visual=stream), 'train', missing='ignore')))
    assert answer.startswith('read: 1' if name == 'half a surrogate' else 'refused: ') and len(answer) < 1000, answer


def test_what_is_no_file_is_not_waited_for(tmp_path):
    for name, make in (
        ('pipe', os.mkfifo),
        ('folder', os.mkdir),
        ('device', lambda path: path.symlink_to('/dev/zero')),
    ):
        make(tmp_path / name)
    for name in ('pipe', 'device'):
        for read in (read_events, read_results, load_video_list):
            answer = run_apart(lambda read=read, name=name: read(tmp_path / name))
            assert answer.startswith('refused: Cannot read the') and f'it is a {name}, not a file' in answer
    # Of a folder the files are read, and no pipe or device in it.
    assert 'no file of events' in run_apart(lambda: read_events(tmp_path))


def test_a_million_keys_of_one_hash_take_no_time(tmp_path):
    """Whole numbers that collide in a hash table: as labels they are texts, whose hashes nobody can foresee."""
    step = (1 << 61) - 1
    events = [dict(segment=[1, 2], label=number * step) for number in range(1, 30_000)]
    video = dict(subset='train', duration=9, annotations=events)
    (tmp_path / 'a.json').write_text(json.dumps(dict(database=dict(a=video))))
    assert run_apart(lambda: len(read_events(tmp_path / 'a.json'))) == 'read: 29999'


def test_what_a_config_or_a_label_says_is_no_code(tmp_path):
    path = tmp_path / 'a.json'
    for text in ('{0.__class__}', '%(x)s', '__import__("os").abort()', '${HOME}', '\\N{BULLET}'):
        path.write_text(entry(label=json.dumps(text)))
        assert [event.label for event in read_events(path)] == [text]


def test_every_one_of_them_stands_in_the_docs_with_what_is_said_of_it():
    rows = documented('Files of events')
    assert rows.keys() >= REFUSED.keys()
    for name, (_, said) in REFUSED.items():
        assert re.search(said or 'read', rows[name]), name
