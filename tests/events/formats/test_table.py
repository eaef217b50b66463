"""Rows and columns of tables, whatever parts them and however cells are quoted."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdel.events.formats.table import read_rows
from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError

CELLS = st.text(st.characters(exclude_categories=['Cs', 'Cc', 'Zl', 'Zp']), max_size=6)


@pytest.fixture
def rows(tmp_path):
    """Writes a table and gives its rows."""

    def read(text: str, sign: str, has_header: bool = True, width: int = 1):
        path = tmp_path / 'table.csv'
        path.write_text(text, encoding='utf-8')
        table = read_rows(Source(path), sign, has_header, width)
        return table, [list(row) for row in zip(*table.columns, strict=True)]

    return read


@pytest.mark.parametrize('sign', ['\t', '|', '&'])
@pytest.mark.parametrize('label', ['"dog', 'dog"', 'a 12" disc', '"big" dog', '"'])
def test_a_quote_sign_without_its_partner_joins_no_lines(rows, logged, sign, label):
    lines = ['video,start,end,label,more', f'a,1,2,{label},', 'b,1,2,cat,"', 'c,1,2,"x y",z', 'd,1,2,cow,"']
    _, found = rows('\n'.join(lines).replace(',', sign), sign)
    assert [row[3] for row in found] == [label, 'cat', 'x y', 'cow']
    (said,) = logged
    assert 'lines have a quote sign without its partner, e.g. line ' in said and 'table.csv' in said


@pytest.mark.parametrize('sign', [',', ';'])
def test_a_quoted_cell_may_go_over_lines_but_not_over_rows(rows, sign):
    lines = ['', 'video,start,end,label,more', 'a,1,2,dog,"a note', 'of two lines"', '', 'b,1,2,cat,']
    table, found = rows('\n'.join(lines).replace(',', sign), sign)
    assert [row[3] for row in found] == ['dog', 'cat'] and table.lines == [4, 6]
    lines = ['video,start,end,label', 'a,1,2,"dog', 'b,1,2,cat', 'c,1,2,"cow', 'd,1,2,"horse"']
    with pytest.raises(UserInputError, match=r'\.csv, line 2: a quote sign .* goes on to line 4'):
        rows('\n'.join(lines).replace(',', sign), sign)


def test_a_cell_may_be_long_but_a_quote_not_endless(rows):
    _, found = rows('label\n' + 'x' * 10**6, ',')
    assert list(map(len, found[0])) == [10**6]
    with pytest.raises(UserInputError, match=r'line 2: a quote sign opens a cell that goes on to line 50001'):
        rows('label\n"' + '\n'.join(map(str, range(50000))), ',')
    with pytest.raises(UserInputError, match=r'line 3: expected text, got a NUL character'):
        rows('label\nx\nx\0y\n', ',')


@given(
    cells=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=5),
    sign=st.sampled_from(',;'),
    blanks=st.integers(0, 2),
)
def test_rows_are_those_of_the_csv_module(tmp_path_factory, cells, sign, blanks):
    """Stripped, without those that are blank; a line each."""
    target = io.StringIO()
    writer = csv.writer(target, delimiter=sign, lineterminator='\n' * (blanks + 1))
    writer.writerows([['a', 'b', 'c'], *cells])
    path = tmp_path_factory.mktemp('rows') / 'table.csv'
    path.write_text(target.getvalue(), encoding='utf-8')
    table = read_rows(Source(path), sign, True, 3)
    expected = [
        (1 + (place + 1) * (blanks + 1), *(cell.strip() for cell in row))
        for place, row in enumerate(cells)
        if ''.join(row).strip()
    ]
    assert list(zip(table.lines, *table.columns, strict=True)) == expected


def test_many_rows_and_short_ones_are_whole(rows):
    lines = ['a,b,c', *(f'{number},{number % 7}' + ',x' * (number % 2) for number in range(1000))]
    table, found = rows('\n'.join(lines), ',', width=2)
    assert found == [[str(number), str(number % 7), 'x' * (number % 2)] for number in range(1000)]
    assert table.lines == list(range(2, 1002))
    _, found = rows('1,2,3\n4,5,6,7\n', ',', has_header=False, width=2)
    assert found == [['1', '2'], ['4', '5']]
    kept = table.keep([number % 500 == 0 for number in range(1000)])
    assert (kept.columns[0], kept.where(1)) == (['0', '500'], f'{table.path}, line 502')
