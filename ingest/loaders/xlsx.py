"""XLSX: each sheet is a page with its name as heading, each row a line that names its columns, values as Excel shows them.

The comments on cells stand below their sheet.

Left out and counted: hidden sheets, rows and columns, letters in the colour of their cell, values that their number format does
not show. A formula counts as what it last gave; one that was never calculated is empty, with a warning.
Sheets are read as a stream: openpyxl tells hidden rows only where it holds a whole sheet as objects, fifty times its size.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING

from ingest.errors import LoadError
from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.package import Package, attribute, stream_xml, tag_of
from ingest.loaders.tables import Row, collapse, write_sheet
from ingest.loaders.xlsx_comments import comments_on, persons_of
from ingest.loaders.xlsx_look import Area, Style, column_number, covered_areas, is_covered, read_styles

if TYPE_CHECKING:
    from lxml.etree import _Element

_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_REFERENCE = re.compile(r"([A-Z]{1,3})\d*")
_MAX_COLUMNS = 16_384
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)(?:-[^\]]*)?\]|\[[^\]]*\]|[_*].')
_ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_SHORT_INTEGER = re.compile(r"-?\d{1,15}")
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_DIGITS = re.compile(r"[#0?][#0?,]*(?:\.([0#?]+))?")


@dataclass
class _Book:
    strings: list[str]
    styles: list[Style]
    epoch: datetime
    n_uncalculated: int = 0  # formulas without a value


@dataclass
class _Hidden:
    """What of a sheet is hidden. `is_rest`: so are the rows that the sheet does not list; `listed` are those it shows then."""

    is_sheet: bool
    columns: set[int] = field(default_factory=set)
    rows: set[int] = field(default_factory=set)
    is_rest: bool = False
    listed: set[int] = field(default_factory=set)

    def holds(self, cell: str) -> bool:
        """True for a cell, such as `B7`, that is not shown, and for what names no cell."""
        found = _CELL.fullmatch(cell)
        if found is None or self.is_sheet:
            return True
        row = int(found[2])
        is_unlisted = self.is_rest and row not in self.listed
        return is_unlisted or row in self.rows or column_number(found[1]) in self.columns


def load(data: bytes) -> Loaded:
    """Read an XLSX file.

    Raises: LoadError when it is no XLSX, is encrypted, or unpacks to an absurd size.
    """
    package = Package(data, "XLSX")
    main = next((target for kind, target in package.relations("").values() if kind == "officeDocument"), "xl/workbook.xml")
    workbook = package.xml(main)
    relations = package.relations(main)
    parts = dict(relations.values())
    settings = next((element for element in workbook if tag_of(element) == "workbookPr"), None)
    is_1904 = settings is not None and settings.get("date1904") in ("1", "true")
    book = _Book(
        _strings(package, parts.get("sharedStrings", "")),
        read_styles(package, parts.get("styles", ""), parts.get("theme", "")),
        datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30),
    )
    persons = persons_of(package, main)
    builder = Builder()
    for sheet in workbook.iterfind("{*}sheets/{*}sheet"):
        kind, target = relations.get(attribute(sheet, "id"), ("", ""))
        if kind == "worksheet":
            name = sheet.get("name", "")
            data = package.read(target)
            areas = covered_areas(package, target, data)
            hidden = _Hidden(sheet.get("state", "visible") != "visible")
            rows = list(_rows(data, book, areas, builder, hidden))
            comments, n_unread = comments_on(package, target, persons)
            shown = [comment for comment in comments if not hidden.holds(comment.cell)]
            builder.n_hidden += sum(len(comment.text) for comment in comments) - sum(len(comment.text) for comment in shown)
            if rows or shown:
                builder.page(f"sheet {name}")
                builder.heading(1, name)
                write_sheet(rows, builder)
            if shown:
                builder.gap()
            for comment in shown:
                by = f" by {comment.author}" if comment.author else ""
                builder.line(f"Comment on {comment.cell}{by}: {comment.text}")
            if n_unread:
                builder.warnings.append(f"sheet {name}: comments are damaged and were not read")
    if book.n_uncalculated:
        what = f"formulas without a calculated value, read as empty cells: {book.n_uncalculated:,}"
        builder.warnings.append(f"{what}. Open the file in a spreadsheet program and save it")
    properties = package.properties()
    return builder.finish(title=properties.pop("title"), whole_lines=True, metadata=properties)


def _strings(package: Package, part: str) -> list[str]:
    if part not in package.names:
        return []
    return [_text(element) for element in stream_xml(package.read(part), "{*}si")]


def _text(element: "_Element") -> str:
    """Text of a string with formats inside; how a Japanese word is read aloud is no part of it."""
    return "".join(t.text or "" for t in element.iter("{*}t") if tag_of(t.getparent()) != "rPh")


def _rows(data: bytes, book: _Book, areas: list[Area], builder: Builder, hidden: _Hidden) -> Iterator[Row]:
    """Visible rows with something in them; what is hidden is counted, and hidden rows and columns are noted in `hidden`."""
    number = 0
    for element in stream_xml(data, "{*}sheetFormatPr", "{*}cols", "{*}row"):
        if tag_of(element) == "sheetFormatPr":
            hidden.is_rest = element.get("zeroHeight") in ("1", "true")
            continue
        if tag_of(element) == "cols":
            for column in element:
                if column.get("hidden") in ("1", "true") or column.get("width") == "0":
                    last = min(int(column.get("max", "0")), _MAX_COLUMNS)
                    hidden.columns.update(range(int(column.get("min", "1")) - 1, last))
            continue
        number = int(element.get("r", number + 1))
        shown, unseen, blank = _cells(element, book)
        cells = collapse(shown)
        is_gone = hidden.is_sheet or element.get("hidden") in ("1", "true") or element.get("ht") == "0"
        if is_gone:
            hidden.rows.add(number)
        elif hidden.is_rest:
            hidden.listed.add(number)
        for column, cell in enumerate(cells):
            is_unseen = column in blank or (column in unseen and not is_covered(areas, column, number))
            if cell and (is_gone or column in hidden.columns or is_unseen):
                builder.n_hidden += len(cell)
                cells[column] = ""
        if any(cells):
            yield Row(number, cells)


def _cells(row: "_Element", book: _Book) -> tuple[list[str], set[int], set[int]]:
    """Texts of the cells of a row; columns of those in the colour of their cell, and of those whose format shows nothing."""
    cells: list[str] = []
    unseen: set[int] = set()
    blank: set[int] = set()
    value_tag = f"{row.tag.rpartition('}')[0]}}}v"
    for element in row:
        reference = _REFERENCE.match(element.get("r", ""))
        column = _column(reference[1]) if reference else len(cells)
        if column >= _MAX_COLUMNS:
            raise LoadError(f"is no XLSX that can be read: column {column + 1:,} is beyond the last one. Save it anew")
        cells.extend([""] * (column + 1 - len(cells)))
        style, value = _style(element, book), (element.findtext(value_tag) or "").strip()
        cells[column] = _value(element, value, style.code, book)
        book.n_uncalculated += not value and element.find(f"{value_tag[:-1]}f") is not None
        if style.is_unseen:
            unseen.add(column)
        is_number = element.get("t", "n") == "n"
        if cells[column] and (not is_number or _NUMBER.fullmatch(value)) and not style.shows(value, is_number):
            blank.add(column)
    return cells, unseen, blank


_column = lru_cache(maxsize=1024)(column_number)


def _style(cell: "_Element", book: _Book) -> Style:
    number = int(cell.get("s", "0"))
    return book.styles[number] if number < len(book.styles) else Style()


def _value(cell: "_Element", value: str, code: str, book: _Book) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _text(cell)
    if kind == "s":
        return book.strings[int(value)] if value else ""
    if kind == "b":
        return "TRUE" if value == "1" else "FALSE"
    if kind == "n" and value:
        return show_number(value, code, book.epoch)
    return value.replace("T00:00:00", "") if kind == "d" else value


@dataclass(frozen=True)
class _Format:
    """How a number format shows a number; `places` is None where it is shown as it is."""

    is_date: bool = False
    is_elapsed: bool = False
    letters: str = ""
    places: int | None = None
    is_percent: bool = False
    has_thousands: bool = False
    is_cut: bool = False
    before: str = ""
    after: str = ""


@lru_cache(maxsize=1024)
def _format(code: str) -> _Format:
    """Read the first section of a number format."""
    section = code.split(";")[0]
    bare = _LITERAL.sub("", section)
    is_elapsed = bool(_ELAPSED.search(section))
    if is_elapsed or re.search(r"[dmyhs]", bare, re.IGNORECASE):
        return _Format(is_date=True, is_elapsed=is_elapsed, letters=bare.lower())
    digits = _DIGITS.search(bare)
    if digits is None or "E" in bare or "/" in bare:
        return _Format()
    shown = _LITERAL.sub(lambda match: match[1] or match[2] or match[3] or "", section)
    before, after = "", ""
    if place := _DIGITS.search(shown):
        before, after = shown[: place.start()].lstrip("-("), shown[place.end() :].rstrip(")")
    decimals = digits[1] or ""
    return _Format(
        places=len(decimals),
        is_percent="%" in bare,
        has_thousands="," in digits[0],
        is_cut="#" in decimals,
        before=before,
        after=after,
    )


def show_number(value: str, code: str, epoch: datetime) -> str:
    """A number as a number format shows it; dates and times in ISO 8601, so that they read the same everywhere.

    `code`: format of Excel such as `#,##0.00 "kg"`; of its sections the first is used. `epoch`: day 0 of dates.
    """
    how = _format(code)
    if how.places is None and not how.is_date and _SHORT_INTEGER.fullmatch(value):
        return value
    try:
        number = Decimal(value)
        if how.is_date:
            return _date(float(number), how, epoch)
        if how.places is None:
            return _general(number)
        rounded = (abs(number) * (100 if how.is_percent else 1)).quantize(Decimal(1).scaleb(-how.places), ROUND_HALF_UP)
    except InvalidOperation:  # no number, or one of more digits than a spreadsheet keeps
        return _general(Decimal(value)) if _NUMBER.fullmatch(value) else value
    body = f"{rounded:,f}" if how.has_thousands else f"{rounded:f}"
    if how.is_cut:
        body = body.rstrip("0").rstrip(".")
    sign = "-" if number < 0 and rounded else ""
    return f"{sign}{how.before}{body}{how.after}".strip()


def _general(number: Decimal) -> str:
    """Fifteen digits, as a spreadsheet keeps them."""
    shown = format(float(number), ".15g")
    return format(Decimal(shown), "f") if "e" in shown and abs(number) > 1e-10 else shown


def _date(days: float, how: _Format, epoch: datetime) -> str:
    if how.is_elapsed:
        minutes = round(abs(days) * 24 * 60)
        return f"{'-' if days < 0 else ''}{minutes // 60}:{minutes % 60:02}"
    try:
        moment = epoch + timedelta(seconds=round(days * 86_400))
    except OverflowError:
        return str(days)
    has_time = "h" in how.letters
    time = moment.strftime("%H:%M:%S" if "s" in how.letters else "%H:%M") if has_time else ""
    if has_time and not re.search(r"[dy]", how.letters):
        return time
    return f"{moment:%Y-%m-%d} {time}".rstrip()
