from __future__ import annotations

import pytest
from events.formats.samples_json import CHARADES_CSV, read_content, rows_of

from mmdel.events.formats import NO, SURELY, charades_csv
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError


@pytest.mark.parametrize('end', ['\n', '\r\n'])
def test_reads_what_stands_there(end, tmp_path):
    """With a byte order mark, and a cell in quote signs that goes over two lines: lines count as an editor counts."""
    raw = read_content(charades_csv, tmp_path, '\ufeff' + CHARADES_CSV.replace('\n', end))
    assert rows_of(raw) == [('46GP8', '11.90', '21.20', 'c092', 2), ('46GP8', '0.00', '12.60', 'c147', 2)]
    assert [video['duration'] for video in raw.videos.values()] == ['24.83', '18.33']
    assert raw.videos['46GP8']['script'] == 'A person, cooking.\nThey say "food".'


def test_a_broken_row_is_told_with_its_line(tmp_path):
    for rows, message in (
        ('a,c1 0 1,5\n"b\nb",c1 0 1 2,5', "line 3: action 'c1 0 1 2'; expected class, start and end"),
        ('a,c1 0 1,5\n\nb,c1 0 1', 'line 4 has 2 cells; expected 3'),
        ('a,c1 0 1,5,6', 'line 2 has 4 cells; expected 3'),
        ('a,"c1 0 1,5', 'line 2: unexpected end of data'),
    ):
        with pytest.raises(UserInputError, match=message):
            read_content(charades_csv, tmp_path, f'id,actions,length\n{rows}\n')
    with pytest.raises(UserInputError, match="no column 'length'"):
        read_content(charades_csv, tmp_path, 'id,actions\n')


def test_a_video_of_two_rows_is_a_problem(tmp_path):
    raw = read_content(charades_csv, tmp_path, 'id,actions,length\na,,5\na,,\n')
    assert [problem.kind for problem in raw.problems] == ['repeated-video-id']
    assert raw.videos == {'a': {'duration': None}}


def test_its_header_tells_it(tmp_path):
    for header, says in (('length,id,actions', SURELY), ('id,actions', NO), ('', NO), ('id;actions;length', NO)):
        (tmp_path / 'a.csv').write_text(header)
        assert charades_csv.matches(Source(tmp_path / 'a.csv')) == says
