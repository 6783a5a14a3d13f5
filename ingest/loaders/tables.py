"""CSV and TSV, and what every loader of tables shares: one line for each row, each understandable by itself.

The header comes first, cells apart by ` | `. Below it each cell carries the name of its column, `Article: Dock | Price: 74.90`:
a chunk may begin in the middle of a table, and generator and checker read nothing but the chunk. Empty cells are left out
there. A table in which no header can be told keeps its cells bare. Rows count as the file or sheet counts them.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.errors import LoadError
from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.text import decode

_FIGURE = re.compile(
    r"[-+(~<>=\s]*(?:[$€£¥]|[A-Z]{3}\s)?\s*[-+]?\d[\d\s.,:/%°T'+-]*\)?\s*(?:[%€$£¥Z)]|[A-Z]{3}|[AP]M)?|true|false",
    re.IGNORECASE,
)
_MAX_HEADER_CHARS = 80
_MAX_LINES_ABOVE = 10  # a title, a date, a note: more is no table with something above it
_MIN_SHEET_COLUMNS = 3
_SAMPLE_LINES = 60
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Row:
    """One row of a table: its number in the file and its cells, white space collapsed."""

    number: int
    cells: Sequence[str]


def write_sheet(rows: Sequence[Row], builder: Builder) -> None:
    """Write the rows of a sheet: what empty rows set apart are tables of their own.

    A part without a header of its own goes on under the one above, if it fills no other columns: somebody left a row free.
    """
    names: dict[int, str] = {}
    block: list[Row] = []
    for row in [*(row for row in rows if any(row.cells)), None]:
        if block and (row is None or row.number > block[-1].number + 1):
            builder.gap()
            names = write_table(block, builder, min_columns=_MIN_SHEET_COLUMNS, above=names)
            block = []
        if row is not None:
            block.append(row)


def write_table(
    rows: Sequence[Row], builder: Builder, *, min_columns: int, above: Mapping[int, str] | None = None
) -> dict[int, str]:
    """Write rows that belong together; returns the names of the columns, empty if nothing names them.

    `min_columns`: from so many columns on a first row of words counts as header; a narrower table needs a column of figures
    below a word, because two columns of words may as well be names and their values. `above`: names that hold if the rows
    bring none that are surer.
    """
    rows = [row for row in rows if any(row.cells)]
    columns = sorted({index for row in rows for index, cell in enumerate(row.cells) if cell})
    is_under = bool(above) and set(columns) <= set(above or ())
    header = _header(rows, columns, len(columns) + 1 if is_under else min_columns)
    names = dict(above or {}) if is_under and header < 0 else {}
    for position, row in enumerate(rows):
        cells = {index: row.cells[index] if index < len(row.cells) else "" for index in columns}
        if names:
            named = [f"{names[index]}: {cell}" if names[index] else cell for index, cell in cells.items() if cell]
            builder.row(row.number, " | ".join(named))
            continue
        if position == header:
            names = {index: cell.rstrip(": ") for index, cell in cells.items()}
        is_above = position < header
        bare = " | ".join(cell for cell in cells.values() if cell or not is_above)
        builder.row(row.number, bare.rstrip(" |").strip())
    return names


def _header(rows: Sequence[Row], columns: Sequence[int], min_columns: int) -> int:
    """Position of the row that names the columns, -1 if none does."""
    if len(columns) < 2:
        return -1
    for position, row in enumerate(rows[: _MAX_LINES_ABOVE + 1]):
        below = rows[position + 1 :]
        cells = [row.cells[index] if index < len(row.cells) else "" for index in columns]
        if not all(cells[1:]):  # a corner may be empty, a title row has but one cell
            continue
        named = [cell for cell in cells if cell]
        is_named = (
            len({cell.casefold() for cell in named}) == len(named)
            and not any(_FIGURE.fullmatch(cell) for cell in named)
            and all(len(cell) <= _MAX_HEADER_CHARS for cell in named)
        )
        is_sure = len(columns) >= min_columns or any(_is_figures(below, index) for index in columns)
        return position if below and is_named and is_sure else -1
    return -1


def _is_figures(rows: Sequence[Row], column: int) -> bool:
    """True for a column that has figures or dates in it and nothing else."""
    cells = [row.cells[column] for row in rows if column < len(row.cells) and row.cells[column]]
    return bool(cells) and all(_FIGURE.fullmatch(cell) for cell in cells)


def load_csv(data: bytes) -> Loaded:
    """Read a table with commas, semicolons, tabs or bars between its cells; which of them is told from the first lines.

    Raises: LoadError when it is no text.
    """
    text = decode(data)
    declared = re.match(r"sep=([,;\t|])\r?\n", text)  # a line that Excel writes
    if declared:
        text = text[declared.end() :]
    return _load(text, declared[1] if declared else _delimiter(text), 1 + bool(declared))


def load_tsv(data: bytes) -> Loaded:
    """Read a table with tabs between its cells.

    Raises: LoadError when it is no text.
    """
    return _load(decode(data), "\t", 1)


def _load(text: str, delimiter: str, first: int) -> Loaded:
    builder = Builder()
    try:
        records = _records(text, delimiter, strict=True)
    except csv.Error as error:
        try:
            if "unexpected end" in str(error) or "larger than" in str(error):  # a quotation mark that swallows what follows
                builder.warnings.append("quotation marks do not match: they were read as plain characters")
                records = _records(text, delimiter, quoting=csv.QUOTE_NONE)
            else:
                records = _records(text, delimiter)
        except csv.Error as second:
            raise LoadError(f"is no table that can be read: {second}") from second
    write_table([Row(number, cells) for number, cells in enumerate(records, start=first)], builder, min_columns=2)
    return builder.finish(whole_lines=True)


# What text one cell may hold; the limit of the library, 131,072 characters, is less than people paste into one.
csv.field_size_limit(10_000_000)


def _records(text: str, delimiter: str, *, strict: bool = False, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=strict)
    return [collapse(record) for record in reader]


def collapse(cells: Iterable[str]) -> list[str]:
    """White space in every cell becomes one blank, so that a row stays one line."""
    return [" ".join(cell.split()) for cell in cells]


def _delimiter(text: str) -> str:
    """The delimiter that gives the most lines the same number of cells, more than one; among equals the one with most cells."""
    sample = _first_lines(text)
    best, chosen = (0.0, 0), ","
    for delimiter in _DELIMITERS:
        try:
            widths = Counter(len(record) for record in _records(sample, delimiter) if record)
        except csv.Error:
            continue
        several = {width: lines for width, lines in widths.items() if width > 1}
        if several:
            width, lines = max(several.items(), key=lambda item: (item[1], item[0]))
            if (lines / widths.total(), width) > best:
                best, chosen = (lines / widths.total(), width), delimiter
    return chosen


def _first_lines(text: str) -> str:
    position = 0
    for _ in range(_SAMPLE_LINES):
        following = text.find("\n", position) + 1
        if not following:
            return text
        position = following
    return text[:position]
