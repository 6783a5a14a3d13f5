"""The image of a PDF page with the words of a citation marked: the original file's page, as its reader would see it.

The characters of a stored document are those that its loader gave, which are not those of the page one by one. The cited words
are therefore looked for on the page word by word, and where they repeat, at the place that fits best. The
file must be the one that was ingested, or the words would be marked on another page than was read.
"""

import difflib
import hashlib
import re
import struct
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.containers import SEPARATOR, Unpacking
from ingest.documents import Document
from ingest.errors import LoadError
from ingest.journal import FileState
from ingest.manifest import Manifest
from rag.errors import PageError

_MAX_SIDE = 2400  # pixels
_MAX_BYTES = 500_000_000
_MARK = np.array([255, 236, 110], dtype=np.uint16)  # a yellow that black text is read well on
_MIN_SHARE = 0.5  # of the words of a quote, in blocks of some words; with less, words would be marked that only look alike
_MIN_BLOCK = 2
_WORD = re.compile(r"\w+")
_LOCK = threading.Lock()  # PDFium is not made for several threads


@dataclass(frozen=True)
class PageImage:
    """A PNG, how many places on it are marked (none if the words were not found), and how many pages the document has."""

    png: bytes
    n_marks: int
    n_pages: int


def original(state: FileState, manifest: Manifest) -> bytes:
    """The bytes of a document's file, which must be those that were ingested.

    Raises: PageError when the file is gone or was changed.
    """
    source = next((known for known in manifest.sources if known.name == state.source), None)
    if source is None:
        raise PageError(f"cannot show `{state.name}`: its source `{state.source}` is not in the store. Run `ingest` again.")
    outer, *inner = state.name.removeprefix(source.prefix).split(SEPARATOR)
    file = Path(source.root) / PurePosixPath(outer)
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise PageError(f"cannot show `{state.name}`: the file is over {_MAX_BYTES:,} bytes. Open it yourself.")
        data = file.read_bytes()
        if inner:
            found = (part.data for part in Unpacking().parts(data, state.name.split(SEPARATOR)[0]) if part.name == state.name)
            data = next(found, b"")
    except (OSError, LoadError) as error:
        why = getattr(error, "strerror", None) or error
        raise PageError(f"cannot show `{state.name}`: source changed: {why}. Run `ingest` again.", is_changed=True) from error
    if hashlib.sha256(data).hexdigest() != state.sha256:
        raise PageError(
            f"cannot show `{state.name}`: source changed: the file is not what was ingested. Run `ingest` again.",
            is_changed=True,
        )
    return data


def page_image(data: bytes, document: Document, number: int, span: tuple[int, int] | None, scale: float) -> PageImage:
    """Draw page `number` of a PDF, `scale` pixels a point, with the words at `span` of the document's text marked.

    Raises: PageError when there is no such page, or the file cannot be drawn.
    """
    import pypdfium2

    if not data.startswith(b"%PDF-"):
        raise PageError(f"cannot show a page of `{document.name}`: it is no PDF. GET /documents/text gives its text.")
    with _LOCK:
        try:
            with pypdfium2.PdfDocument(data) as pdf:
                n_pages = len(pdf)
                if not 1 <= number <= n_pages:
                    raise PageError(f"cannot show page {number} of `{document.name}`: it has {n_pages} pages.")
                page = pdf[number - 1]
                scale = min(scale, _MAX_SIDE / max(*page.get_size(), 1.0))
                bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
                pixels = np.array(bitmap.to_numpy()[:, :, :3])
                marks = _boxes(page, _spoken(document, number, span)) if span else []
                where = bitmap.get_posconv(page)
                rectangles = [_in_pixels(where, box, pixels.shape) for box in marks]
        except pypdfium2.PdfiumError as error:
            raise PageError(f"cannot show `{document.name}`: {error}. Open the file yourself.") from error
    for left, top, right, bottom in rectangles:
        part = pixels[top:bottom, left:right]
        part[:] = (part.astype(np.uint16) * _MARK // 255).astype(np.uint8)
    return PageImage(_png(pixels), len(rectangles), n_pages)


def _spoken(document: Document, number: int, span: tuple[int, int] | None) -> tuple[str, float]:
    """The cited words on this page, and where on it they begin, 0 to 1."""
    page = next((page for page in document.pages if page.number == number), None)
    if page is None or span is None:
        return "", 0.0
    start, end = max(span[0], page.start), min(span[1], page.end)
    return document.text[start:end], (start - page.start) / max(1, page.end - page.start)


def _boxes(page: Any, spoken: tuple[str, float]) -> list[tuple[float, float, float, float]]:
    """Boxes (left, bottom, right, top) in points of the words, one for each line that they stand in."""
    quote, place = spoken
    textpage = page.get_textpage()
    words = [(match.group().lower(), *match.span()) for match in _WORD.finditer(textpage.get_text_range())]
    boxes = []
    for first, last in _spans(_WORD.findall(quote.lower()), [word for word, _, _ in words], place):
        start, end = words[first][1], words[last - 1][2]
        boxes += [textpage.get_rect(number) for number in range(textpage.count_rects(start, end - start))]
    return boxes


def _spans(quote: Sequence[str], page: Sequence[str], place: float) -> list[tuple[int, int]]:
    """Where the words of a quote stand among those of the page: whole where it is nearest to `place`, else block by block."""
    size = len(quote)
    found = [start for start in range(len(page) - size + 1) if size and page[start : start + size] == quote]
    if found:
        start = min(found, key=lambda start: abs(start / len(page) - place))
        return [(start, start + size)]
    blocks = difflib.SequenceMatcher(None, page, quote, autojunk=False).get_matching_blocks()
    blocks = [block for block in blocks if block.size >= _MIN_BLOCK]
    if sum(block.size for block in blocks) < _MIN_SHARE * size:
        return []
    return [(block.a, block.a + block.size) for block in blocks]


def _in_pixels(where: Any, box: Sequence[float], shape: Sequence[int]) -> tuple[int, int, int, int]:
    """A box in points as (left, top, right, bottom) in pixels, a little wider; `where` knows crop and rotation of the page."""
    left, bottom, right, top = box
    (x0, y0), (x1, y1) = where.to_bitmap(left, top), where.to_bitmap(right, bottom)
    height, width = shape[:2]
    return max(0, min(x0, x1) - 1), max(0, min(y0, y1) - 1), min(width, max(x0, x1) + 1), min(height, max(y0, y1) + 1)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Write RGB pixels (height, width, 3) as a PNG. Source: PNG specification (RFC 2083), filter 2, "up"."""
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, width * 3)
    above = np.vstack([np.zeros((1, width * 3), dtype=np.uint8), rows[:-1]])
    filtered = np.hstack([np.full((height, 1), 2, dtype=np.uint8), rows - above])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
