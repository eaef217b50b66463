"""mmdel's own tables and those of others."""

import numpy as np
import pytest

from mmdel.events.events import Events, Video
from mmdel.events.formats import NO, PERHAPS, SURELY, csv
from mmdel.events.reading import read_events
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def rows(raw):
    return list(zip(*raw.rows(), strict=True))


def test_own_tables_say_all(sample):
    raw = csv.read(sample('csv'))
    assert raw.videos == {
        'a': {'subset': 'val', 'duration': 10.0, 'fps': 25.0},
        'empty': {'subset': 'train', 'duration': 9.0, 'fps': 30.0},
    }
    assert rows(raw) == [('a', '1.5', '2', 'Male speech, man speaking', 2), ('a', '2', '3.25', None, 4)]
    assert raw.columns == {'score': [0.5, None], 'note': [None, 'say "ah"']}


def test_tables_of_others_are_understood(sample, table_file):
    assert rows(csv.read(sample('csv of somebody else'))) == [
        ('b/1', '0:01:02,5', '63,75', 'hiss', 2),
        ('007', '1', '2', 'buzz', 3),
    ]
    assert rows(csv.read(sample('csv of lengths'))) == [
        ('lengths', '1.5', 3.5, 'go', 2),
        ('lengths', '4', 4.25, 'stop', 3),
    ]
    raw = csv.read(Source(table_file('clip,start_ms,length_ms,tag\na,1000,500,x\nb,,,\nb,one,2,y\nb,,2,z\n')))
    assert rows(raw) == [('a', '1000', 1500.0, 'x', 2), ('b', 'one', 'one + 2', 'y', 4), ('b', '', ' + 2', 'z', 5)]
    assert raw.times == 1000 and raw.videos == {'a': {}, 'b': {}}


def test_a_table_that_names_no_video_is_of_the_one_that_its_file_names(table_file, logged):
    raw = csv.read(Source(table_file('Start (s),End (s),Common name\n1,2,Robin\n', names=['v.csv'])))
    assert rows(raw) == [('v', '1', '2', 'Robin', 2)] and not logged
    raw = csv.read(Source(table_file('Start (s),End (s),Common name,Kind\n1,2,Robin,x\n', names=['v.csv'])))
    assert rows(raw) == [('v', '1', '2', 'Robin', 2)] and raw.columns == {'Kind': ['x']}
    (said,) = logged
    assert "is known as the video: all events count to 'v'; video=" in said


@pytest.mark.parametrize(
    ('cells', 'durations', 'is_kept'),
    [
        (['9', '9', '5'], [9.0, 5.0], False),  # of the videos
        (['1', '1', '1'], [None, None], True),  # of the events, since they end later
        (['9', '8', '5'], [None, None], True),  # since a video has two
    ],
)
def test_a_duration_beside_ends_is_the_video_s_if_it_can_be(table_file, cells, durations, is_kept):
    lines = [
        f'{video},{start},{start + 1},x,{cell}' for video, start, cell in zip('aab', (2, 7, 3), cells, strict=True)
    ]
    path = table_file('\n'.join(['video,start,end,label,duration', *lines]))
    raw = csv.read(Source(path))
    assert [fields.get('duration') for fields in raw.videos.values()] == durations
    assert raw.columns == ({'duration': cells} if is_kept else {})
    assert csv.read(Source(path), duration_sec=20).videos == {'a': {'duration': 20}, 'b': {'duration': 20}}


def test_options_choose_among_columns(table_file):
    path = table_file('file,start,end,verb,noun,split\na,1,2,take,cup,val\n')
    with pytest.raises(
        UserInputError, match="columns 'verb' and 'noun' may each be the label; say which: label='verb'"
    ):
        csv.read(Source(path))
    raw = csv.read(Source(path), label='noun', subsets=['test'])
    assert rows(raw) == [('a', '1', '2', 'cup', 2)] and raw.columns == {'verb': ['take'], 'split': ['val']}
    assert raw.videos == {'a': {'subset': 'test'}}
    assert csv.read(Source(path), label='noun').videos == {'a': {'subset': 'val'}}
    with pytest.raises(TypeError, match='unexpected keyword argument'):
        csv.read(Source(path), labels='noun')


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('video,start_sec,end_sec,label\n', SURELY),
        ('x;start_sec;label;end_sec;video\n', SURELY),
        ('clip,onset,offset,class\n', PERHAPS),
        ('clip,onset,offset,verb,noun\n', PERHAPS),  # reading tells what to say
        ('clip,onset,class\n', NO),
        ('', NO),
        ('{"video,start_sec,end_sec,label": 1}', NO),
        ('<video,start_sec,end_sec,label>', NO),
        ('"' + 'x' * 200000, NO),
    ],
)
def test_it_is_known_by_its_header(table_file, text, expected):
    assert csv.matches(Source(table_file(text))) == expected


@pytest.mark.parametrize('name', ['events.csv', 'events.tsv'])
def test_all_of_a_table_survives(tmp_path, name):
    videos = [
        Video('last', 10.25, 29.97, 'val'),
        Video('empty, "one"', None, None, 'train'),
        Video('first', 1e5),
        Video('end'),
    ]
    numbers = [2, 0, 2, 0]
    events = Events(
        tuple(videos),
        ('a\tb', 'x, y'),
        np.array(numbers),
        np.array([1, 0, -1, 1]),
        np.array([0.5, 1.125, 2, 3]),
        np.array([1.5, 2.25, 3, 4.0000005]),
        np.array([0.1, np.nan, 1 / 3, 1]),
        {'note': np.array(['n', None, 'two\nlines', None], dtype=object), 'nothing': np.full(4, None)},
    )
    csv.write(events, tmp_path / name)
    text = (tmp_path / name).read_text()
    assert text.splitlines()[0].replace('\t', ',') == 'video,start_sec,end_sec,label,score,note,subset,duration_sec,fps'
    found = read_events(tmp_path / name)
    assert found.videos == tuple(videos) and [*found.extra] == ['note']
    assert [*found.extra['note']] == ['n', None, 'two lines', None]
    assert [e[:2] + e[3:] for e in found] == [e[:2] + e[3:] for e in events]
    assert np.abs(found.end_sec - events.end_sec).max() <= csv.FORMAT.resolution_sec
    assert read_events(tmp_path / name) == found


def test_an_empty_table_and_columns_of_a_taken_name(tmp_path):
    csv.write(Events(), tmp_path / 'none.csv')
    assert (tmp_path / 'none.csv').read_text() == 'video,start_sec,end_sec,label\n'
    assert read_events(tmp_path / 'none.csv') == Events()
    events = Events.from_rows([('v', 0, 1, 'x')])
    with pytest.raises(UserInputError, match="cannot have a further column 'subset'"):
        csv.write(Events(**{**vars(events), 'extra': {'subset': ['x']}}), tmp_path / 'f.csv')
