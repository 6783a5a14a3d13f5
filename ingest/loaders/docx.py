"""DOCX: paragraphs, headings, lists, tables and charts in reading order; then headers, footers and comments. No pages.

Left out and counted: hidden text, text of no size, and letters in the colour of what is behind them. Deleted text that is kept
for tracking is no text of the document, inserted text is.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingest.errors import LoadError
from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.charts import write_charts
from ingest.loaders.docx_look import Look
from ingest.loaders.long_tables import TableRow, write_inner_table
from ingest.loaders.package import Package, attribute, refuse_entities

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table
    from docx.text.paragraph import Paragraph

_MAIN_PART = "word/document.xml"
_DOCUMENT = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
# Templates and files with macros hold the same; python-docx opens documents alone.
_LIKE_DOCUMENTS = re.compile(
    rb"application/vnd\.(?:openxmlformats-officedocument\.wordprocessingml\.template|ms-word\.(?:document\.macroEnabled|"
    rb"template\.macroEnabledTemplate))\.main\+xml"
)
_RUNS = ".//w:r[not(ancestor::w:del or ancestor::w:moveFrom or ancestor::w:r)]"  # a run in a run is of a text box

_IN_CELL = ".//w:p[not(ancestor::w:r)]"  # those of a table in the cell too; a paragraph in a run is of a text box


def load(data: bytes) -> Loaded:
    """Read a DOCX file.

    Raises: LoadError when it is no DOCX, is encrypted, or unpacks to an absurd size.
    """
    import docx
    from docx.opc.exceptions import PackageNotFoundError
    from docx.table import Table
    from lxml.etree import LxmlError

    package = Package(data, "DOCX")
    for name in package.names:
        if name.endswith((".xml", ".rels")):
            refuse_entities(package.read(name))
    try:
        document = docx.Document(io.BytesIO(_as_document(data, package)))
        reader = _Reader(document, package)
        for block in document.iter_inner_content():
            if isinstance(block, Table):
                reader.table(block)
            else:
                reader.paragraph(block)
        reader.margins(document)
        if "word/comments.xml" in package.names:
            reader.comments(document)
        if reader.n_unread_charts:
            reader.builder.warnings.append(f"charts that keep no figures in the file: {reader.n_unread_charts}")
    except (PackageNotFoundError, KeyError, ValueError, LxmlError) as error:
        raise LoadError(f"is no DOCX that can be read: {error}. Bring it back from a copy, or save it anew") from error
    about = document.core_properties
    metadata = {"author": about.author, "created": _iso(about.created), "modified": _iso(about.modified)}
    return reader.builder.finish(title=about.title, metadata=metadata)


def _as_document(data: bytes, package: Package) -> bytes:
    """The file, or a copy of one that is a template or has macros, which says that it is a document."""
    types = package.read("[Content_Types].xml") if "[Content_Types].xml" in package.names else b""
    if not _LIKE_DOCUMENTS.search(types):
        return data
    copy = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(copy, "w") as new:
        for name in dict.fromkeys(old.namelist()):
            new.writestr(name, _LIKE_DOCUMENTS.sub(_DOCUMENT, types) if name == "[Content_Types].xml" else package.read(name))
    return copy.getvalue()


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()


class _Reader:
    """Writes what a reader sees of paragraphs and tables."""

    def __init__(self, document: "Document", package: Package) -> None:
        self._package = package
        self._notes = _footnotes(package)
        self.builder = Builder()
        self.n_unread_charts = 0
        self._look = Look(document.styles.element, bool(document.element.xpath("w:background")))
        # Asked of each paragraph, python-docx searches all styles for the default one: seconds in a long document.
        self._style_names = {style.style_id: style.name or "" for style in document.styles}

    def paragraph(self, paragraph: "Paragraph") -> None:
        """Write one paragraph, apart from what stands above it unless it is an item of a list."""
        text = self._text(paragraph)
        self.n_unread_charts += write_charts(paragraph._p, _MAIN_PART, self._package, self.builder)
        if not text:
            return
        style = self._style_names.get(_style_id(paragraph._p.pPr, "p"), "")
        if style == "Title":
            self.builder.heading(1, text)
        elif style.startswith("Heading ") and style[8:].isdigit():
            self.builder.heading(int(style[8:]), text)
        elif style.startswith("List") or paragraph._p.xpath("w:pPr/w:numPr"):
            self.builder.line(f"- {text}")
            self._write_notes(paragraph._p)
            return
        else:
            self.builder.line(text)
        self.builder.gap()
        self._write_notes(paragraph._p)

    def table(self, table: "Table") -> None:
        """Write one line for each row, cells apart by ` | `; a merged cell is written once, a table in it as its text."""
        from docx.text.paragraph import Paragraph

        rows = []
        for row in table.rows:
            seen: dict[int, str] = {}
            cells = []
            for cell in row.cells:
                is_new = id(cell._tc) not in seen
                if is_new:
                    inside = (Paragraph(inner, cell) for inner in cell._tc.xpath(_IN_CELL))
                    seen[id(cell._tc)] = " ".join(" ".join(map(self._text, inside)).split())
                cells.append(seen[id(cell._tc)] if is_new else "")
            if any(seen.values()):
                rows.append(TableRow(" | ".join(seen.values()), cells))
        write_inner_table(rows, self.builder, is_marked=bool(table._tbl.xpath("w:tr[1]/w:trPr/w:tblHeader")))
        self.builder.gap()
        self._write_notes(table._tbl)

    def margins(self, document: "Document") -> None:
        """Write the headers and footers below the text, each line once however many pages and sections repeat it."""
        from docx.text.paragraph import Paragraph

        lines: dict[str, None] = {}
        for section in document.sections:
            parts = [section.header, section.footer]
            if section.different_first_page_header_footer:
                parts += [section.first_page_header, section.first_page_footer]
            if document.settings.odd_and_even_pages_header_footer:
                parts += [section.even_page_header, section.even_page_footer]
            for part in parts:
                if not part.is_linked_to_previous:
                    inside = (Paragraph(inner, part) for inner in part._element.xpath(_IN_CELL))
                    lines |= dict.fromkeys(map(self._text, inside))
        self._write_apart(lines)

    def comments(self, document: "Document") -> None:
        """Write the comments below the text, each with who wrote it."""
        for comment in document.comments:
            text = " ".join(filter(None, map(self._text, comment.paragraphs)))
            self._write_apart(
                [f"Comment by {comment.author}: {text}" if comment.author else f"Comment: {text}"] if text else []
            )

    def _write_apart(self, lines: Iterable[str]) -> None:
        self.builder.gap()
        for line in filter(None, lines):
            self.builder.line(line)

    def _write_notes(self, block: Any) -> None:
        """Write the footnotes of a paragraph or table below it."""
        for number in block.xpath(".//w:footnoteReference/@w:id"):
            if note := self._notes.get(str(number)):
                self.builder.line(note)
                self.builder.gap()

    def _text(self, paragraph: "Paragraph") -> str:
        return "".join(self._runs(paragraph)).strip()

    def _runs(self, paragraph: "Paragraph") -> Iterator[str]:
        from docx.text.run import Run

        for element in paragraph._p.xpath(_RUNS):
            run = Run(element, paragraph)
            if self._look.is_unseen(element, paragraph._p):
                self.builder.n_hidden += len(run.text)
            else:
                yield run.text


def _style_id(properties: Any, kind: str) -> str:
    """Style that a run (`r`) or paragraph (`p`) names, empty for none."""
    names = [] if properties is None else properties.xpath(f"w:{kind}Style/@w:val")
    return str(names[0]) if names else ""


def _footnotes(package: Package) -> dict[str, str]:
    """Text of the footnotes by their ids."""
    if "word/footnotes.xml" not in package.names:
        return {}
    return {
        attribute(note, "id"): " ".join("".join(text.text or "" for text in note.iter("{*}t")).split())
        for note in package.xml("word/footnotes.xml").iterfind("{*}footnote")
    }
