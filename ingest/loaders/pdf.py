"""PDF: the text of each page as a reader sees it, by PDFium. Pages are ranges of the document's text.

Words are put in lines by their places, so that the cells of a table row stand in one line, apart by ` | `, and prose in columns
is read column by column (`layout`). What no reader sees is left out and counted (`pdf_words`). A page that is an image of text,
or whose fonts do not tell their letters, goes through text recognition where that is installed. Bookmarks are headings; where
none leads to its words, lines that look like headings are (`pdf_headings`). Filled form fields and notes stand below the text
of their page, marked `[field]` and `[note]`.

PDFium reads: over the filings of two public sets pypdf found as many words in twice the time, left more rows of tables apart,
and had no page that PDFium garbled (data/results/pdf-dev.json). A file that PDFium cannot open is written anew by pypdf, which
looks longer for what is left of it, and then read by PDFium as any other.
"""

import io
import logging
import os
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.documents import Page
from ingest.errors import LoadError
from ingest.loaders import Loaded, ocr
from ingest.loaders.builder import MAX_CHARS
from ingest.loaders.figure_tables import tables_of
from ingest.loaders.layout import Word, read_page
from ingest.loaders.pdf_headings import PageLook, headings_by_look, look_of
from ingest.loaders.pdf_lines import join_cut_words, without_running_lines
from ingest.loaders.pdf_parts import bookmarks, fields_and_notes, headings, properties
from ingest.loaders.pdf_words import Placed, Surface, read_words, seen

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

PASSWORD_VARIABLE = "RAG_PDF_PASSWORD"
_BULLET = re.compile(r"^[ \t]*[\x7f\uf0b7\uf0a7\u2022\u25aa\u25cf][ \t]*(?:\| )?", re.MULTILINE)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]|[\ud800-\udfff]")
_BLANKS = re.compile(r"[ \t\u00a0]{2,}")
_MANY_BREAKS = re.compile(r"\n(?:[ \t]*\n){2,}")
_LINE_END_HYPHEN, _OTHER_HYPHENS = re.compile(r"\u00ad(?=\n|$)"), re.compile(r"\u00ad")
_LIGATURES = {ord(letter): unicodedata.normalize("NFKC", letter) for letter in "ﬀﬁﬂﬃﬄﬅﬆ"}
_RULES_OF_SIGHT = ("/OCProperties", "/AcroForm")
_NEEDS_PASSWORD = 4  # PDFium's FPDF_ERR_PASSWORD
# A page of fewer letters that is mostly image is a scan, be there a stamp or a page number on it.
_FEW_LETTERS = 60
_MIN_IMAGE_SHARE = 0.5
_MAX_GARBLED = 0.2
_OCR_DPI = 200
_MAX_OCR_PIXELS = 12_000_000


@dataclass(frozen=True)
class _PageText:
    text: str = ""
    below: tuple[str, ...] = ()
    n_hidden: int = 0
    is_recognised: bool = False
    unread: str = ""
    look: PageLook | None = None


def load(data: bytes) -> Loaded:
    """Read a PDF.

    Raises: LoadError when the file is damaged, has a password that is not known, or holds no text at all.
    """
    import pypdfium2

    document, is_rescued = _open(data)
    try:
        document.init_forms()
        if len(document) == 0:
            raise LoadError("is damaged: it has no page that can be found. Bring it back from a copy, or save it anew")
        outline, about = bookmarks(document), properties(document)
        read = _read_all(document)
        labels = [document.get_page_label(index) for index in range(len(document))]
        n_attached = document.count_attachments()
    except pypdfium2.PdfiumError as error:
        raise LoadError(f"is damaged: {str(error).rstrip('.')}. Bring it back from a copy, or save it anew") from error
    finally:
        document.close()
    unread = [f"page {number}: {page.unread}" for number, page in enumerate(read, start=1) if page.unread]
    if not any(page.text.strip() or page.below for page in read):
        raise LoadError(f"has no text: {unread[0] if unread else 'nothing that a reader sees stands on its pages'}")
    loaded = _join(read, labels)
    marked = headings(loaded.text, loaded.pages, outline)
    looks = [] if marked else headings_by_look([page.look for page in read])
    loaded.headings = marked or headings(loaded.text, loaded.pages, looks, are_lines=True)
    loaded.tables = tables_of(loaded.text, ((page.start, page.end) for page in loaded.pages))
    loaded.is_titled_by_heading = bool(marked)  # the largest letters of a report's cover are seldom its title
    loaded.title = about.pop("title")
    loaded.metadata |= about | {"unread_pages": "; ".join(unread)}
    if is_rescued:
        loaded.warnings.append("it is damaged; what could be found of its pages was read. Save it anew to be sure of all of it")
    if n_attached:
        loaded.warnings.append(f"{n_attached} attached files were not read: save them beside it")
    return loaded


def _read_all(document: "PdfDocument") -> list[_PageText]:
    read, n_chars = [], 0
    for index in range(len(document)):
        read.append(_read(document, index))
        n_chars += len(read[-1].text)
        if n_chars > MAX_CHARS:
            raise LoadError(f"holds more than {MAX_CHARS:,} characters of text. Split it into smaller files")
    return read


def passwords() -> list[str]:
    """Passwords to try, from every environment variable whose name begins with RAG_PDF_PASSWORD, in order of the names."""
    return [value for name, value in sorted(os.environ.items()) if name.startswith(PASSWORD_VARIABLE) and value]


def _open(data: bytes) -> tuple["PdfDocument", bool]:
    """The document, and whether it is one that had to be put together anew."""
    import pypdfium2

    candidates = passwords()
    for password in (None, *candidates):
        try:
            return pypdfium2.PdfDocument(data, password=password), False
        except pypdfium2.PdfiumError as error:
            if error.err_code != _NEEDS_PASSWORD:
                if (rescued := _rescued(data)) is not None:
                    return rescued, True
                raise LoadError(
                    f"is no PDF that can be read: {str(error).rstrip('.')}. Bring it back from a copy, or save it anew"
                ) from error
    tried = f"none of the {len(candidates)} given opens it" if candidates else "none is given"
    raise LoadError(
        f"is protected by a password, and {tried}. Set the environment variable {PASSWORD_VARIABLE} "
        f"(for several, {PASSWORD_VARIABLE}_1 and so on), or save a copy without one"
    )


def _rescued(data: bytes) -> "PdfDocument | None":
    """The pages that pypdf finds in a damaged file; None where it finds none, or PDFium cannot open them either.

    What says which layers and fields are hidden comes along: damage must not make visible what a reader of the file cannot see.
    """
    import pypdf
    import pypdfium2
    from pypdf.generic import NameObject

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    anew = io.BytesIO()
    try:
        writer = pypdf.PdfWriter()
        reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
        for page in reader.pages:
            writer.add_page(page)
        for key in _RULES_OF_SIGHT:
            if key in reader.root_object:
                writer.root_object[NameObject(key)] = reader.root_object.raw_get(key).clone(writer)
        writer.write(anew)
        document = pypdfium2.PdfDocument(anew.getvalue())
    except Exception:  # noqa: BLE001  in a file that is damaged pypdf may stumble over anything
        return None
    return document if len(document) else None


def _read(document: "PdfDocument", index: int) -> _PageText:
    """Text of one page and how its lines look; one that cannot be read says why and loses no other."""
    import pypdfium2

    try:
        page = document[index]
    except pypdfium2.PdfiumError as error:
        return _PageText(unread=f"is damaged ({error})")
    try:
        surface = Surface(page)
        words = read_words(surface)
        shown, is_layer = seen(surface, words)
        below, n_hidden = fields_and_notes(document, page)
        n_hidden += sum(len(placed.word.text) for placed in words) - sum(len(placed.word.text) for placed in shown)
        text = _clean(_in_lines(shown))
        if not _is_scan(surface, text) and _garbled_share(text) <= _MAX_GARBLED:
            upright = [placed for placed in shown if placed.turn == 0]
            bold = [placed.style.is_bold for placed in upright]
            # In a layer of recognised text sizes are guesses that differ from line to line.
            look = None if is_layer else look_of([placed.word for placed in upright], bold)
            return _PageText(text, tuple(below), n_hidden, is_layer, look=look)
        return _recognise(surface, _PageText(text, tuple(below), n_hidden, is_layer))
    except pypdfium2.PdfiumError as error:
        return _PageText(unread=f"is damaged ({error})")
    finally:
        page.close()


def _in_lines(words: list[Placed]) -> str:
    """Text of words that stand upright, then of those that are turned, each group as if it were upright."""
    groups: dict[int, list[Word]] = {}
    for placed in words:
        groups.setdefault(placed.turn, []).append(_upright(placed))
    return "\n\n".join(read_page(group) for _, group in sorted(groups.items()))


def _upright(placed: Placed) -> Word:
    word = placed.word
    box = (word.left, word.top, word.right, word.bottom)
    if placed.turn == 1:
        box = (word.top, -word.right, word.bottom, -word.left)
    elif placed.turn == 2:
        box = (-word.right, -word.bottom, -word.left, -word.top)
    elif placed.turn == 3:
        box = (-word.bottom, word.left, -word.top, word.right)
    return Word(word.text, *box, word.joins)


def _is_scan(surface: Surface, text: str) -> bool:
    """True for a page with hardly a letter that is mostly covered by images."""
    if sum(map(str.isalnum, text)) >= _FEW_LETTERS:
        return False
    area = surface.width * surface.height
    covered = sum(
        max(0.0, min(right, surface.width) - max(left, 0.0)) * max(0.0, min(bottom, surface.height) - max(top, 0.0))
        for left, top, right, bottom in surface.images()
    )
    return bool(covered >= _MIN_IMAGE_SHARE * area > 0)


def _garbled_share(text: str) -> float:
    """Share of characters that stand for no letter: unknown, private or unassigned ones."""
    letters = [letter for letter in text if not letter.isspace()]
    return sum(unicodedata.category(letter) in ("Co", "Cn") or letter == "\ufffd" for letter in letters) / (len(letters) or 1)


def _recognise(surface: Surface, page: _PageText) -> _PageText:
    """The page read from its drawing, or what is known of it where that cannot be done."""
    what = "is a scan" if _garbled_share(page.text) <= _MAX_GARBLED else "has fonts that do not tell their letters"
    if not ocr.is_installed():
        return _PageText(page.text, page.below, page.n_hidden, page.is_recognised, f"{what}: {ocr.REMEDY}")
    points = surface.width * surface.height
    scale = min(_OCR_DPI / 72, (_MAX_OCR_PIXELS / max(points, 1.0)) ** 0.5)
    bitmap = surface.page.render(scale=scale, may_draw_forms=False)
    image = bitmap.to_numpy()[:, :, 2::-1].copy()
    bitmap.close()
    text = _clean(read_page(ocr.read_image(image)))
    return _PageText(text, page.below, page.n_hidden, bool(text)) if text else page


def _clean(text: str) -> str:
    text = _UNPRINTABLE.sub("", _BULLET.sub("- ", text.translate(_LIGATURES)))
    text = "\n".join(_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    return _MANY_BREAKS.sub("\n\n", text).strip("\n")


def _join(read: list[_PageText], labels: list[str]) -> Loaded:
    texts, n_running = without_running_lines([page.text for page in read])
    texts = [_OTHER_HYPHENS.sub("", _LINE_END_HYPHEN.sub("-", text)) for text in join_cut_words(texts)]
    pages, parts, position = [], [], 0
    for number, (page, text, label) in enumerate(zip(read, texts, labels, strict=True), start=1):
        body = "\n\n".join(filter(None, (text, "\n".join(page.below)))) + "\n\n"
        label = " ".join(_UNPRINTABLE.sub("", label).split())
        pages.append(Page(number, position, position + len(body), f"page {label}" if label not in ("", str(number)) else ""))
        parts.append(body)
        position += len(body)
    recognised = [number for number, page in enumerate(read, start=1) if page.is_recognised]
    metadata = {"running_lines": str(n_running) if n_running else ""}
    if recognised:
        metadata |= {"ocr": "true", "ocr_pages": ", ".join(map(str, recognised))}
    return Loaded(text="".join(parts), pages=pages, metadata=metadata, n_hidden=sum(page.n_hidden for page in read))
