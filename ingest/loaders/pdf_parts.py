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
MAX_BOOKMARKS = 20_000
_OPENING = "§([{¿¡\"'“„‘‚«» "
_MAX_PLACES = 1_000  # looked at for one bookmark
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
        if count == MAX_BOOKMARKS:
            break
        target = entry.get_dest()
        index = target.get_index() if target is not None else None
        title = " ".join(entry.get_title().replace("\0", "").split())
        if title and index is not None and index >= 0:
            found.append(Bookmark(entry.level + 1, title, index))
    return found


def headings(text: str, pages: list[Page], outline: list[Bookmark], *, are_lines: bool = False) -> list[Heading]:
    """Bookmarks as headings where their words stand on their page, case, blanks and marks aside.

    Bookmarks of one page are looked for one after the other; one whose words are not there gives no heading. `are_lines`: the
    words are known to be whole lines; without, a place that is one is best, then one that ends with a word.
    """
    found: list[Heading] = []
    known: _Letters | None = None
    number = -1
    for entry in sorted(outline, key=lambda entry: entry.page):  # the letters of one page at a time
        if entry.page >= len(pages):
            continue
        if known is None or entry.page != number:
            known, number = _Letters(text, pages[entry.page]), entry.page
        span = known.line(entry.title, must_end=are_lines)
        if span:
            found.append(Heading(min(entry.level, _N_HEADING_LEVELS), *span))
    return sorted(found, key=lambda heading: heading.start)


class _Letters:
    """Letters and digits of a page in lower case and where each stands, and which of them are headings already."""

    def __init__(self, text: str, page: Page) -> None:
        self._text, self._page = text, page
        self._squeezed, self._places = _letters(text, page.start, page.end)
        self._after = 0
        self._taken: set[int] = set()
        self._missing: set[str] = set()  # a second look for them finds no more

    def line(self, title: str, *, must_end: bool) -> tuple[int, int] | None:
        """Where `title` stands at the start of a line, best behind the last one found; None if nowhere."""
        wanted = _letters(title, 0, len(title))[0]
        if not wanted or wanted in self._missing:
            return None
        start = self._find(wanted, self._after, must_end)
        if start < 0:
            start = self._find(wanted, 0, must_end=True)
        if start < 0:
            self._missing.add(wanted)
            return None
        self._taken.add(start)
        self._after = max(self._after, start + len(wanted))
        end = self._places[start + len(wanted) - 1] + 1
        return self._opening(self._places[start]), self._line_end(end) if self._is_line(end) else end

    def _find(self, wanted: str, after: int, must_end: bool) -> int:
        at_word_end = anywhere = -1
        start = self._squeezed.find(wanted, after)
        for _ in range(_MAX_PLACES):
            if start < 0:
                break
            if start not in self._taken and self._opens_line(start):
                end = self._places[start + len(wanted) - 1] + 1
                if self._is_line(end):
                    return start
                if at_word_end < 0 and not self._text[end : end + 1].isalnum():
                    at_word_end = start
                if anywhere < 0:
                    anywhere = start
            start = self._squeezed.find(wanted, start + 1)
        if must_end:
            return -1
        return at_word_end if at_word_end >= 0 else anywhere

    def _before(self, place: int) -> str:
        """What stands in its line before `place`."""
        return self._text[max(self._text.rfind("\n", self._page.start, place) + 1, self._page.start) : place]

    def _opens_line(self, start: int) -> bool:
        return not any(map(str.isalpha, self._before(self._places[start])))  # a number may stand before it

    def _is_line(self, end: int) -> bool:
        return not any(map(str.isalnum, self._text[end : self._line_end(end)]))

    def _line_end(self, place: int) -> int:
        end = self._text.find("\n", place, self._page.end)
        return end if end >= 0 else self._page.end

    def _opening(self, place: int) -> int:
        """Start of the line where only a sign stands before the heading, which would be left alone."""
        before = self._before(place).strip()
        return place - len(self._before(place).lstrip()) if before and all(sign in _OPENING for sign in before) else place


def _letters(text: str, start: int, end: int) -> tuple[str, list[int]]:
    """Letters and digits of `text[start:end]` in lower case, and where each stands."""
    kept = [(lowered, place) for place in range(start, end) if text[place].isalnum() for lowered in text[place].lower()]
    return "".join(letter for letter, _ in kept), [place for _, place in kept]


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
