"""Where tables of figures stand in a text, and which lines name their columns, where the file says neither.

A table's rows hold figures in cells parted by bars. The lines with bars and no figure that stand directly above the first of
them name the columns, if one has as many cells. A year or a day is no figure. Within a table a row of words is a row as any
other: only below a line without bars may others name the columns.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ingest.documents import Table

_FIGURE = re.compile(r"[$€£(]*\s*[-\u2013\u2014+]?\s*\d[\d.,\u00a0]*\s*[%)]*|[-\u2013\u2014]")
_YEAR_OR_DAY = re.compile(r"(?:19|20)\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
_MAX_HEADER_LINES = 5
_MAX_LINES_BETWEEN = 2  # without bars, between header and first row, or two rows: "Assets:"
_PROSE_WORDS = 14
_MIN_PAIRS = 3  # rows of two cells below names of columns; fewer are a list of names and what they stand for


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    cells: tuple[str, ...]


@dataclass(slots=True)
class _Rows:
    """A table as far as it has been read; `n_cells` of its first row."""

    header: Sequence[_Line]
    n_cells: int
    end: int = 0
    n_rows: int = 0
    all_figures: bool = True  # in the second cell of each row

    def add(self, line: _Line) -> None:
        self.end = line.end
        self.n_rows += 1
        self.all_figures &= len(line.cells) > 1 and _is_figure(line.cells[1])

    def has_names(self) -> bool:
        """False for a list of names, each with what it stands for: its first line is no other than the next ones."""
        if self.n_cells > 2:
            return True
        names = [line.cells for line in self.header if len(line.cells) == self.n_cells]
        return not names[-1][0] or (len(names) == 1 and self.all_figures and self.n_rows >= _MIN_PAIRS)


def tables_of(text: str, ranges: Iterable[tuple[int, int]]) -> list[Table]:
    """Tables whose columns have names, in the order of the ranges of the text; none goes over the end of its range."""
    return [
        Table(rows.header[0].start, rows.header[-1].end, rows.end)
        for start, end in ranges
        for rows in _tables(text, start, end)
        if rows.has_names()
    ]


def _tables(text: str, first: int, last: int) -> Iterator[_Rows]:
    header: list[_Line] = []
    table: _Rows | None = None
    between = between_rows = 0  # lines without bars since the last one with bars, and those with words since the last row
    position = first
    for line in text[first:last].splitlines(keepends=True):
        start, position = position, position + len(line)
        row = _Line(start, position, tuple(cell.strip() for cell in line.strip().split("|")))
        if len(row.cells) == 1:
            between += 1
            between_rows += bool(line.strip())
            is_prose = len(line.split()) >= _PROSE_WORDS
            if is_prose or between > _MAX_LINES_BETWEEN:
                header = []
            if table and (is_prose or between_rows > _MAX_LINES_BETWEEN):
                yield table
                table = None
            continue
        if table and (between or header) and len(row.cells) != table.n_cells:
            yield table
            table = None
        has_figure = any(map(_is_figure, row.cells))
        named = header[-_MAX_HEADER_LINES:]
        if has_figure and any(len(line.cells) == len(row.cells) for line in named):
            if table:
                yield table
            table = _Rows(named, len(row.cells))
            table.add(row)
            header = []
        elif table and (has_figure or not (between or header)):
            table.add(row)
            header = []
        else:
            header = [] if has_figure else [row] if between else [*header, row]
        if not header:
            between_rows = 0
        between = 0
    if table:
        yield table


def _is_figure(cell: str) -> bool:
    return bool(_FIGURE.fullmatch(cell)) and not _YEAR_OR_DAY.fullmatch(cell)
