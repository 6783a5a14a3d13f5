"""DOCX: paragraphs, headings, lists, tables and charts in reading order; then headers, footers and comments. No pages.

Left out and counted: hidden text, text of no size, and letters in the colour of what is behind them. Deleted text that is kept
for tracking is no text of the document, inserted text is.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingest.errors import LoadError
from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.charts import Charts, chart_references
from ingest.loaders.docx_look import Look
from ingest.loaders.long_tables import TableRow, write_inner_table
from ingest.loaders.package import Package, attribute, parse_xml, refuse_entities

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table
    from docx.text.paragraph import Paragraph

_MAIN_PART = "word/document.xml"  # where the package does not say
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NO_COMMENTS = f'<w:comments xmlns:w="{_W[1:-1]}"/>'.encode()
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
    main = package.related("", "officeDocument") or _MAIN_PART
    damaged = _damaged(package, main)
    for name in package.names - damaged.keys():
        if name.endswith((".xml", ".rels")):
            refuse_entities(package.read(name))
    try:
        document = docx.Document(io.BytesIO(_as_document(data, package, damaged)))
        reader = _Reader(document, package, main)
        for block in document.iter_inner_content():
            if isinstance(block, Table):
                reader.table(block)
            else:
                reader.paragraph(block)
        reader.margins(document)
        if package.related(main, "comments") in damaged:
            reader.builder.warnings.append("comments are damaged and were not read")
        elif package.related(main, "comments") in package.names:
            reader.comments(document)
        if reader.n_unread_charts:
            what = f"charts that keep no figures in the file or could not be read: {reader.n_unread_charts}"
            reader.builder.warnings.append(what)
    except (PackageNotFoundError, KeyError, ValueError, LxmlError) as error:
        raise LoadError(f"is no DOCX that can be read: {error}. Bring it back from a copy, or save it anew") from error
    about = document.core_properties
    metadata = {"author": about.author, "created": _iso(about.created), "modified": _iso(about.modified)}
    return reader.builder.finish(title=about.title, metadata=metadata)


def _damaged(package: Package, main: str) -> dict[str, bytes]:
    """Parts with comments and charts that cannot be read, each with what stands in for it: the text is read without them."""
    found = {}
    for kind, name in package.relations(main).values():
        if name in package.names and kind in ("comments", "chart", "chartEx"):
            try:
                data = package.read(name)
            except LoadError:
                found[name] = _NO_COMMENTS if kind == "comments" else b""
                continue
            refuse_entities(data)
            if kind == "comments" and not _is_comments(data):
                found[name] = _NO_COMMENTS
    return found


def _is_comments(data: bytes) -> bool:
    try:
        return bool(parse_xml(data).tag == f"{_W}comments")
    except LoadError:
        return False


def _as_document(data: bytes, package: Package, damaged: Mapping[str, bytes]) -> bytes:
    """The file, or a copy without its damaged parts, which also of a template or one with macros says that it is a document."""
    types = package.read("[Content_Types].xml") if "[Content_Types].xml" in package.names else b""
    if not damaged and not _LIKE_DOCUMENTS.search(types):
        return data
    changed = {**damaged, "[Content_Types].xml": _LIKE_DOCUMENTS.sub(_DOCUMENT, types)}
    copy = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(copy, "w") as new:
        for name in dict.fromkeys(old.namelist()):
            new.writestr(name, changed[name] if name in changed else package.read(name))
    return copy.getvalue()


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()


class _Reader:
    """Writes what a reader sees of paragraphs and tables."""

    def __init__(self, document: "Document", package: Package, main: str) -> None:
        self._main = main
        self._charts = Charts(package)
        self._notes = _footnotes(package, package.related(main, "footnotes"))
        self.builder = Builder()
        self.n_unread_charts = 0
        self._look = Look(document.styles.element, bool(document.element.xpath("w:background")))
        # Asked of each paragraph, python-docx searches all styles for the default one: seconds in a long document.
        self._style_names = {style.style_id: style.name or "" for style in document.styles}

    def paragraph(self, paragraph: "Paragraph") -> None:
        """Write one paragraph, apart from what stands above it unless it is an item of a list."""
        text = self._text(paragraph)
        if text:
            self._write_paragraph(paragraph, text)
        self._write_charts(paragraph._p)
        if text:
            self._write_notes(paragraph._p)

    def _write_paragraph(self, paragraph: "Paragraph", text: str) -> None:
        style = self._style_names.get(_style_id(paragraph._p.pPr, "p"), "")
        if style == "Title":
            self.builder.heading(1, text)
        elif style.startswith("Heading ") and style[8:].isdigit():
            self.builder.heading(int(style[8:]), text)
        elif style.startswith("List") or paragraph._p.xpath("w:pPr/w:numPr"):
            self.builder.line(f"- {text}")
            return
        else:
            self.builder.line(text)
        self.builder.gap()

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
        self._write_charts(table._tbl)
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
            author = attribute(comment._comment_elm, "author")  # python-docx refuses a comment that names none
            self._write_apart([f"Comment by {author}: {text}" if author else f"Comment: {text}"] if text else [])

    def _write_apart(self, lines: Iterable[str]) -> None:
        self.builder.gap()
        for line in filter(None, lines):
            self.builder.line(line)

    def _write_charts(self, block: Any) -> None:
        """Write the charts of a paragraph or table below it, apart from what follows; hidden ones are counted."""
        shown = []
        for reference in chart_references(block):
            if any(True for _ in reference.iterancestors(f"{_W}del", f"{_W}moveFrom")):
                continue  # as the text there, it is no part of the document
            # Several runs are around it where a text box holds the chart.
            if any(self._is_unseen(run) for run in reference.iterancestors(f"{_W}r")):
                self.builder.n_hidden += self._charts.n_chars([reference], self._main)
            else:
                shown.append(reference)
        if shown:
            self.n_unread_charts += self._charts.write(shown, self._main, self.builder)
            self.builder.gap()

    def _is_unseen(self, run: Any) -> bool:
        paragraph = next(run.iterancestors(f"{_W}p"), None)
        return paragraph is None or self._look.is_unseen(run, paragraph)

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


def _footnotes(package: Package, part: str) -> dict[str, str]:
    """Text of the footnotes by their ids."""
    if part not in package.names:
        return {}
    return {
        attribute(note, "id"): " ".join("".join(text.text or "" for text in note.iter("{*}t")).split())
        for note in package.xml(part).iterfind("{*}footnote")
    }
