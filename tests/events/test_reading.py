"""Reading whatever there is: the format found out, several files joined, what is wrong told."""

from __future__ import annotations

import json

import pytest

from mmdel.events import Event, Events, Video
from mmdel.events.reading import read_events, read_raw
from mmdel.utils.errors import UserInputError


@pytest.fixture
def write(tmp_path):
    def make(name, content):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return tmp_path / name

    return make


def database(**videos):
    return {'database': {name: dict(annotations=[dict(segment=[1, 2], label=label)]) for name, label in videos.items()}}


def test_the_content_tells_the_format_whatever_the_name(write):
    rows = [Event('a', 1.0, 2.0, 'dog')]
    for name in ('x.json', 'x.txt', 'x'):
        assert list(read_events(write(name, database(a='dog')))) == rows
        assert list(read_events(write(name, 'video,start,end,label\na,1,2,dog\n'))) == rows


def test_files_and_folders_are_joined(write, tmp_path):
    write('all/a.json', database(a='dog', b='cat'))
    write('all/b.csv', 'video,start,end,label,duration\na,3,4,dog,9\n')
    write('all/.hidden', 'x')
    events = read_events([tmp_path / 'all', write('c.json', database(c='dog'))], fps=25, subset='Training')
    assert [event[:2] for event in events] == [('a', 1), ('b', 1), ('a', 3), ('c', 1)]
    assert events.videos[0] == Video('a', 9.0, 25.0, 'train')
    write('all/d.csv', 'video,start,end,label,duration\na,3,4,cow,8\n')
    with pytest.raises(UserInputError, match=r'repeated-video-id, video a, .*d\.csv: duration 8.*, and 9.* in another'):
        read_events(tmp_path / 'all')
    write('all/d.csv', 'video,start,end,label\na,5,4,cow\n')
    (problem,) = [p for p in _problems(tmp_path / 'all') if p.kind == 'reversed-event']
    assert problem.place == 'd.csv, line 2'


def _problems(path):
    from mmdel.events.annotations import parse_annotations

    return parse_annotations(read_raw(path)).problems


@pytest.mark.parametrize(
    ('content', 'options', 'said'),
    [
        ('', {}, 'is empty'),
        ('hello\nworld', {}, "no known format: it begins with 'hello'"),
        ({'a': 1, 'b': 2}, {}, "no known format: it is JSON with the keys 'a', 'b'"),
        ([1], {}, 'no known format: it is JSON'),
        ('{"a"', {}, 'is not JSON'),
        (database(a='x'), {'format': 'nonsense'}, "there is no format 'nonsense'; there are activitynet"),
        (database(a='x'), {'tier': 'x'}, "read as activitynet, which has no option 'tier'"),
        (database(a='x'), {'times': 'frames'}, 'missing-fps, video a'),
        (database(a=['x']), {}, r"wrong-label, video a, event 0, .*: label \['x'\]; expected the name of a class"),
    ],
)
def test_what_cannot_be_read_is_said(write, content, options, said):
    with pytest.raises(UserInputError, match=said):
        read_events(write('x.json', content), **options)


def test_an_empty_folder_is_said(tmp_path):
    with pytest.raises(UserInputError, match='no file of events'):
        read_events(tmp_path)


def test_how_classes_are_numbered_concerns_no_table(write, logged):
    content = {'database': {'a': {'annotations': [dict(segment=[1, 2], label='x', label_id=i) for i in range(2)]}}}
    assert len(read_events(write('x.json', content))) == 2
    assert any('label-id-clash' in line for line in logged)


def test_a_table_of_results_has_scores(write):
    content = {'results': {'a': [dict(segment=[1, 2], label='x', score=0.5), dict(segment=[1, 3], label='x')]}}
    events = read_events(write('x.json', content))
    assert events == Events.from_rows([('a', 1, 2, 'x', 0.5), ('a', 1, 3, 'x')])
