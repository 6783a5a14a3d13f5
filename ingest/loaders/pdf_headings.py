"""Headings of a PDF without bookmarks, told by how its lines look: in larger letters than its text, or bold and apart.

A heading is a short line of its own that begins with a capital or a figure and is no sentence, caption or line of a list of
contents. Lines of the same look that follow one another closely are one heading. Larger letters stand above smaller ones, bold
ones of the text's size, or slanted ones, below all. A size that one heading alone has is a cover's or a call-out's if it is
above all sizes that more of them share: it is none, but for the first heading of all.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.loaders.layout import Row, cells_apart, rows_in_order
from ingest.loaders.pdf_parts import MAX_BOOKMARKS, Bookmark

_LARGER = 1.15  # than most letters of the document, and of the page
_MIN_LETTERS = 300  # of a page that has a usual size of its own
_MAX_WORDS, _MAX_CHARS = 14, 110
_MAX_LINES = 3
_GAP_ABOVE = 0.45  # in heights, of a bold line
_CLOSE = 0.6  # in heights, between lines of one heading
_N_SIZES = 5  # levels told by size
_MAX_BOLD_SHARE = 0.35  # of all letters; above it bold tells nothing
_MAX_LARGE_SHARE = 0.3  # of all letters, in large headings; where more are, size tells nothing
_MAX_LINE_SHARE = 0.3  # of all lines, as bold headings; where more are, bold tells nothing
_MIN_LINES = 8
_MIN_BODY = 20  # letters below a bold heading on its page; a foot line has fewer
_NUMBER = re.compile(r"(?:(?:[^\W\d]{2,10}\.?|§+) ?)?[(\[]?(?:\d{1,3}|[A-Z]|[IVXLC]+)(?:\.\d+)*[.):\]]?")
_NO_TITLE = re.compile(
    r"^(?:Table|Figure|Fig\.|Tabelle|Abbildung|Abb\.|Tabla|Figura|Tableau|Page|Página|Seite)\s+\d|(?:\.\s?){4,}|: \d",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it looks: `size` is the height of most of its letters in points, `gap` that of the space above it."""

    text: str
    size: float
    is_bold: bool
    gap: float
    is_alone: bool  # one piece, or a number and one
    is_above_row: bool = False  # of a table


@dataclass(frozen=True)
class PageLook:
    """The lines of a page in reading order, and how many letters it has by their size."""

    lines: tuple[Line, ...]
    letters: Counter[float]
    n_bold: int


def look_of(words: Row, bold: Sequence[bool]) -> PageLook:
    """How the upright words of a page look; `bold` says it of each word."""
    is_bold = {id(word): flag for word, flag in zip(words, bold, strict=True)}
    letters = _by_size(words)
    rows = rows_in_order(words)
    sizes = [_by_size(row).most_common(1)[0][0] for row in rows]
    pieces = [cells_apart(row, size) for row, size in zip(rows, sizes, strict=True)]
    lines = []
    above: float | None = None
    for place, (row, size) in enumerate(zip(rows, sizes, strict=True)):
        usual = [word for word in row if _size(word.bottom - word.top) == size]  # marks of notes are smaller and raised
        top = min(word.top for word in usual)
        gap = top - above if above is not None and top > above - size else float("inf")  # a column begins with the latter
        above = max(word.bottom for word in usual)
        lines.append(
            Line(
                " ".join(word.text for word in row),
                size,
                all(is_bold[id(word)] for word in usual),
                gap,
                _is_one(pieces[place]),
                place + 1 < len(rows) and len(pieces[place + 1]) > 1,
            )
        )
    n_bold = sum(len(word.text) for word, flag in zip(words, bold, strict=True) if flag)
    return PageLook(tuple(lines), letters, n_bold)


def _is_one(pieces: Sequence[str]) -> bool:
    """Whether pieces of a row are a line, its number apart or not."""
    return len(pieces) == 1 or (len(pieces) == 2 and bool(_NUMBER.fullmatch(pieces[0])) and pieces[1][0].isalpha())


def _size(height: float) -> float:
    return round(2 * height) / 2


def _by_size(words: Row) -> Counter[float]:
    letters: Counter[float] = Counter()
    for word in words:
        letters[_size(word.bottom - word.top)] += len(word.text)
    return letters


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
    if sum(not size for _, size, _ in found) > _MAX_LINE_SHARE * n_lines:
        found = [heading for heading in found if heading[1]]
    if sum(len("".join(text.split())) for _, size, text in found if size) > _MAX_LARGE_SHARE * letters.total():
        found = [heading for heading in found if not heading[1]]
    levels = _levels([size for _, size, _ in found if size])
    lowest = max(levels.values(), default=0) + 1
    ranked = [Bookmark(levels.get(size, lowest), text, number) for number, size, text in found if not size or size in levels]
    return ranked[:MAX_BOOKMARKS]


def _levels(sizes: Sequence[float]) -> dict[float, int]:
    """Levels of the sizes of headings, given in their order; one that is no heading's has none."""
    counts = Counter(sizes)
    shared = sorted(size for size, count in counts.items() if count > 1)
    ranked, lone = [], []
    for size, count in counts.items():
        if count > 1 or size == sizes[0] or not shared or size < shared[0]:
            ranked.append(size)
        elif size < shared[-1]:
            lone.append(size)
    levels = {size: min(level, _N_SIZES) for level, size in enumerate(sorted(ranked, reverse=True), start=1)}
    return levels | {size: levels[shared[bisect_right(shared, size) - 1]] for size in lone}


def _of_page(page: PageLook, usual: float, tells_by_bold: bool) -> Iterator[tuple[float, str]]:
    """Size (0 for bold letters of the usual size) and text of each heading."""
    if page.letters.total() >= _MIN_LETTERS:
        usual = max(usual, page.letters.most_common(1)[0][0])
    n_below = sum(map(_n_letters, page.lines))
    taken: list[Line] = []
    for line in (*page.lines, None):
        if taken and (line is None or not _goes_on(taken, line)):
            text = " ".join(part.text for part in taken)
            is_large = _is_large(taken[0], usual)
            if len(taken) <= _MAX_LINES and _is_title(text) and (is_large or n_below >= _MIN_BODY):
                yield (taken[0].size if is_large else 0.0), text
            taken = []
        if line is not None:
            n_below -= _n_letters(line)
            if taken or _is_large(line, usual) or (tells_by_bold and _is_bold_apart(line, usual)):
                taken.append(line)


def _n_letters(line: Line) -> int:
    return sum(map(str.isalpha, line.text))


def _goes_on(taken: Sequence[Line], line: Line) -> bool:
    last = taken[-1]
    return line.is_alone and line.size == last.size and line.is_bold == last.is_bold and line.gap <= _CLOSE * last.size


def _is_large(line: Line, usual: float) -> bool:
    return line.is_alone and line.size >= _LARGER * usual


def _is_bold_apart(line: Line, usual: float) -> bool:
    is_alone = line.is_alone and not line.is_above_row
    return line.is_bold and is_alone and line.size >= usual and line.gap >= _GAP_ABOVE * usual


def _is_title(text: str) -> bool:
    words = text.split()
    return (
        len(words) <= _MAX_WORDS
        and len(text) <= _MAX_CHARS
        and any(sum(map(str.isalpha, word)) >= 3 for word in words)
        and (text[0].isupper() or text[0].isdigit() or text[0] in "¿¡“\"'(§")
        and not text.endswith((",", ";", ":", "."))
        and not _NO_TITLE.search(text)
    )
