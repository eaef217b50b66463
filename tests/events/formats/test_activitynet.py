"""ActivityNet's annotations: what is kept, what is wrong, and that nothing is lost on the way there and back."""

from __future__ import annotations

import json

from mmdel.events.formats.activitynet import FORMAT, from_database, matches, read, to_database, write
from mmdel.events.reading import read_events
from mmdel.events.source import Source

EVENT = dict(segment=[1, 2.5], label='dog', label_id=3, verb='bark', score=0.5)
DATABASE = {
    'a': dict(subset='training', duration=9, fps=25, url='https://x', annotations=[EVENT, dict(segment=['0:01', 2])]),
    'café': dict(duration_second=4.5, resolution='1x1', annotations=[]),
    'c': dict(annotations=None),
}


def test_every_field_is_kept_as_it_stands():
    raw = from_database(DATABASE, 'x.json')
    assert raw.videos == {
        'a': dict(subset='training', duration=9, fps=25, url='https://x'),
        'café': dict(resolution='1x1', duration=4.5),
        'c': dict(duration=None),
    }
    assert (raw.video, raw.start, raw.end, raw.label) == (['a', 'a'], [1, '0:01'], [2.5, 2], ['dog', None])
    assert raw.places == ['event 0', 'event 1'] and raw.problems == []
    assert raw.columns == dict(label_id=[3, None], verb=['bark', None], score=[0.5, None])
    again = to_database(raw)
    assert again['a'] == DATABASE['a'] and again['c'] == dict(annotations=[])
    assert again['café'] == dict(resolution='1x1', duration=4.5, annotations=[])


def test_what_is_laid_out_wrongly_is_a_problem_with_its_place():
    broken = {'a': [1], 'b': dict(annotations={'x': 1}), 'c': dict(annotations=['cat', dict(segment=[1], label='x')])}
    raw = from_database(broken, 'x.json', ['twice'])
    assert [(x.kind, x.video_id, x.place) for x in raw.problems] == [
        ('repeated-video-id', 'twice', ''),
        ('wrong-entry', 'a', ''),
        ('wrong-entry', 'b', ''),
        ('wrong-entry', 'c', 'event 0'),
    ]
    assert (raw.start, raw.end, raw.places) == ([[1]], [None], ['event 1'])


def test_it_is_recognised_by_its_database(tmp_path):
    path = tmp_path / 'x'
    for text, sure in (
        ('{"database": {}}', 2),
        ('{"results": {}}', 0),
        ('[1]', 0),
        ('{"database"', 0),
        ('a,b', 0),
        ('', 0),
    ):
        path.write_text(text)
        assert matches(Source(path)) == sure


def test_a_table_comes_back_whole_with_the_official_names_of_subsets(tmp_path):
    path = tmp_path / 'x.json'
    path.write_text(json.dumps({'database': DATABASE}))
    events, copy = read_events(path), tmp_path / 'copy.json'
    write(events, copy)
    assert read_events(copy) == events and 'extra' in FORMAT.keeps
    assert json.loads(copy.read_text())['database']['a']['subset'] == 'training'
    assert read(Source(copy)).videos['a']['url'] == 'https://x'
