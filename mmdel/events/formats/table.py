"""Tables in text: columns as a whole, without work on single cells, since a file may have a million rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress, islice

from mmdel.events.source import Source
from mmdel.utils.errors import UserInputError
from mmdel.utils.log import warn

DELIMITERS = ('\t', ',', ';', '|', '&')
QUOTING_DELIMITERS = (',', ';')  # where a cell in quote signs may go over lines; else a line is a row
MAX_CELL = 2**31 - 1  # of characters
BLOCK = 128  # rows at once: more lists at a time would keep the garbage collector busy with the columns
Row = tuple[int, list[str]]  # the line of a row (the last, if it has several), and its cells


@dataclass
class Table:
    """The rows of a table that are not blank.

    Attributes:
        path: Its file, for messages.
        header: The names of the columns, stripped; empty if it has none.
        columns: The cells of each column, stripped; empty texts where a row is shorter than others.
        lines: The line of each row.
    """

    path: str
    header: list[str]
    columns: list[list[str]]
    lines: list[int]

    def where(self, row: int) -> str:
        """Where a row stands, for messages."""
        return f'{self.path}, line {self.lines[row]}'

    def keep(self, kept: Sequence[bool]) -> Table:
        """The rows for which ``kept`` is true."""
        if all(kept):
            return self
        columns = [list(compress(column, kept)) for column in self.columns]
        return replace(self, columns=columns, lines=list(compress(self.lines, kept)))


def read_rows(source: Source, delimiter: str, has_header: bool, width: int, skip: int = 0) -> Table:
    """The rows of a table.

    A cell may stand in quote signs, and where commas or semicolons part the columns it may then go over lines, but not
    over what look like rows. Elsewhere a line is a row, and a quote sign without its partner stands for itself.

    Args:
        source: The file.
        delimiter: What parts the columns.
        has_header: Whether the first row names the columns.
        width: How many columns a row must have.
        skip: How many lines stand before the table.

    Raises:
        UserInputError: If it cannot be read, or a row has fewer cells than ``width`` or more than the header.
    """
    text = '\n' * skip + source.text.split('\n', skip)[skip]
    if '\0' in text:  # which Python's csv does not read before 3.11
        line = text.count('\n', 0, text.index('\0')) + 1
        raise UserInputError(f'{source.path}, line {line}: expected text, got a NUL character')
    rows, table = _rows(source.path, text, delimiter), Table(source.path, [], [[] for _ in range(width)], [])
    limit = csv.field_size_limit(MAX_CELL)
    try:
        if has_header:
            table.header = [cell.strip() for cell in next(row for _, row in rows if ''.join(row).strip())]
            table.columns = [[] for _ in table.header]
        while block := list(islice(rows, BLOCK)):
            _extend(table, block, width, delimiter)
    finally:
        csv.field_size_limit(limit)
    return table


def _extend(table: Table, rows: list[Row], width: int, delimiter: str) -> None:
    lines, cells = zip(*rows, strict=True)
    filled = list(map(bool, map(str.strip, map(''.join, cells))))
    if not all(filled):
        lines, cells = tuple(compress(lines, filled)), tuple(compress(cells, filled))
    if set(map(len, cells)) - {len(table.columns)}:
        fitted = zip(cells, lines, strict=True)
        cells = tuple(_fitted(row, table, width, f'{table.path}, line {line}', delimiter) for row, line in fitted)
    table.lines += lines
    for column, values in zip(table.columns, zip(*cells, strict=True), strict=False):
        column.extend(map(str.strip, values))


def header_of(source: Source) -> list[str]:
    """The cells of the first line, parted by what parts it into the most; none of a file that is no table."""
    try:
        if source.is_xml or not source.lines or source.lines[0].lstrip()[:1] in ('{', '['):
            return []
        rows = (next(csv.reader(source.lines[:1], delimiter=sign), []) for sign in DELIMITERS)
        return [cell.strip() for cell in max(rows, key=len)]
    except (UserInputError, csv.Error):
        return []


def find_delimiter(source: Source, delimiter: str | None, fits: Callable[[list[str]], bool]) -> tuple[str, list[str]]:
    """What parts the columns, and the cells of the first row: the first that fits, else what gives most cells."""
    parted: dict[str, list[str]] = {}
    for sign in [delimiter] if delimiter else DELIMITERS:
        try:
            parted[sign] = [cell.strip() for cell in next(csv.reader(source.lines[:1], delimiter=sign), [])]
        except csv.Error as error:
            raise UserInputError(f'{source.path}, line 1: {error}') from error
        if fits(parted[sign]):
            return sign, parted[sign]
    return max(parted.items(), key=lambda item: len(item[1]))


def _fitted(row: list[str], table: Table, width: int, where: str, delimiter: str) -> list[str]:
    """A row with as many cells as there are columns."""
    if len(row) < width:
        raise UserInputError(f'{where}: expected {width} columns or more, got {row}')
    num = len(table.columns)
    if table.header and any(cell.strip() for cell in row[num:]):
        raise UserInputError(
            f'{where}: {len(row)} cells for {num} columns; a cell with {delimiter!r} in it needs quote signs around '
            f'it: {row}'
        )
    return row[:num] + [''] * (num - len(row))


def _rows(path: str, text: str, delimiter: str) -> Iterator[Row]:
    """The rows of a text, blank ones too."""
    if '"' not in text:
        lines = io.StringIO(text, newline='')
        return enumerate(csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE), 1)
    return (_quoted_over_lines if delimiter in QUOTING_DELIMITERS else _quoted_in_lines)(path, text, delimiter)


def _quoted_over_lines(path: str, text: str, delimiter: str) -> Iterator[Row]:
    """Rows of which a cell may go over lines.

    Raises:
        UserInputError: If one goes over what look like rows; with the line where it begins.
    """
    lines = text.split('\n')
    header = next((line for line in lines if line.strip()), '')
    width, first = len(next(csv.reader([header], delimiter=delimiter), [])), 0
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=delimiter)
    for row in reader:
        last = reader.line_num
        for line in lines[first + 1 : last]:
            if len(next(csv.reader([line], delimiter=delimiter), [])) >= width:
                raise UserInputError(
                    f'{path}, line {first + 1}: a quote sign opens a cell that goes on to line {last}, over '
                    'what look like rows; close it, or double it if it is meant'
                )
        yield last, row
        first = last


def _quoted_in_lines(path: str, text: str, delimiter: str) -> Iterator[Row]:
    """A row each line; a quote sign without its partner is read as it is, with a warning."""
    alone = []
    for number, line in enumerate(text.split('\n'), 1):
        row = line.split(delimiter)
        if '"' in line:
            try:
                row = next(csv.reader([line], delimiter=delimiter, strict=True))
            except csv.Error:
                alone.append(number)
        yield number, row
    if alone:
        message = f'{len(alone)} lines have a quote sign without its partner, e.g. line {alone[0]}: it is read as it is'
        warn(f'{path}: {message}')
