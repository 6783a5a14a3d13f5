"""Where tables of figures stand in a text, and which lines name their columns, where the file says neither.

A table's rows hold figures in cells parted by bars. The lines with bars and no figure that stand directly above the first of
them name the columns, if one has as many cells. A year or a day is no figure.
"""

import re
from collections.abc import Iterable, Iterator

from ingest.documents import Table

_FIGURE = re.compile(r"[$€£(]*\s*[-\u2013\u2014+]?\s*\d[\d.,\u00a0]*\s*[%)]*|[-\u2013\u2014]")
_YEAR = re.compile(r"(?:19|20)\d\d")
_MAX_HEADER_LINES = 5
_MAX_LINES_BETWEEN = 2  # without bars, between header and first row: "Assets:"
_PROSE_WORDS = 14


def tables_of(text: str, ranges: Iterable[tuple[int, int]]) -> list[Table]:
    """Tables whose columns have names, in the order of the ranges of the text; none goes over the end of its range."""
    return [table for start, end in ranges for table in _tables(text, start, end)]


def _tables(text: str, first: int, last: int) -> Iterator[Table]:
    header: list[tuple[int, int, int]] = []  # start, end and number of cells of each line
    table: Table | None = None
    between = 0
    position = first
    for line in text[first:last].splitlines(keepends=True):
        start, position = position, position + len(line)
        cells = [cell.strip() for cell in line.strip().split("|")]
        if len(cells) == 1:
            between += 1
            is_prose = len(line.split()) >= _PROSE_WORDS
            if is_prose or (header and between > _MAX_LINES_BETWEEN):
                header = []
            if is_prose and table:
                yield table
                table = None
            continue
        if any(map(_is_figure, cells)):
            named = header[-_MAX_HEADER_LINES:]
            if any(n_cells == len(cells) for _, _, n_cells in named):
                if table:
                    yield table
                table = Table(named[0][0], named[-1][1], position)
            elif table:
                table = Table(table.start, table.header_end, position)
            header = []
        else:
            header = [*header, (start, position, len(cells))] if not between else [(start, position, len(cells))]
        between = 0
    if table:
        yield table


def _is_figure(cell: str) -> bool:
    return bool(_FIGURE.fullmatch(cell)) and not _YEAR.fullmatch(cell)
