"""Words with their places on a page -> lines of text in reading order. It knows neither PDF nor images.

Words on one height make a row. The cells of a table stand apart by ` | `, as many in each of its rows, an empty one between
two bars; in a row of no table that can be told a wide gap parts them. Running text set in columns is read column
by column: a stretch of rows with a common gap and prose on both sides. A wide gap between rows is an empty line.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.loaders.table_columns import CELL_GAP, Cells, cells_of_rows, is_bounded, without

# Lengths in heights of the page's usual line.
_GUTTER = 0.7
_PARAGRAPH_GAP = 0.75
_MIN_COLUMN_ROWS = 6
_MAX_COLUMN_ROWS, _MAX_COLUMN_WORDS = 400, 20_000  # the search for columns is quadratic; no page that people read has more
_MIN_PROSE_WORDS = 4
_PROSE_SHARE = 0.6
_MARK = re.compile(r"\d{1,3}[.)]|[a-z][.)]|[-–•(]|[$€£]|Item \d+[A-Z]?\.")
_LAST_SIGN = re.compile(r"(?<=\S) ([$€£])$")


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its box; vertical positions grow downwards, in any unit. `joins`: no blank stands before it."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    joins: bool = False


Row = list[Word]


def read_page(words: Sequence[Word]) -> str:
    """Text of a page's words: a line for each row, an empty line between blocks."""
    if not words:
        return ""
    height = median(word.bottom - word.top for word in words) or 1.0
    may_have_columns = len(words) <= _MAX_COLUMN_WORDS
    return _text(rows_of(words), height) if may_have_columns else "\n".join(_line(row, height) for row in rows_of(words))


def _text(rows: list[Row], height: float) -> str:
    lines: list[str] = []
    for start, end, gutter in _stretches(rows, height):
        inside = rows[start:end]
        tabled = [None] * len(inside) if gutter is not None else cells_of_rows(inside, height)
        for place, (row, cells) in enumerate(zip(inside, tabled, strict=True), start=start):
            if lines and (gutter is None or place == start) and _gap(rows[place - 1], row) > _PARAGRAPH_GAP * height:
                lines.append("")
            if gutter is None:
                lines.append(_table_line(cells) if cells else _line(row, height))
        if gutter is not None:
            lines += [_text(rows_of(side), height) for side in _sides(inside, gutter)]
    return "\n".join(lines)


def rows_in_order(words: Sequence[Word]) -> list[Row]:
    """The rows of a page's words in the order in which `read_page` has them."""
    if not words:
        return []
    height = median(word.bottom - word.top for word in words) or 1.0
    return _in_order(rows_of(words), height) if len(words) <= _MAX_COLUMN_WORDS else rows_of(words)


def _in_order(rows: list[Row], height: float) -> list[Row]:
    ordered: list[Row] = []
    for start, end, gutter in _stretches(rows, height):
        if gutter is None:
            ordered += rows[start:end]
            continue
        for side in _sides(rows[start:end], gutter):
            ordered += _in_order(rows_of(side), height)
    return ordered


def _sides(rows: list[Row], gutter: float) -> tuple[list[Word], list[Word]]:
    words = [word for row in rows for word in row]
    return [word for word in words if word.right <= gutter], [word for word in words if word.right > gutter]


def cells_apart(row: Row, height: float) -> list[str]:
    """Pieces of a row that wide gaps part, in heights of the usual line."""
    return _pieces(row, CELL_GAP * height)


def _stretches(rows: list[Row], height: float) -> Iterator[tuple[int, int, float | None]]:
    """Start and end of all stretches of rows, and where the first column ends in those that are set in columns."""
    plain = position = 0
    while position < len(rows):
        end, gutter = _columns(rows, position, height) if len(rows) <= _MAX_COLUMN_ROWS else (position, 0.0)
        if end > position:
            if plain < position:
                yield plain, position, None
            yield position, end, gutter
            plain = end
        position = max(end, position + 1)
    if plain < len(rows):
        yield plain, len(rows), None


def rows_of(words: Sequence[Word]) -> list[Row]:
    """Words that share a height, from left to right; rows from top to bottom."""
    rows: list[Row] = []
    bands: list[tuple[float, float]] = []
    for word in sorted(words, key=lambda word: (word.top + word.bottom, word.left)):
        place = next((n for n in range(len(rows) - 1, max(-1, len(rows) - 4), -1) if _overlaps(bands[n], word)), None)
        if place is None:
            rows.append([word])
            bands.append((word.top, word.bottom))
        else:
            rows[place].append(word)
    return [sorted(row, key=lambda word: word.left) for row in rows]


def _overlaps(band: tuple[float, float], word: Word) -> bool:
    """True where word and band share more than half of the lower of both."""
    shared = min(band[1], word.bottom) - max(band[0], word.top)
    return shared > 0.5 * min(band[1] - band[0], word.bottom - word.top)


def _gap(above: Row, below: Row) -> float:
    return min(word.top for word in below) - max(word.bottom for word in above)


def _line(row: Row, height: float) -> str:
    """A row with ` | ` between its cells; a list's number, a currency sign and a gap after a sentence make no cell."""
    pieces = _with_signs(_pieces(row, CELL_GAP * height))
    joined = pieces[0]
    for before, piece in pairwise(pieces):
        is_mark = bool(_MARK.fullmatch(before))
        is_prose = before.endswith((".", ",", ";", ":")) and len(before.split()) > _MIN_PROSE_WORDS
        joined += (" " if is_mark or is_prose else " | ") + piece
    return joined


def _table_line(cells: Cells) -> str:
    return " | ".join(_with_signs([_pieces(cell, float("inf"))[0] if cell else "" for cell in cells]))


def _with_signs(pieces: list[str]) -> list[str]:
    """Pieces in which a currency sign, set close to the figure before it, stands with the one behind it."""
    for place, piece in enumerate(pieces[:-1]):
        if pieces[place + 1] and (match := _LAST_SIGN.search(piece)):
            pieces[place], pieces[place + 1] = piece[: match.start()], f"{match[1]} {pieces[place + 1]}"
    return pieces


def _pieces(row: Row, gap: float) -> list[str]:
    pieces = [row[0].text]
    for before, word in pairwise(row):
        if word.left - before.right > gap:
            pieces.append(word.text)
        else:
            pieces[-1] += word.text if word.joins else f" {word.text}"
    return pieces


def _columns(rows: list[Row], start: int, height: float) -> tuple[int, float]:
    """End of the stretch of rows from `start` on that is set in columns, and where the first column ends; `start` if none."""
    free, end = [(float("-inf"), float("inf"))], start
    while end < len(rows):
        left = [piece for piece in without(free, rows[end]) if piece[1] - piece[0] >= _GUTTER * height]
        if any(map(is_bounded, free)) and not any(map(is_bounded, left)):
            break
        free, end = left, end + 1
    gutters = [piece for piece in free if is_bounded(piece)]
    if end - start < _MIN_COLUMN_ROWS:
        return start, 0.0
    for gutter in gutters:
        if _is_prose(rows[start:end], gutter, height):
            return end, gutter[1]
    return start, 0.0


def _is_prose(rows: list[Row], gutter: tuple[float, float], height: float) -> bool:
    """True where both sides of a gap are mostly lines of running text."""
    middle = sum(gutter) / 2
    for is_right in (False, True):
        sides = [[word for word in row if (word.left > middle) == is_right] for row in rows]
        sides = [side for side in sides if side]
        prose = sum(
            len(_pieces(side, 2 * CELL_GAP * height)) == 1
            and sum(word.text.strip(".,;:()").isalpha() for word in side) >= _MIN_PROSE_WORDS
            for side in sides
        )
        if len(sides) < _MIN_COLUMN_ROWS or prose < _PROSE_SHARE * len(sides):
            return False
    return True
