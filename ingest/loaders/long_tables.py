"""Tables inside of documents: short ones as they stand, one line for each row; in long ones each cell names its column.

A short table is read in one piece, its header above it. A long one is cut into chunks, of which only the first would hold the
names of the columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.loaders.builder import Builder
from ingest.loaders.tables import Row, collapse, write_table

_MAX_SHORT_CHARS = 300  # with what is joined in front of it still less than any chunk may hold
_MIN_COLUMNS = 3
_MIN_MARKED_COLUMNS = 2


@dataclass(frozen=True)
class TableRow:
    """`line`: the row as it stands. `cells`: its cells by columns, empty where a cell of another column or row goes on."""

    line: str
    cells: Sequence[str]


def write_inner_table(rows: Sequence[TableRow], builder: Builder, *, is_marked: bool) -> None:
    """Write the rows of a table in a document. `is_marked`: the file says that the first row is the header."""
    if sum(len(row.line) for row in rows) > _MAX_SHORT_CHARS:
        named = Builder()
        least = _MIN_MARKED_COLUMNS if is_marked else _MIN_COLUMNS
        numbered = [Row(number, collapse(row.cells)) for number, row in enumerate(rows, start=1)]
        if write_table(numbered, named, min_columns=least):
            for line in named.finish().text.splitlines():
                builder.line(line)
            return
    for row in rows:
        builder.line(row.line)
