"""How runs of a DOCX look: whether they are hidden, of no size, or in a colour that cannot be told from what is behind.

What a run does not say, its character style says, then the style of its paragraph, each with the styles that it is based on.
Shapes and images behind the text are not looked at; where a table style or a text box may colour, every letter counts as seen.
"""

from collections.abc import Callable
from typing import Any

from ingest.loaders.colours import BLACK, WHITE, Colour, can_be_seen, read_colour
from ingest.loaders.package import attribute

_UNREADABLE_HALF_POINTS = 2  # text one point high or less is not meant to be read
_PLAIN_TABLES = ("", "TableNormal", "TableGrid")
_HIGHLIGHTS = {"white": WHITE, "black": BLACK}
_OFF = ("0", "false", "off")

Behind = tuple[Colour | None, ...]  # empty where nothing is said, (None,) for a colour that cannot be told


class Look:
    """The styles of a document. `styles`: its w:styles element; `has_background`: whether the pages have a colour."""

    def __init__(self, styles: Any, has_background: bool) -> None:
        self._styles = {str(style.xpath("string(@w:styleId)")): style for style in styles.xpath("w:style")}
        default = styles.xpath("w:style[@w:type='paragraph'][@w:default='1' or @w:default='true']")
        self._default = str(default[0].xpath("string(@w:styleId)")) if default else ""
        self._page: Behind = (None,) if has_background else (WHITE,)
        self._known: dict[tuple[str, Callable[[Any], Any]], Any] = {}

    def is_unseen(self, run: Any, paragraph: Any) -> bool:
        """True for a run that a reader does not see."""
        styles = [_style_id(run.rPr, "r"), _style_id(paragraph.pPr, "p") or self._default]
        if self._first(run, styles, _hides):
            return True
        size = self._first(run, styles, _size)
        if size is not None and size <= _UNREADABLE_HALF_POINTS:
            return True
        letters = self._first(run, styles, _letters)
        if not letters or letters[0] is None:
            return False
        behind = self._first(run, styles, _run_behind) or _behind(paragraph.pPr) or self._style(styles[1], _paragraph_behind)
        behind = behind or _around(paragraph) or self._page
        return not can_be_seen(letters[0], behind[0])

    def _first(self, run: Any, styles: list[str], said: Callable[[Any], Any]) -> Any:
        """What is said nearest to a run, None if nobody says it."""
        found = said(run)
        for name in styles:
            found = self._style(name, said) if found is None else found
        return found

    def _style(self, name: str, said: Callable[[Any], Any]) -> Any:
        """What a style or the nearest of those that it is based on says."""
        key = (name, said)
        if key not in self._known:
            found, steps = None, 0
            while found is None and name in self._styles and steps < 20:  # a chain that runs in a circle is broken
                style = self._styles[name]
                found, name, steps = said(style), str(style.xpath("string(w:basedOn/@w:val)")), steps + 1
            self._known[key] = found
        return self._known[key]


def _style_id(properties: Any, kind: str) -> str:
    names = [] if properties is None else properties.xpath(f"w:{kind}Style/@w:val")
    return str(names[0]) if names else ""


def _hides(source: Any) -> bool | None:
    found = source.xpath("w:rPr/w:vanish")
    return attribute(found[0], "val") not in _OFF if found else None


def _size(source: Any) -> float | None:
    found = source.xpath("w:rPr/w:sz/@w:val")
    return float(found[0]) if found and str(found[0]).isdigit() else None


def _letters(source: Any) -> Behind | None:
    found = source.xpath("w:rPr/w:color/@w:val")
    return (read_colour(str(found[0])),) if found else None


def _run_behind(source: Any) -> Behind | None:
    marks = [str(mark) for mark in source.xpath("w:rPr/w:highlight/@w:val")]
    if marks and marks[0] != "none":
        return (_HIGHLIGHTS.get(marks[0]),)
    return (_behind(source.rPr) or None) if source.xpath("w:rPr") else None


def _paragraph_behind(style: Any) -> Behind | None:
    found = style.xpath("w:pPr")
    return (_behind(found[0]) or None) if found else None


def _behind(properties: Any) -> Behind:
    """Shading of a run, paragraph or cell."""
    shades = [] if properties is None else properties.xpath("w:shd")
    if not shades:
        return ()
    pattern, fill = (attribute(shades[0], name) for name in ("val", "fill"))
    if pattern not in ("", "clear", "nil"):
        return (None,)
    return (read_colour(fill),) if read_colour(fill) else ()


def _around(paragraph: Any) -> Behind:
    """What the cell or the text box around a paragraph puts behind it."""
    if paragraph.xpath("ancestor::w:txbxContent"):
        return (None,)
    for cell in reversed(paragraph.xpath("ancestor::w:tc")):
        properties = cell.xpath("w:tcPr")
        if found := _behind(properties[0] if properties else None):
            return found
        if str(cell.xpath("string(ancestor::w:tbl[1]/w:tblPr/w:tblStyle/@w:val)")) not in _PLAIN_TABLES:
            return (None,)
    return ()
