"""How OpenDocument text looks: which styles hide it, and whether its letters can be told from what is behind them.

What is behind is the nearest background that a span, paragraph, cell, row, table, frame or section has, else the page, else
white. Where an image, a gradient or a shape may lie behind, every letter counts as seen.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ingest.loaders.colours import WHITE, Colour, can_be_seen, read_colour
from ingest.loaders.package import attribute, tag_of

if TYPE_CHECKING:
    from lxml.etree import _Element

GONE = ("hidden", "none", "false", "collapse", "filter")
_MIN_POINTS = 1.0
_FAR_OUT_CM = 1.0  # a frame that ends so far left of the page or above it is not on it
_LENGTH = re.compile(r"(-?\d+(?:\.\d+)?)(cm|mm|in|pt|pc|px)")
_CM = {"cm": 1.0, "mm": 0.1, "in": 2.54, "pt": 2.54 / 72, "pc": 2.54 / 6, "px": 2.54 / 96}
_STYLE_NAMES = ("style-name", "text-style-name")
_PAGES = ("page-layout-properties", "drawing-page-properties")
_SHAPES = ("{*}frame", "{*}custom-shape", "{*}rect", "{*}ellipse", "{*}polygon", "{*}path")
_UNTOLD = object()  # a background that is no one colour


class Look:
    """The styles of a file. `hidden`: names of those whose text, sheet or slide is not shown."""

    def __init__(self, roots: list["_Element"]) -> None:
        styles = [style for root in roots for style in root.iter("{*}style", "{*}default-style")]
        self._own = {attribute(style, "name"): style for style in styles if tag_of(style) == "style"}
        self.hidden = {name for name in self._own if self._is_hiding(name)}
        pages = [page for root in roots for name in _PAGES for page in root.iter(f"{{*}}{name}")]
        told = [_behind(page) for page in pages]
        masters = [master for root in roots for master in root.iter("{*}master-page")]
        has_art = any(next(master.iter(*_SHAPES), None) is not None for master in masters)
        defaults = (column for root in roots for column in root.iter("{*}table-column", "{*}table-row"))
        self._has_cell_defaults = any(
            attribute(column, "default-cell-style-name") not in ("", "Default") for column in defaults
        )
        self._page: object = WHITE if not has_art and all(colour in (None, WHITE) for colour in told) else _UNTOLD
        self._letters = {name: self._inherited(name, _letters) for name in self._own}
        self._behind = {name: self._inherited(name, _style_behind) for name in self._own}
        self._has_colours = any(colour is not None for colour in self._letters.values())

    def is_unseen(self, element: "_Element") -> bool:
        """True where the letters that stand directly in a span or paragraph cannot be told from what is behind them."""
        if not self._has_colours:
            return False
        letters, behind = None, None
        for up in (element, *element.iterancestors()):
            tag = tag_of(up)
            for name in filter(None, (attribute(up, kind) for kind in _STYLE_NAMES)):
                letters = self._letters.get(name) if letters is None else letters
                behind = self._behind.get(name) if behind is None and tag != "page" else behind
            if behind is None and tag in ("frame", "custom-shape", "rect", "ellipse", "page", "table-cell", "table"):
                behind = self._untold(up, tag)
            if behind is not None and letters is not None:
                break
        behind = self._page if behind is None else behind
        return isinstance(letters, tuple) and isinstance(behind, tuple) and not can_be_seen(_rgb(letters), _rgb(behind))

    def _untold(self, element: "_Element", tag: str) -> object:
        """What may lie behind without a style of the element saying it: other shapes, templates, styles of columns."""
        if tag == "page":
            return _UNTOLD if any(map(self._is_cover, element.iter(*_SHAPES))) else None
        if tag == "table-cell" and self._has_cell_defaults and not attribute(element, "style-name"):
            return _UNTOLD
        return _UNTOLD if attribute(element, "template-name") else None

    def _is_cover(self, shape: "_Element") -> bool:
        """Whether a shape may colour what lies on it."""
        if any(tag_of(child) in ("image", "object", "plugin", "table") for child in shape):
            return True
        colour = self._behind.get(attribute(shape, "style-name"))
        return tag_of(shape) != "frame" if colour is None else colour != WHITE

    def _inherited(self, name: str, said: Callable[["_Element"], object]) -> object:
        """What a style says, or else the nearest of its parents that says something."""
        for _ in range(20):  # a chain that runs in a circle is broken
            style = self._own.get(name)
            if style is None:
                return None
            found = said(style)
            if found is not None:
                return found
            name = attribute(style, "parent-style-name")
        return None

    def _is_hiding(self, name: str) -> bool:
        return bool(self._inherited(name, _is_hiding))


def is_beside(frame: "_Element") -> bool:
    """True for a frame that ends well before the left or the upper edge of its page."""
    for start, extent in (("x", "width"), ("y", "height")):
        place = _centimetres(attribute(frame, start))
        if place is not None and place < 0 and place + (_centimetres(attribute(frame, extent)) or 0.0) < -_FAR_OUT_CM:
            return True
    return False


def _centimetres(written: str) -> float | None:
    match = _LENGTH.fullmatch(written.strip())
    return float(match[1]) * _CM[match[2]] if match else None


def _is_hiding(style: "_Element") -> bool | None:
    said = None
    for properties in style:
        kind = tag_of(properties)
        if kind in ("text-properties", "table-properties") and (display := attribute(properties, "display")):
            said = display in GONE
        if kind == "text-properties":
            size = attribute(properties, "font-size")
            if size.endswith("pt") and float(size[:-2]) <= _MIN_POINTS:
                return True
        if kind == "drawing-page-properties" and (visibility := attribute(properties, "visibility")):
            said = visibility in GONE
    return said


def _letters(style: "_Element") -> object:
    for properties in style:
        if tag_of(properties) == "text-properties":
            if attribute(properties, "use-window-font-color") == "true":
                return _UNTOLD
            if written := attribute(properties, "color"):
                return read_colour(written) or _UNTOLD
    return None


def _style_behind(style: "_Element") -> object:
    """Background of a style, the one of the letters first; rules on the contents of a cell may give it another one."""
    if any(tag_of(child) == "map" for child in style):
        return _UNTOLD
    order = sorted(style, key=lambda properties: tag_of(properties) != "text-properties")
    return next((found for properties in order if (found := _behind(properties)) is not None), None)


def _behind(properties: "_Element") -> object:
    """Colour that properties put behind text, None for none."""
    if any(tag_of(child) == "background-image" and attribute(child, "href") for child in properties):
        return _UNTOLD
    written = attribute(properties, "background-color")
    fill = attribute(properties, "fill")
    if fill in ("gradient", "bitmap", "hatch"):
        return _UNTOLD
    if fill == "solid":
        return read_colour(attribute(properties, "fill-color")) or _UNTOLD
    return None if written in ("", "transparent") else read_colour(written) or _UNTOLD


def _rgb(colour: tuple[int, ...]) -> Colour:
    return colour[0], colour[1], colour[2]
