"""PDF: the text of each page, read by pypdf. Pages are ranges of the document's text.

Pages are read by position, so that the cells of a table row stand in one line, apart by ` | `. A page set in columns of prose
is read in the order of its content instead, or lines of different columns would be mixed. A file encrypted with an empty
password opens without asking. Scanned pages without text are empty here.
"""

import io
import logging
import re
import struct
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

from ingest.documents import Page
from ingest.errors import LoadError
from ingest.loaders import Loaded

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

# pypdf stops at 100,000 elements in one array by default; filings with embedded fonts pass that, so two of twenty real
# quarterly reports were lost. Ten times as much still bounds memory.
_MAX_ELEMENTS = 1_000_000
_BULLET = re.compile(r"^[ \t]*[\x7f\uf0b7\uf0a7\u2022\u25aa\u25cf][ \t]*", re.MULTILINE)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]|[\ud800-\udfff]")
_GAP = re.compile(r"[ \t\u00a0]{3,}")
_BLANKS = re.compile(r"[ \t\u00a0]{2,}")
_MARK = re.compile(r"\d{1,3}[.)]|[a-z][.)]|[-–•(]|[$€£]|Item \d+[A-Z]?\.")
_MANY_BREAKS = re.compile(r"\n(?:[ \t]*\n){2,}")
# pypdf meets broken structures with whatever Python raises there.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
# A page counts as set in columns when so many of its lines are two pieces of prose with a gap between.
_COLUMN_SHARE = 0.35
_MIN_PROSE_WORDS = 4


def load(data: bytes) -> Loaded:
    """Read a PDF.

    Raises: LoadError when the file is damaged, has a password, or holds no text at all.
    """
    import pypdf
    from pypdf.errors import DeprecationError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of every repaired flaw; what fails is raised
    with pypdf.apply_configuration(array_maximum_element_count=_MAX_ELEMENTS, dictionary_maximum_element_count=_MAX_ELEMENTS):
        try:
            reader = pypdf.PdfReader(io.BytesIO(data))
            if reader.is_encrypted and not reader.decrypt(""):
                raise LoadError("is protected by a password. Save a copy without one")
            texts, failed = _pages(reader)
            title = str(reader.metadata.title or "") if reader.metadata else ""
        except (PyPdfError, DeprecationError) as error:  # the latter for names of filters that it no longer takes
            raise LoadError(f"is no PDF that can be read: {error}") from error
        except _BROKEN as error:
            raise LoadError(f"is damaged: {type(error).__name__}: {error}") from error
    if not any(text.strip() for text in texts):
        why = f": {failed[0]}" if failed else ": its pages are images. Run text recognition on it first"
        raise LoadError(f"has no text{why}")
    return _join(texts, title if _is_title(title) else "", failed)


def _pages(reader: "PdfReader") -> tuple[list[str], list[str]]:
    """Text of every page; a page that cannot be read is empty and named in the second list."""
    from pypdf.errors import DeprecationError, PyPdfError

    texts, failed = [], []
    for number, page in enumerate(reader.pages, start=1):
        try:
            texts.append(_page_text(page))
        except (PyPdfError, DeprecationError, *_BROKEN) as error:  # one broken page must not lose the others
            texts.append("")
            failed.append(f"page {number}: {type(error).__name__}: {error}")
    return texts, failed


def _page_text(page: "PageObject") -> str:
    try:
        laid_out = page.extract_text(extraction_mode="layout")
    except _BROKEN:
        laid_out = ""  # a font without widths, for one: the order of the content still reads
    if not laid_out.strip() or _is_in_columns(laid_out):
        return _clean(page.extract_text())
    return _clean("\n".join(_row(line.strip()) for line in _BULLET.sub("- ", laid_out).split("\n")))


def _row(line: str) -> str:
    """Put ` | ` between the cells of a line; a list's number, a currency sign and a wide gap after a sentence make no cell."""
    pieces = _GAP.split(line)
    joined = pieces[0]
    for before, piece in pairwise(pieces):
        is_mark = bool(_MARK.fullmatch(before))
        is_prose = before.endswith((".", ",", ";", ":")) and len(before.split()) > _MIN_PROSE_WORDS
        joined += (" " if is_mark or is_prose else " | ") + piece
    return joined


def _is_in_columns(text: str) -> bool:
    """True for a page whose lines are mostly two pieces of running text side by side."""
    lines = [_GAP.split(line.strip()) for line in text.split("\n") if line.strip()]
    side_by_side = sum(
        len(pieces) == 2 and all(sum(word.isalpha() for word in piece.split()) >= _MIN_PROSE_WORDS for piece in pieces)
        for pieces in lines
    )
    return len(lines) >= 8 and side_by_side > _COLUMN_SHARE * len(lines)


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00ad", "")
    text = _UNPRINTABLE.sub("", _BULLET.sub("- ", text))
    text = "\n".join(_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    return _MANY_BREAKS.sub("\n\n", text).strip("\n")


def _join(texts: list[str], title: str, failed: list[str]) -> Loaded:
    pages, parts, position = [], [], 0
    for number, text in enumerate(texts, start=1):
        body = text + "\n\n"
        pages.append(Page(number, position, position + len(body)))
        parts.append(body)
        position += len(body)
    metadata = {"unread_pages": "; ".join(failed)} if failed else {}
    return Loaded(text="".join(parts), title=title, pages=pages, metadata=metadata)


def _is_title(title: str) -> bool:
    """Tools write rubbish there: file names, "untitled", "Microsoft Word - ..."."""
    lowered = title.strip().lower()
    return (
        bool(lowered)
        and not lowered.startswith(("microsoft word", "untitled", "(anonymous)", "document", "slide 1"))
        and (not re.search(r"\.(docx?|pdf|indd|xlsx?|htm|html|tmp|qxd)\b", lowered))
    )
