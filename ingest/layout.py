"""Where the words of a document stand: its pages and the rows of its tables, kept without its text.

A document that is read again for every question would cost more than searching it: a layout is small and may be kept.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ingest.documents import Document, Location, Page, Rows

_LINE_END = ord("\n")


class Layout:
    """Pages, rows and metadata of one document; it holds four bytes a line where there are rows."""

    def __init__(self, pages: Sequence[Page], rows: Sequence[Rows], text: str, metadata: Mapping[str, str]) -> None:
        """Take what a document says of itself; `text` is looked at only where there are rows."""
        self.metadata = metadata
        self._pages = tuple(pages)
        self._rows = tuple(rows)
        self._page_starts = [page.start for page in self._pages]
        self._row_starts = [piece.start for piece in self._rows]
        self._line_ends = _line_ends(text if self._rows else "")

    def location(self, start: int, end: int, section: str = "") -> Location:
        """Where `[start, end)` of the text stands."""
        number = bisect_right(self._page_starts, start) - 1
        page = self._pages[number] if number >= 0 and start < self._pages[number].end else None
        return Location(page.label if page else "", section, tuple(self._touched(start, end)))

    def _touched(self, start: int, end: int) -> Iterator[Rows]:
        """Each row that has a part in `[start, end)`, by itself."""
        first = max(0, bisect_right(self._row_starts, start) - 1)
        for piece in self._rows[first : bisect_right(self._row_starts, end)]:
            low, high = max(start, piece.start), min(end, piece.end)
            if low >= high:
                continue
            above, below = np.searchsorted(self._line_ends, [piece.start, low])
            position = int(self._line_ends[below - 1]) + 1 if below > above else piece.start
            number = piece.first + int(below - above)
            while position < high:
                stop = min(piece.end, int(self._line_ends[below]) + 1 if below < len(self._line_ends) else piece.end)
                yield Rows(number, position, stop)
                position, number, below = stop, number + 1, below + 1


def layout_of(document: Document) -> Layout:
    """The layout of a document that is at hand."""
    return Layout(document.pages, document.rows, document.text, document.metadata)


def _line_ends(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Positions of all line ends, ascending."""
    if text.isascii():
        codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return np.flatnonzero(codes == _LINE_END).astype(np.uint32)
