"""What the cells of columns stand for."""

import pytest

from mmdel.events.formats.table import Table
from mmdel.events.formats.table_columns import (
    add_further,
    are_durations,
    cell_integer,
    cell_number,
    end_by_length,
    event_times,
    mapped,
    open_table,
    video_ids,
)
from mmdel.events.raw import RawEvents
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


def table(**columns):
    values = list(columns.values())
    return Table('f', list(columns), values, list(range(2, 2 + len(values[0]))))


def test_cells_are_numbers_texts_or_nothing():
    cells = ['3.0', '1:02,5', 'x', '', 'nan', '007']
    assert mapped(cells, cell_integer) == [3, '1:02,5', 'x', None, 'nan', 7]
    assert mapped(cells, cell_number) == [3.0, 62.5, 'x', None, 'nan', 7.0]


def test_an_end_is_start_and_length_where_these_are_times():
    rows = [('1.5', '2'), ('0:01:00', '2,5'), ('x', '2'), ('1', ''), ('', ''), ('1e308', '1e308')]
    ends = [3.5, 62.5, 'x + 2', '1 + ', '', '1e308 + 1e308']
    assert [end_by_length(*row) for row in rows] == ends
    starts, lengths = map(list, zip(*rows, strict=True))
    assert event_times(table(a=starts, b=lengths), {'start': 0, 'length': 1}) == (starts, ends)
    assert event_times(table(a=starts, b=lengths), {'start': 1, 'end': 0}) == (lengths, starts)


@pytest.mark.parametrize(
    ('video', 'ends', 'cells', 'expected'),
    [
        ('aab', '129', ['2', '2', '9'], True),
        ('aab', '129', ['2', '2', '8'], False),
        ('aab', '129', ['3', '2', '9'], False),
        ('aab', '129', ['', '', 'x'], True),  # for the parser to tell
        ('', '', [], True),
    ],
)
def test_durations_of_videos(video, ends, cells, expected):
    assert are_durations(list(video), list(ends), cells) == expected


def test_further_columns_have_names_of_their_own():
    raw = RawEvents('f', columns={'score': [0.5]})
    add_further(raw, table(video=['v'], note=['n'], score=['1'], **{'': ['i']}), {0})
    assert raw.columns == {'score': [0.5], 'note': ['n']}
    assert [name.split(',')[0] for name in raw.left_out] == ['column 3 (score)', 'column 4 ()']


def test_a_row_needs_its_cells_but_not_those_of_columns_that_were_found(table_file):
    source = Source(table_file('video,start,end,label,fps\na.wav,1,2,x\n'))
    found, header = open_table(source, {'label': 'label'}, None, frozenset())
    assert header.places == {'label': 3, 'video': 0, 'start': 1, 'end': 2, 'fps': 4}
    assert video_ids(found, 0) == ['a'] and found.columns[4] == ['']
    assert open_table(source, {'label': 'label'}, None, {'fps'})[1].places.keys() == {'label', 'video', 'start', 'end'}
    assert open_table(source, {'label': 'label'}, None)[1].places == {'label': 3}
    with pytest.raises(UserInputError, match='line 2: expected 5 columns or more'):
        open_table(source, {'fps': 'fps'}, None)
    with pytest.raises(UserInputError, match='f, line 2: the video has no name'):
        video_ids(table(a=['']), 0)


def test_a_whole_path_is_the_name_of_a_file_and_a_part_of_one_an_id():
    cells = ['/x/a.wav', r'C:\x\b.WAV', 'file:///x%20y/c.mp4', 'x/a.wav', '/x/d', '/x/a.wav', 'd.mp4']
    assert video_ids(table(a=cells), 0) == ['a', 'b', 'c', 'x/a', '/x/d', 'a', 'd']
    with pytest.raises(UserInputError, match=r"f: \['/x/a\.wav', '/y/a\.wav'\] would be one video, 'a'"):
        video_ids(table(a=['/y/a.wav', '/x/a.wav']), 0)
    assert video_ids(table(a=['/x/a.wav', '/x/a.mp4']), 0) == ['a', 'a']
