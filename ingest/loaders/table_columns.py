"""Which rows of a page make a table, and where its columns part: decided over all of its rows, never by one row alone.

What no row of a run crosses is a column's border. A cell that fills its column nearly touches the next one, and an empty one
leaves a gap as wide as the column: one row by itself shows neither. A row that crosses a border is left out of the table and
read by itself, for a figure in no column is better than one in a wrong column.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.loaders.layout import Row

# Lengths in heights of the page's usual line.
CELL_GAP = 1.1  # parts cells in a row by itself
_BORDER = 0.55  # what all rows of a table leave free between two columns; a blank is half of it
_ROWS_APART = 1.6
_ALIGNED = 0.15
_MAX_CROSSING_ROWS = 2  # one after the other, titles across the columns; more is the text behind the table
_MAX_TITLE_ROWS = 3  # above the columns, each over several of them
_MIN_ROWS = 2
_SURE_ROWS = 3
_BULLET = re.compile(r"\d{1,3}[.)]|[a-z][.)]|[-–•]|Item \d+[A-Z]?\.")
_OPENS = re.compile(r"[$€£(]")
_CLOSES = re.compile(r"[%)]+")

Range = tuple[float, float]
Cells = list["Row"]  # the words of each cell, none in an empty one


def cells_of_rows(rows: Sequence["Row"], height: float) -> list[Cells | None]:
    """For each row of a page, from top to bottom, its cells in the table that it belongs to; None for a row of none.

    All rows of one table have the same number of cells.
    """
    found: list[Cells | None] = [None] * len(rows)
    start = after = 0
    while start < len(rows):
        if not any(gap > CELL_GAP * height for gap in _gaps(rows[start])):
            start += 1
            continue
        members, free, end = _run(rows, start, after, height)
        table = _table(rows, members, free, height)
        for later in range(start + 1, min(start + _MAX_TITLE_ROWS, end - 1) + 1):
            if len(table) == len(members):
                break
            others, free, _ = _run(rows, later, after, height)
            table = max(table, _table(rows, others, free, height), key=_n_told)
        for member, cells in table.items():
            found[member] = cells
        start = after = max(end, *table, start + 1) if table else end
    return found


def _n_told(table: dict[int, Cells]) -> int:
    return sum(map(_n_filled, table.values()))


def _n_filled(cells: Cells) -> int:
    return sum(map(bool, cells))


def without(free: list[Range], row: "Row") -> list[Range]:
    """What a row leaves free of ranges that were free above it."""
    for word in row:
        left, right = word.left, word.right
        if not any(left < high and right > low for low, high in free):  # most words: what is free stays as it is
            continue
        free = [
            piece
            for low, high in free
            for piece in ([(low, min(high, left)), (max(low, right), high)] if left < high and right > low else [(low, high)])
            if piece[0] < piece[1]
        ]
    return free


def is_bounded(piece: Range) -> bool:
    """True for a range with words on both sides."""
    return piece[0] != float("-inf") and piece[1] != float("inf")


def _gaps(row: "Row") -> Iterator[float]:
    return (word.left - before.right for before, word in pairwise(row))


def _run(rows: Sequence["Row"], start: int, after: int, height: float) -> tuple[list[int], list[Range], int]:
    """Rows around `start`, none before `after`, that keep the borders of each other; the borders; and where to look on."""
    free = _narrowed([(float("-inf"), float("inf"))], rows[start], height)
    members, n_crossing = [start], 0
    for place in range(start + 1, len(rows)):
        if _is_apart(rows[place - 1], rows[place], height):
            break
        left = _kept(rows, members, free, place, height)
        n_crossing = 0 if left else n_crossing + 1
        if n_crossing > _MAX_CROSSING_ROWS:
            break
        if left:
            free = left
            members.append(place)
    end = members[-1] + 1
    for place in range(start - 1, after - 1, -1):
        left = [] if _is_apart(rows[place], rows[place + 1], height) else _kept(rows, members, free, place, height)
        if not left:
            break
        free = left
        members.insert(0, place)
    return members, free, end


def _is_apart(above: "Row", below: "Row", height: float) -> bool:
    return min(word.top for word in below) - max(word.bottom for word in above) > _ROWS_APART * height


def _narrowed(free: list[Range], row: "Row", height: float) -> list[Range]:
    return [piece for piece in without(free, row) if piece[1] - piece[0] >= _BORDER * height]


def _kept(rows: Sequence["Row"], members: list[int], free: list[Range], place: int, height: float) -> list[Range]:
    """What stays free with one more row; nothing where it crosses a border that two rows have, or all of them."""
    left = _narrowed(free, rows[place], height)
    lost = [
        piece for piece in free if is_bounded(piece) and not any(piece[0] <= low and high <= piece[1] for low, high in left)
    ]
    if any(sum(_has_both_sides(rows[member], piece) for member in members) >= _MIN_ROWS for piece in lost):
        return []
    return left if any(map(is_bounded, left)) else []


def _has_both_sides(row: "Row", border: Range) -> bool:
    return row[0].left < border[0] and row[-1].right > border[1]


def _table(rows: Sequence["Row"], members: list[int], free: list[Range], height: float) -> dict[int, Cells]:
    """The cells of rows by their places; nothing where the borders are not sure."""
    inside = [rows[member] for member in members]
    borders = _between_filled(inside, sorted(piece for piece in free if is_bounded(piece)))
    borders = [border for border in borders if _is_sure(inside, border, borders, height)]
    borders = _between_filled(inside, _between_figures(inside, borders))
    cut = {member: _cells(rows[member], borders) for member in members}
    full = [member for member, cells in cut.items() if _n_filled(cells) > 1]
    if len(full) < _MIN_ROWS:
        return {}
    return {
        member: cells
        for member, cells in cut.items()
        if full[0] <= member <= full[-1]
        and (_n_filled(cells) > 1 or _is_figure_in_place(cells))
        and _is_whole(cells, height)
        and not any(_is_in(rows[member], border) for border in borders)
    }


def _between_filled(rows: list["Row"], borders: list[Range]) -> list[Range]:
    """Borders of the columns that the first row of several cells fills, or two of them; a title may stand in no column."""
    cut = [cells for cells in (_cells(row, borders) for row in rows) if _n_filled(cells) > 1]
    is_filled = [
        sum(bool(cells[place]) for cells in cut) >= _MIN_ROWS or any(cells[place] for cells in cut[:1])
        for place in range(len(borders) + 1)
    ]
    merged: list[Range] = []
    low: float | None = None
    for place, border in enumerate(borders):
        if not any(is_filled[: place + 1]) or not any(is_filled[place + 1 :]):
            continue
        low = border[0] if low is None else low
        if is_filled[place + 1]:
            merged.append((low, border[1]))
            low = None
    return merged


def _is_in(row: "Row", border: Range) -> bool:
    return any(word.left < border[1] and word.right > border[0] for word in row)


def _is_sure(rows: list["Row"], border: Range, borders: list[Range], height: float) -> bool:
    """True where rows on both sides of a border are apart as cells are, or enough of them are set to one edge."""
    both = [row for row in rows if _has_both_sides(row, border)]
    if len(both) < _MIN_ROWS:
        return False
    place = borders.index(border)
    sides = [_cells(row, borders)[place : place + 2] for row in both]
    pairs = [(left, right) for left, right in sides if left and right]
    is_clear = any(right[0].left - left[-1].right > CELL_GAP * height for left, right in pairs) or len(pairs) < len(both)
    if is_clear and len(both) >= _SURE_ROWS:
        return True
    return (is_clear or len(pairs) >= _SURE_ROWS) and (
        _is_aligned([left for left, _ in sides if left], height) or _is_aligned([right for _, right in sides if right], height)
    )


def _is_aligned(cells: list["Row"], height: float) -> bool:
    """True for cells below each other with one left edge, right edge or middle."""
    edges = [(cell[0].left, cell[-1].right, (cell[0].left + cell[-1].right) / 2) for cell in cells]
    return len(edges) >= _MIN_ROWS and any(max(edge) - min(edge) <= _ALIGNED * height for edge in zip(*edges, strict=True))


def _between_figures(rows: list["Row"], borders: list[Range]) -> list[Range]:
    """Borders without those that part a bullet from its item, or a sign from its figure."""
    columns: list[list[str]] = [[] for _ in range(len(borders) + 1)]
    for cells in (_cells(row, borders) for row in rows):
        for column, cell in zip(columns, cells, strict=True):
            if cell and _n_filled(cells) > 1:
                column.append(" ".join(word.text for word in cell))
    is_bullets = sum(map(bool, map(_BULLET.fullmatch, columns[0]))) * 2 >= max(len(columns[0]), 1)
    return [
        border
        for place, border in enumerate(borders)
        if not (
            (place == 0 and is_bullets)
            or all(map(_OPENS.fullmatch, columns[place]))
            or all(map(_CLOSES.fullmatch, columns[place + 1]))
        )
    ]


def _cells(row: "Row", borders: Sequence[Range]) -> Cells:
    cells: Cells = [[] for _ in range(len(borders) + 1)]
    for word in row:
        cells[sum(word.left >= low for low, _ in borders)].append(word)
    return cells


def _is_whole(cells: Cells, height: float) -> bool:
    """False where a cell holds what a row by itself would part, or its sign alone: no border tells what that is."""
    texts = [" ".join(word.text for word in cell) for cell in cells]
    if any(_OPENS.fullmatch(sign) and figure for sign, figure in pairwise(texts)):
        return False
    return not any(
        word.left - before.right > CELL_GAP * height and not _OPENS.fullmatch(before.text) and not _CLOSES.fullmatch(word.text)
        for cell in cells
        for before, word in pairwise(cell)
    )


def _is_figure_in_place(cells: Cells) -> bool:
    """True for a row of nothing but a figure below others: its column says what it is. Words alone may belong to any."""
    filled = [place for place, cell in enumerate(cells) if cell]
    if len(cells) <= _MIN_ROWS or not filled[0]:
        return False
    return any(character.isdigit() for word in cells[filled[0]] for character in word.text) and len(cells[filled[0]]) <= 2
