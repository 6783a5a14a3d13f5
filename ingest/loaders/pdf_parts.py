"""What a PDF holds beside the words of its pages: title and dates, bookmarks, filled form fields, notes."""

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingest.documents import Heading, Page

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

_DATE = re.compile(r"D?:?(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:([+-])(\d{2})'?(\d{2})?|(Z))?")
_RUBBISH = ("microsoft word", "untitled", "(anonymous)", "document", "slide 1")
_FILE_NAME = re.compile(r"\.(docx?|pdf|indd|xlsx?|htm|html|tmp|qxd)\b")
_MAX_BOOKMARKS = 20_000
_MAX_ANNOTATIONS = 5_000  # of one page
_N_HEADING_LEVELS = 6
_HIDDEN = 0x02 | 0x20  # flags "hidden" and "no view". Source: ISO 32000-2, table 167
_IS_PASSWORD = 1 << 13  # Source: ISO 32000-2, table 231


@dataclass(frozen=True)
class Bookmark:
    """An entry of the outline: the index of the page that it leads to, counted from 0."""

    level: int
    title: str
    page: int


def properties(document: "PdfDocument") -> dict[str, str]:
    """Title, author and dates by the names that documents use; a title that a tool made up is empty."""
    about = {name: document.get_metadata_value(key).replace("\0", "").strip() for name, key in _KEYS.items()}
    lowered = about["title"].lower()
    if lowered.startswith(_RUBBISH) or _FILE_NAME.search(lowered) or not any(map(str.isalpha, lowered)):
        about["title"] = ""
    return about | {name: _iso(about[name]) for name in ("created", "modified")}


_KEYS = {"title": "Title", "author": "Author", "created": "CreationDate", "modified": "ModDate"}


def _iso(date: str) -> str:
    """ISO 8601 of a PDF's date, as far as it says one; empty where there is no such day."""
    match = _DATE.match(date)
    if not match:
        return ""
    year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups()[:6])
    try:
        moment = datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0)
    except ValueError:
        return ""
    if hour is None:
        return moment.date().isoformat()
    sign, hours, minutes, utc = match.groups()[6:]
    return moment.isoformat() + ("+00:00" if utc else f"{sign}{hours}:{minutes or '00'}" if sign else "")


def bookmarks(document: "PdfDocument") -> list[Bookmark]:
    """The outline in its order; what leads nowhere is left out."""
    found = []
    for count, entry in enumerate(document.get_toc()):
        if count == _MAX_BOOKMARKS:
            break
        target = entry.get_dest()
        index = target.get_index() if target is not None else None
        title = " ".join(entry.get_title().replace("\0", "").split())
        if title and index is not None and index >= 0:
            found.append(Bookmark(entry.level + 1, title, index))
    return found


def headings(text: str, pages: list[Page], outline: list[Bookmark]) -> list[Heading]:
    """Bookmarks as headings where their words stand on their page, case, blanks and marks aside.

    Bookmarks of one page are looked for one after the other; one whose words are not there gives no heading.
    """
    found: list[Heading] = []
    letters: dict[int, tuple[str, list[int]]] = {}
    position: dict[int, int] = {}
    for entry in outline:
        if entry.page >= len(pages):
            continue
        page = pages[entry.page]
        if entry.page not in letters:
            letters = {entry.page: _letters(text, page.start, page.end)}
        squeezed, places = letters[entry.page]
        wanted = _letters(entry.title, 0, len(entry.title))[0]
        start = _line_start(text, squeezed, places, wanted, position.get(entry.page, 0)) if wanted else -1
        if start >= 0:
            end = places[start + len(wanted) - 1] + 1
            found.append(Heading(min(entry.level, _N_HEADING_LEVELS), places[start], end))
            position[entry.page] = start + len(wanted)
    return sorted(found, key=lambda heading: heading.start)


def _letters(text: str, start: int, end: int) -> tuple[str, list[int]]:
    """Letters and digits of `text[start:end]` in lower case, and where each stands."""
    kept = [(lowered, place) for place in range(start, end) if text[place].isalnum() for lowered in text[place].lower()]
    return "".join(letter for letter, _ in kept), [place for _, place in kept]


def _line_start(text: str, squeezed: str, places: list[int], wanted: str, after: int) -> int:
    """Where the letters `wanted` stand at the start of a line, best behind `after`; -1 if nowhere."""
    starts = []
    start = squeezed.find(wanted)
    while start >= 0:
        line = text[text.rfind("\n", 0, places[start]) + 1 : places[start]]
        if not any(map(str.isalpha, line)):  # a number may stand before it
            starts.append(start)
        start = squeezed.find(wanted, start + 1)
    return next((start for start in starts if start >= after), -1)


def fields_and_notes(document: "PdfDocument", page: "PdfPage") -> tuple[list[str], int]:
    """Lines for the filled fields and the notes of a page, and the number of characters of those that are hidden."""
    import pypdfium2.raw as pdfium

    lines, n_hidden = [], 0
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            for line in _lines(document, annotation):
                if pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                    n_hidden += len(line)
                elif line not in lines:  # the buttons of one group all tell the same
                    lines.append(line)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
    return lines, n_hidden


def _lines(document: "PdfDocument", annotation: Any) -> Iterator[str]:
    import pypdfium2.raw as pdfium

    kind = pdfium.FPDFAnnot_GetSubtype(annotation)
    if kind == pdfium.FPDF_ANNOT_WIDGET and document.formenv:
        yield from _field(document.formenv, annotation)
    elif kind not in (pdfium.FPDF_ANNOT_WIDGET, pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP):
        text = _string(pdfium.FPDFAnnot_GetStringValue, annotation, b"Contents")
        author = _string(pdfium.FPDFAnnot_GetStringValue, annotation, b"T")
        if text:
            yield f"[note: {author}] {text}" if author else f"[note] {text}"


def _field(forms: Any, annotation: Any) -> Iterator[str]:
    import pypdfium2.raw as pdfium

    kind = pdfium.FPDFAnnot_GetFormFieldType(forms, annotation)
    flags = pdfium.FPDFAnnot_GetFormFieldFlags(forms, annotation)
    if kind in (pdfium.FPDF_FORMFIELD_PUSHBUTTON, pdfium.FPDF_FORMFIELD_SIGNATURE):
        return
    if kind == pdfium.FPDF_FORMFIELD_TEXTFIELD and flags & _IS_PASSWORD:
        return
    name = _string(pdfium.FPDFAnnot_GetFormFieldAlternateName, forms, annotation) or _string(
        pdfium.FPDFAnnot_GetFormFieldName, forms, annotation
    )
    value = _string(pdfium.FPDFAnnot_GetFormFieldValue, forms, annotation)
    if value and value != "Off":
        yield f"[field] {name}: {value}"


def _string(getter: Any, *arguments: Any) -> str:
    """A text that PDFium gives as UTF-16, first its length in bytes; white space collapsed."""
    size = getter(*arguments, None, 0)
    buffer = ctypes.create_string_buffer(size)
    getter(*arguments, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return " ".join(buffer.raw.decode("utf-16-le", "replace").replace("\0", "").split())
