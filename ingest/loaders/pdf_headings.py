"""Headings of a PDF without bookmarks, told by how its lines look: in larger letters than its text, or bold and apart.

A heading is a short line of its own that begins with a capital or a figure and is no sentence. Lines of the same look that
follow one another closely are one heading. Larger letters stand above smaller ones, bold ones of the text's size below all.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.loaders.layout import Row, cells_apart, rows_of
from ingest.loaders.pdf_parts import Bookmark

_LARGER = 1.15  # than most letters of the document
_MAX_WORDS, _MAX_CHARS = 14, 110
_MAX_LINES = 3
_GAP_ABOVE = 0.45  # in heights, of a bold line
_CLOSE = 0.6  # in heights, between lines of one heading
_N_SIZES = 3  # levels told by size
_MAX_BOLD_SHARE = 0.35  # of all letters; above it bold tells nothing
_MAX_LINE_SHARE = 0.3  # of all lines; where more look like headings, none is one
_MIN_LINES = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it looks: `size` is the height of its letters in points, `gap` that of the space above it."""

    text: str
    size: float
    is_bold: bool
    gap: float
    is_alone: bool  # one piece, with no table row below it


@dataclass(frozen=True)
class PageLook:
    """The lines of a page, and how many letters it has by their size."""

    lines: tuple[Line, ...]
    letters: Counter[float]
    n_bold: int


def look_of(words: Row, bold: Sequence[bool]) -> PageLook:
    """How the upright words of a page look; `bold` says it of each word."""
    is_bold = {id(word): flag for word, flag in zip(words, bold, strict=True)}
    letters: Counter[float] = Counter()
    for word in words:
        letters[_size(word.bottom - word.top)] += len(word.text)
    rows = rows_of(words)
    usual = letters.most_common(1)[0][0] if letters else 1.0
    pieces = [cells_apart(row, usual) for row in rows]
    lines = []
    for place, row in enumerate(rows):
        above = max((word.bottom for word in rows[place - 1]), default=0.0) if place else None
        gap = float("inf") if above is None else min(word.top for word in row) - above
        is_table = place + 1 < len(rows) and pieces[place + 1] > 1
        size = _size(min(word.bottom - word.top for word in row))
        text = " ".join(word.text for word in row)
        lines.append(Line(text, size, all(is_bold[id(word)] for word in row), gap, pieces[place] == 1 and not is_table))
    n_bold = sum(len(word.text) for word, flag in zip(words, bold, strict=True) if flag)
    return PageLook(tuple(lines), letters, n_bold)


def _size(height: float) -> float:
    return round(2 * height) / 2


def headings_by_look(looks: Sequence[PageLook | None]) -> list[Bookmark]:
    """What looks like a heading, as bookmarks that lead to it; None for a page of which nothing is known."""
    pages = [look or PageLook((), Counter(), 0) for look in looks]
    letters: Counter[float] = Counter()
    for page in pages:
        letters.update(page.letters)
    n_lines = sum(len(page.lines) for page in pages)
    if not letters or n_lines < _MIN_LINES:
        return []
    usual = letters.most_common(1)[0][0]
    tells_by_bold = sum(page.n_bold for page in pages) <= _MAX_BOLD_SHARE * letters.total()
    found = [(number, *heading) for number, page in enumerate(pages) for heading in _of_page(page, usual, tells_by_bold)]
    if len(found) > _MAX_LINE_SHARE * n_lines:
        return []
    sizes = sorted({size for _, size, _ in found if size}, reverse=True)[:_N_SIZES]
    levels = {size: level for level, size in enumerate(sizes, start=1)}
    return [Bookmark(levels.get(size, len(sizes) + (0 if size else 1)) or 1, text, number) for number, size, text in found]


def _of_page(page: PageLook, usual: float, tells_by_bold: bool) -> Iterator[tuple[float, str]]:
    """Size (0 for bold letters of the usual size) and text of each heading."""
    taken: list[Line] = []
    for line in (*page.lines, None):
        if taken and (line is None or not _goes_on(taken, line)):
            text = " ".join(part.text for part in taken)
            if len(taken) <= _MAX_LINES and _is_title(text):
                yield (taken[0].size if _is_large(taken[0], usual) else 0.0), text
            taken = []
        if line is not None and (taken or _is_large(line, usual) or (tells_by_bold and _is_bold_apart(line, usual))):
            taken.append(line)


def _goes_on(taken: Sequence[Line], line: Line) -> bool:
    last = taken[-1]
    return line.size == last.size and line.is_bold == last.is_bold and line.gap <= _CLOSE * last.size


def _is_large(line: Line, usual: float) -> bool:
    return line.size >= _LARGER * usual


def _is_bold_apart(line: Line, usual: float) -> bool:
    return line.is_bold and line.is_alone and line.size >= usual and line.gap >= _GAP_ABOVE * usual


def _is_title(text: str) -> bool:
    words = text.split()
    return (
        len(words) <= _MAX_WORDS
        and len(text) <= _MAX_CHARS
        and any(sum(map(str.isalpha, word)) >= 3 for word in words)
        and (text[0].isupper() or text[0].isdigit() or text[0] in "¿¡“\"'(§")
        and not text.endswith((",", ";", ":", "."))
    )
