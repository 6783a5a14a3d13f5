"""OpenDocument: ODT as paragraphs, headings, lists and tables; ODS with a sheet as page; ODP with a slide as page.

Left out and counted: hidden text, sections, sheets, rows, columns and slides, frames beside the page, letters in the colour of
what is behind them. Comments and deleted text that is kept for
tracking are no text of the document.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.errors import LoadError
from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.long_tables import TableRow, write_inner_table
from ingest.loaders.odf_look import GONE, Look, is_beside
from ingest.loaders.package import Package, attribute, tag_of
from ingest.loaders.tables import Row, collapse, write_sheet

if TYPE_CHECKING:
    from lxml.etree import _Element

# Tables repeat an element instead of writing it again; more of one with text in it is an attack or a mistake.
_MAX_REPEATED = {"rows": 10_000, "columns": 256}
_MAX_COLUMNS = 16_384
_UNREAD = frozenset(("annotation", "tracked-changes", "note-citation", "forms", "shapes", "ruby-text", "settings"))


def load(data: bytes) -> Loaded:
    """Read an ODT, ODS or ODP file.

    Raises: LoadError when it is none, is encrypted, or unpacks to an absurd size.
    """
    package = Package(data, "OpenDocument")
    if "META-INF/manifest.xml" in package.names and b"encryption-data" in package.read("META-INF/manifest.xml"):
        raise LoadError("is protected by a password. Save a copy without one")
    content = package.xml("content.xml")
    styles = [package.xml("styles.xml")] if "styles.xml" in package.names else []
    reader = _Reader(Look([*styles, content]))
    body = next((element for element in content.iterfind("{*}body/*") if tag_of(element)), None)
    if body is None:
        raise LoadError("is no OpenDocument that can be read: it has no body. Save it anew")
    reader.blocks(body)
    metadata = _metadata(package)
    return reader.builder.finish(title=metadata.pop("title", ""), whole_lines=tag_of(body) == "spreadsheet", metadata=metadata)


def _metadata(package: Package) -> dict[str, str]:
    if "meta.xml" not in package.names:
        return {}
    names = {"title": "title", "creator": "author", "initial-creator": "author", "creation-date": "created", "date": "modified"}
    return {
        names[tag_of(element)]: (element.text or "").strip()
        for element in package.xml("meta.xml").iterfind("{*}meta/*")
        if tag_of(element) in names
    }


class _Reader:
    """Walks a body and writes what a reader sees of it."""

    def __init__(self, look: Look) -> None:
        self.builder = Builder()
        self._look = look
        self._slides = 0

    def blocks(self, parent: "_Element") -> None:
        """Write the blocks inside an element."""
        for element in parent:
            self._block(element)

    def _block(self, element: "_Element") -> None:
        tag = tag_of(element)
        if tag in _UNREAD or not tag:
            return
        if tag == "page":
            self._slide(element)
        elif self._is_hidden(element):
            self._leave_out(element)
        elif tag == "table" and tag_of(element.getparent()) == "spreadsheet":
            self._sheet(element)
        elif tag == "table":
            self.builder.gap()
            rows = [TableRow(" | ".join(row.cells), row.cells) for row in self._rows(element)]
            write_inner_table(rows, self.builder, is_marked=element.find("{*}table-header-rows") is not None)
            self.builder.gap()
        elif tag in ("p", "h"):
            self._paragraph(element, "")
        elif tag == "list-item":
            self._item(element)
        elif tag == "frame" and attribute(element, "class") == "title":
            self.builder.heading(1, " ".join(self._lines(element)))
        else:
            self.blocks(element)

    def _slide(self, page: "_Element") -> None:
        self._slides += 1
        self.builder.page(f"slide {self._slides}")  # one that stays empty is dropped, its number is not
        if attribute(page, "style-name") in self._look.hidden:
            self._leave_out(page)
        else:
            self.blocks(page)

    def _paragraph(self, element: "_Element", mark: str) -> None:
        text, below = self._text(element)
        level = attribute(element, "outline-level")
        if tag_of(element) == "h" and text:
            self.builder.heading(int(level) if level.isdigit() else 1, text)
            self.builder.gap()
        elif text:
            if not mark:
                self.builder.gap()
            self.builder.line(mark + text)
        for frame in below:
            self._block(frame)

    def _item(self, item: "_Element") -> None:
        for position, element in enumerate(item):
            if tag_of(element) in ("p", "h") and position == 0:
                self._paragraph(element, "- ")
            else:
                self._block(element)

    def _sheet(self, table: "_Element") -> None:
        rows = list(self._rows(table))
        if rows:
            name = attribute(table, "name")
            self.builder.page(f"sheet {name}")
            self.builder.heading(1, name)
            write_sheet(rows, self.builder)

    def _rows(self, table: "_Element") -> Iterator[Row]:
        hidden: set[int] = set()
        column = 0
        for element in _inside(table, "table-column"):
            n = min(_repeated(element, "columns"), _MAX_COLUMNS)
            if attribute(element, "visibility") in GONE:
                hidden.update(range(column, column + n))
            column = min(column + n, _MAX_COLUMNS)
        number = 1
        for element in _inside(table, "table-row"):
            cells = self._cells(element)
            n = _repeated(element, "rows")
            is_hidden = attribute(element, "visibility") in GONE
            for index, cell in enumerate(cells):
                if is_hidden or index in hidden:
                    self.builder.n_hidden += len(cell)
                    cells[index] = ""
            if any(cells):
                for offset in range(self._bounded(n, "rows")):
                    yield Row(number + offset, cells)
            number += n

    def _bounded(self, n: int, kind: str) -> int:
        if n > _MAX_REPEATED[kind]:
            self.builder.warnings.append(f"{n:,} {kind} with the same text: {_MAX_REPEATED[kind]:,} of them were read")
        return min(n, _MAX_REPEATED[kind])

    def _cells(self, row: "_Element") -> list[str]:
        cells: list[str] = []
        for element in row:
            if tag_of(element) not in ("table-cell", "covered-table-cell"):
                continue
            text = " ".join(self._lines(element))
            n = _repeated(element, "columns")
            n = self._bounded(n, "columns") if text else min(n, _MAX_COLUMNS)
            cells.extend([text] * min(n, _MAX_COLUMNS - len(cells)))
        while cells and not cells[-1]:
            cells.pop()
        return collapse(cells)

    def _lines(self, element: "_Element") -> Iterator[str]:
        """Texts of all paragraphs inside an element."""
        for child in element:
            if tag_of(child) in _UNREAD or not tag_of(child):
                continue
            if self._is_hidden(child):
                self._leave_out(child)
            elif tag_of(child) in ("p", "h"):
                text, below = self._text(child)
                if text:
                    yield text
                for frame in below:
                    yield from self._lines(frame)
            else:
                yield from self._lines(child)

    def _text(self, paragraph: "_Element") -> tuple[str, list["_Element"]]:
        """Text of a paragraph in one line, and the frames and notes in it, which are read after it."""
        below: list[_Element] = []
        return " ".join("".join(self._strings(paragraph, below)).split()), below

    def _strings(self, element: "_Element", below: list["_Element"]) -> Iterator[str]:
        is_unseen = self._look.is_unseen(element)
        yield self._seen(element.text, is_unseen)
        for child in element:
            tag = tag_of(child)
            if tag in ("s", "tab", "line-break"):
                yield " "
            elif tag in ("frame", "note-body", "custom-shape", "g"):
                below.append(child)
            elif tag and tag not in _UNREAD:
                if self._is_hidden(child):
                    self._leave_out(child)
                else:
                    yield from self._strings(child, below)
            yield self._seen(child.tail, is_unseen)

    def _seen(self, text: str | None, is_unseen: bool) -> str:
        if is_unseen and text:
            self.builder.n_hidden += len(" ".join(text.split()))
        return "" if is_unseen else text or ""

    def _is_hidden(self, element: "_Element") -> bool:
        return (
            attribute(element, "style-name") in self._look.hidden
            or tag_of(element) in ("hidden-text", "hidden-paragraph")
            or attribute(element, "display") in GONE
            or is_beside(element)
        )

    def _leave_out(self, element: "_Element") -> None:
        text = "".join(str(part) for part in element.itertext()) + attribute(element, "string-value")
        self.builder.n_hidden += len(" ".join(text.split()))


def _inside(table: "_Element", tag: str) -> Iterator["_Element"]:
    """Rows or columns of a table, those in groups and headers too, those of tables in its cells not."""
    for element in table:
        if tag_of(element) == tag:
            yield element
        elif tag_of(element) in ("table-rows", "table-row-group", "table-header-rows", "table-columns", "table-column-group",
                                 "table-header-columns"):  # fmt: skip
            yield from _inside(element, tag)


def _repeated(element: "_Element", kind: str) -> int:
    times = attribute(element, f"number-{kind}-repeated")
    return max(1, int(times)) if times.isdigit() else 1
