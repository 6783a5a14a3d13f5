"""How cells of a workbook look: number formats, and letters that nobody can tell from the fill of their cell.

Tables, pivot tables and conditional formats colour cells by rules that are not read here: what they cover counts as seen.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.loaders.colours import BLACK, WHITE, Colour, can_be_seen, read_colour, relit, theme_colours
from ingest.loaders.package import Package

if TYPE_CHECKING:
    from lxml.etree import _Element

# Formats that have a number and no code in the file. Source: ECMA-376 part 1, 18.8.30.
_BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm",
    17: "mmm-yy", 18: "h:mm", 19: "h:mm:ss", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0", 38: "#,##0",
    39: "#,##0.00", 40: "#,##0.00", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss",
}  # fmt: skip
_INDEXED = {0: BLACK, 1: WHITE, 8: BLACK, 9: WHITE}
_SYSTEM = {64: BLACK, 65: WHITE}
_THEME_ORDER = ("lt1", "dk1", "lt2", "dk2")  # by number; the rest comes in the order of the theme
_RULED = re.compile(rb"<(?:\w+:)?conditionalFormatting\b[^>]*?\bsqref=[\"']([^\"']*)")
_PICTURE = re.compile(rb"<(?:\w+:)?picture\b")
_AREA = re.compile(r"\$?([A-Z]{1,3})\$?(\d+)(?::\$?([A-Z]{1,3})\$?(\d+))?")
_EVERYWHERE = (0, 0, 1 << 30, 1 << 30)

Area = tuple[int, int, int, int]  # first column and row, last column and row; columns count from 0, rows from 1


@dataclass(frozen=True)
class Style:
    """`code`: number format. `is_unseen`: the letters have the colour of the cell, where nothing else colours it."""

    code: str = ""
    is_unseen: bool = False

    def shows(self, value: str, is_number: bool) -> bool:
        """Whether the number format shows a value at all: an empty section, as in `;;;`, shows nothing."""
        if self.code.count(";") < 2:
            return True
        sections = [section.replace('""', "").strip() for section in self.code.split(";")]
        if not is_number:
            return len(sections) < 4 or bool(sections[3])
        number = float(value)
        return bool(sections[1 if number < 0 else 2 if number == 0 else 0])


def read_styles(package: Package, part: str, theme_part: str) -> list[Style]:
    """The looks that cells refer to by number."""
    if part not in package.names:
        return []
    styles = package.xml(part)
    codes = dict(_BUILT_IN)
    for element in styles.iterfind("{*}numFmts/{*}numFmt"):
        codes[int(element.get("numFmtId", "0"))] = element.get("formatCode", "")
    theme = theme_colours(package.xml(theme_part) if theme_part in package.names else None)
    order = [*_THEME_ORDER, *(name for name in theme if name not in _THEME_ORDER)]
    themed = [theme.get(name) for name in order]
    indexed = _SYSTEM if styles.find("{*}colors/{*}indexedColors") is not None else _INDEXED | _SYSTEM
    letters = [_letters(font, themed, indexed) for font in styles.iterfind("{*}fonts/{*}font")]
    fills = [_fill(fill, themed, indexed) for fill in styles.iterfind("{*}fills/{*}fill")]
    return [
        Style(
            codes.get(int(xf.get("numFmtId", "0")), ""),
            not can_be_seen(_at(letters, xf.get("fontId", "0")), _at(fills, xf.get("fillId", "0"))),
        )
        for xf in styles.iterfind("{*}cellXfs/{*}xf")
    ]


def covered_areas(package: Package, sheet_part: str, data: bytes) -> list[Area]:
    """Areas of a sheet whose colours come from tables, conditional formats or a picture behind the sheet."""
    if _PICTURE.search(data):
        return [_EVERYWHERE]
    written = [match[1].decode("utf-8", "replace") for match in _RULED.finditer(data)]
    for kind, target in package.relations(sheet_part).values():
        if kind in ("table", "pivotTable") and target in package.names:
            root = package.xml(target)
            place = root if kind == "table" else root.find("{*}location")
            written.append("" if place is None else place.get("ref", ""))
    found = []
    for match in _AREA.finditer(" ".join(written)):
        left, top = column_number(match[1]), int(match[2])
        found.append((left, top, column_number(match[3] or match[1]), int(match[4] or match[2])))
    return found


def is_covered(areas: list[Area], column: int, row: int) -> bool:
    """Whether a cell lies in one of the areas."""
    return any(left <= column <= right and top <= row <= bottom for left, top, right, bottom in areas)


def column_number(letters: str) -> int:
    """Number of a column by its letters, counted from 0."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _letters(font: "_Element", theme: list[Colour | None], indexed: dict[int, Colour]) -> Colour | None:
    written = font.find("{*}color")
    return BLACK if written is None else _colour(written, theme, indexed)


def _fill(fill: "_Element", theme: list[Colour | None], indexed: dict[int, Colour]) -> Colour | None:
    """Colour of a cell: white without a fill, None for patterns and gradients."""
    pattern = fill.find("{*}patternFill")
    if pattern is None:
        return WHITE if len(fill) == 0 else None
    kind = pattern.get("patternType", "none")
    if kind == "none":
        return WHITE
    written = pattern.find("{*}fgColor") if kind == "solid" else None
    return None if written is None else _colour(written, theme, indexed)


def _colour(written: "_Element", theme: list[Colour | None], indexed: dict[int, Colour]) -> Colour | None:
    colour: Colour | None = None
    if value := written.get("rgb"):
        colour = read_colour(value)
    elif value := written.get("theme"):
        colour = _at(theme, value)
    elif value := written.get("indexed"):
        colour = indexed.get(int(value))
    tint = float(written.get("tint", "0"))
    if colour is None or not tint:
        return colour
    return relit(colour, 1 + tint, 0) if tint < 0 else relit(colour, 1 - tint, tint)


def _at(colours: list[Colour | None], number: str) -> Colour | None:
    place = int(number)
    return colours[place] if 0 <= place < len(colours) else None
