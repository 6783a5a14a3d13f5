"""DOCX: paragraphs, headings, lists and tables in reading order, as lines. Hidden runs are left out.

The format has no fixed pages, so a document from it has none.
"""

import io
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.documents import Heading
from ingest.errors import LoadError
from ingest.loaders import Loaded

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

# A compressed part larger than this when unpacked is no office document that people wrote.
_MAX_UNPACKED_BYTES = 500_000_000


def load(data: bytes) -> Loaded:
    """Read a DOCX file.

    Raises: LoadError when it is no DOCX, is encrypted, or unpacks to an absurd size.
    """
    import docx
    from docx.opc.exceptions import PackageNotFoundError
    from docx.table import Table
    from docx.text.paragraph import Paragraph
    from lxml.etree import XMLSyntaxError

    _check_archive(data)
    try:
        document = docx.Document(io.BytesIO(data))
        lines: list[str] = []
        headings: list[Heading] = []
        position = 0
        for block in document.iter_inner_content():
            if isinstance(block, Table):
                text = "\n".join(_rows(block))
                level = 0
            else:
                assert isinstance(block, Paragraph)
                text, level = _paragraph(block)
            if not text:
                continue
            if level:
                headings.append(Heading(level, position, position + len(text)))
            separator = "\n" if _is_item(block) else "\n\n"
            lines.append(text + separator)
            position += len(text) + len(separator)
    except (PackageNotFoundError, KeyError, ValueError, XMLSyntaxError, zipfile.BadZipFile) as error:
        raise LoadError(f"is no DOCX that can be read: {error}") from error
    properties = document.core_properties
    metadata = {"author": properties.author or ""}
    return Loaded(
        text="".join(lines).rstrip("\n") + "\n" if lines else "",
        title=properties.title or "",
        headings=headings,
        metadata={key: value for key, value in metadata.items() if value},
    )


def _check_archive(data: bytes) -> None:
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise LoadError("is encrypted or an old DOC file. Save it as DOCX without a password")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except zipfile.BadZipFile as error:
        raise LoadError(f"is no DOCX: {error}") from error
    if size > _MAX_UNPACKED_BYTES:
        raise LoadError(f"unpacks to {size:,} bytes, more than the {_MAX_UNPACKED_BYTES:,} that are read")


def _paragraph(paragraph: "Paragraph") -> tuple[str, int]:
    """Text of a paragraph and its heading level, 0 for none."""
    text = "".join(_runs(paragraph)).strip()
    style = (paragraph.style.name or "") if paragraph.style is not None else ""
    level = 0
    if style == "Title":
        level = 1
    elif style.startswith("Heading ") and style[8:].isdigit():
        level = min(int(style[8:]), 6)
    if _is_item(paragraph) and text:
        text = f"- {text}"
    return text, level


def _runs(paragraph: "Paragraph") -> Iterator[str]:
    for part in paragraph.iter_inner_content():  # runs, and links that hold runs
        for run in getattr(part, "runs", [part]):
            if not run.font.hidden:
                yield run.text


def _is_item(block: object) -> bool:
    style = getattr(block, "style", None)
    return (getattr(style, "name", None) or "").startswith("List")


def _rows(table: "Table") -> Iterator[str]:
    """One line for each row, cells apart by ` | `; a merged cell is written once."""
    for row in table.rows:
        cells: list[str] = []
        seen: set[int] = set()
        for cell in row.cells:
            if id(cell._tc) not in seen:
                seen.add(id(cell._tc))
                cells.append(" ".join(cell.text.split()))
        if any(cells):
            yield " | ".join(cells)
