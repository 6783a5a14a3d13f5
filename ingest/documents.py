"""The nouns of ingestion: Document, Page, Heading, Rows, Table, Location, Chunk.

Positions are half-open character ranges in `Document.text`, which never changes once the document is loaded. Nothing here
reads a file or knows a store.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Page:
    """One page, slide or sheet: `document.text[start:end]`.

    `number` counts from 1; `label` names what is no page, such as `slide 3` or `sheet Prices`.
    """

    number: int
    start: int
    end: int
    label: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading that stands at `document.text[start:end]`; `level` 1 is the highest."""

    level: int
    start: int
    end: int


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of a table, one a line of `document.text[start:end]`; the first of them is row `first` of its sheet."""

    first: int
    start: int
    end: int


@dataclass(frozen=True)
class Table:
    """A table at `document.text[start:end]` whose first line, up to `header_end`, names the columns of those below."""

    start: int
    header_end: int
    end: int


@dataclass(frozen=True)
class Location:
    """Where some words of a document stand, in the terms in which a reader looks for them.

    `label` is that of the page (see `Page`), `section` the headings above the words without the document's title. `rows` has
    each row of a table that the words touch, one an item.
    """

    label: str = ""
    section: str = ""
    rows: tuple[Rows, ...] = ()

    def within(self, start: int, end: int) -> "Location":
        """The same for a part of the words, `[start, end)` in the document's text."""
        return replace(self, rows=tuple(row for row in self.rows if row.start < end and start < row.end))


NOWHERE = Location()  # of a format without pages, headings and rows


@dataclass(frozen=True)
class Document:
    """One source file after loading.

    `name` is the path inside its source with `/`, prefixed `SOURCE:` for every source but the first. `sha256` is of the
    file's bytes. `pages` is empty where the format has none; otherwise pages are in order and do not overlap. With
    `whole_lines` a line is never cut where it fits into a chunk: source code, records and rows of tables. `metadata` has
    `author`, `created` and `modified` (ISO 8601) where the format tells them. `warnings` say what was left out or repaired.
    """

    name: str
    text: str
    sha256: str
    title: str = ""
    language: str = "en"
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    rows: tuple[Rows, ...] = ()
    tables: tuple[Table, ...] = ()
    whole_lines: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def page_at(self, position: int) -> int | None:
        """Number of the page that holds `position`, None where the format has no pages."""
        for page in self.pages:
            if page.start <= position < page.end:
                return page.number
        return None

    def row_at(self, position: int) -> int | None:
        """Number of the table row that holds `position`, as its sheet or file counts it; None outside of tables."""
        for rows in self.rows:
            if rows.start <= position < rows.end:
                return rows.first + self.text.count("\n", rows.start, position)
        return None

    def columns_at(self, position: int) -> str:
        """Names of the columns of the table row that holds `position`, in one line; empty in headers and outside of tables."""
        last = bisect_right(self.tables, position, key=lambda table: table.start) - 1
        if last < 0 or not self.tables[last].header_end <= position < self.tables[last].end:
            return ""
        header = self.text[self.tables[last].start : self.tables[last].header_end]
        return " ".join(header.strip("| \t\r\n").split())

    def place_at(self, position: int) -> str:
        """Where `position` is, in words for a reader: `sheet Prices, row 12`, `slide 3`, `page 4`; empty for no such place."""
        labels = [page.label or f"page {page.number}" for page in self.pages if page.start <= position < page.end]
        row = self.row_at(position)
        return ", ".join([*labels, *([f"row {row}"] if row is not None else [])])


@dataclass(frozen=True)
class Chunk:
    """A stored piece: `document.text[start:end] == text`, on one page at most.

    `context` is the title, the heading path and, below the header of a table, the names of its columns: it is indexed with the
    text but is no part of the span.
    """

    id: str
    document: str
    start: int
    end: int
    text: str
    page: int | None = None
    context: str = ""
    language: str = "en"


def chunk_id(document: str, sha256: str, start: int, end: int) -> str:
    """Derive a chunk's id from document, content and range, so that equal input always gives equal ids."""
    return hashlib.sha256(f"{document}\0{sha256}\0{start}\0{end}".encode()).hexdigest()[:24]
