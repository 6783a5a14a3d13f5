"""How a slide looks: where its shapes lie, the colour of their letters and what is behind them.

What is behind is the fill of the shape, else what lies beneath it in the slide, its layout and its master, else their
background, else white. What cannot be told from colours (images, gradients, table styles) counts as showing every letter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.loaders.colours import BLACK, WHITE, Colour, can_be_seen, read_colour, relit, theme_colours
from ingest.loaders.package import Package, tag_of

if TYPE_CHECKING:
    from lxml.etree import _Element

_MIN_SHOWN = 12_700  # EMU, a point: of a shape that shows less than this on the slide nothing can be read
_UNTOLD_FILLS = ("gradFill", "blipFill", "pattFill", "grpFill")
_DRAWN = ("sp", "pic", "graphicFrame", "cxnSp", "contentPart")
# Table styles without any fill: "No Style, No Grid" and "No Style, Table Grid".
_PLAIN_TABLES = ("", "{2D5ABB26-0587-4C30-8999-92F81FD0307C}", "{5940675A-B579-460E-94D1-54222C63F5DA}")
_SCHEME = {"bg1": "lt1", "tx1": "dk1", "bg2": "lt2", "tx2": "dk2"}
_MIN_OPACITY = 5_000  # of 100,000
_OPAQUE = 100_000
_PLACEHOLDERS_ALIKE = {"ctrTitle": "title", "subTitle": "body", "obj": "body", "": "body"}


@dataclass(frozen=True)
class Box:
    """A rectangle in EMU of the slide."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Whether they share any place."""
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: "Box") -> bool:
        """Whether the other lies wholly within."""
        return self.left <= other.left and other.right <= self.right and self.top <= other.top and other.bottom <= self.bottom


@dataclass(frozen=True)
class Fill:
    """What covers a place; its colour is None where it has several or cannot be told."""

    colour: Colour | None


class Look:
    """The look of one slide. `size`: width and height of slides in EMU, None where the file does not say."""

    def __init__(self, package: Package, part: str, slide: "_Element", size: tuple[int, int] | None) -> None:
        self.package, self.part = package, part
        self._size = size
        layout_part = _target(package, part, "slideLayout")
        master_part = _target(package, layout_part, "slideMaster") or _target(package, part, "notesMaster")
        layout, master = _xml(package, layout_part), _xml(package, master_part)
        theme = _xml(package, _target(package, master_part, "theme"))
        self._templates = [root for root in (layout, master) if root is not None]
        self._colours = theme_colours(theme)
        self._fills = {name: _theme_fills(theme, name) for name in ("fillStyleLst", "bgFillStyleLst")}
        self._map = dict(_SCHEME)
        for root, path in ((master, "{*}clrMap"), (layout, _OVERRIDE), (slide, _OVERRIDE)):
            found = None if root is None else root.find(path)
            self._map |= {} if found is None else {str(name): str(value) for name, value in found.attrib.items()}
        self._background = self._find_background([slide, *self._templates])
        drawn = [shape for root in reversed(self._templates) for shape in _drawn(root) if _placeholder(shape) is None]
        drawn += _drawn(slide)
        self._order = {id(shape): place for place, shape in enumerate(drawn)}
        self._shapes = [(self.box(shape), self._fill(shape)) for shape in drawn]
        self._keep = drawn  # while they are held, their ids stay theirs

    def is_off(self, shape: "_Element") -> bool:
        """True for a shape that lies beside the slide."""
        box = self.box(shape)
        if box is None or self._size is None:
            return False
        sides = ((box.left, box.right, self._size[0]), (box.top, box.bottom, self._size[1]))
        return any(min(high, limit) - max(low, 0) < min(high - low, _MIN_SHOWN) for low, high, limit in sides)

    def box(self, shape: "_Element") -> Box | None:
        """Where a shape lies, None where the file does not say; one without a place of its own lies as its placeholder."""
        for source in (shape, *self._models(shape)):
            place = source.find("{*}spPr/{*}xfrm")
            place = source.find("{*}xfrm") if place is None else place
            if place is not None and place.find("{*}off") is not None and place.find("{*}ext") is not None:
                return _placed(place, source)
        return None

    def hides(self, run: "_Element", paragraph: "_Element", shape: "_Element", cell: "_Element | None") -> bool:
        """True for letters that nobody can tell from what is behind them, or that have no ink."""
        style = run.find("{*}rPr")
        if style is not None and style.find("{*}noFill") is not None and style.find("{*}ln/{*}solidFill") is None:
            return True
        paint = self._paint(style, paragraph, shape)
        if paint is None:
            return False
        if _opacity(paint) < _MIN_OPACITY:
            return True
        letters = self._colour(paint)
        marked = None if style is None else style.find("{*}highlight")
        behind = self._behind(shape, cell) if marked is None else iter([Fill(self._colour(marked))])
        return not any(can_be_seen(letters, fill.colour) for fill in behind)

    def _paint(self, style: "_Element | None", paragraph: "_Element", shape: "_Element") -> "_Element | None":
        """What says the colour of letters: the run, the levels of its shape, the style of the shape."""
        properties = paragraph.find("{*}pPr")
        level = int(properties.get("lvl", "0")) + 1 if properties is not None else 1
        below = shape.find(f"{{*}}txBody/{{*}}lstStyle/{{*}}lvl{level}pPr/{{*}}defRPr")
        for source in (style, below):
            for name in ("solidFill", *_UNTOLD_FILLS):
                found = None if source is None else source.find(f"{{*}}{name}")
                if found is not None:
                    return found if name == "solidFill" else None
        return shape.find("{*}style/{*}fontRef")

    def _behind(self, shape: "_Element", cell: "_Element | None") -> Iterator[Fill]:
        """All that may be behind the letters of a shape or of a cell of its table."""
        own = _said_fill(cell.find("{*}tcPr")) if cell is not None else None
        if own is not None and tag_of(own) != "noFill":
            yield self._filled(own)
            return
        table_style = next((item.text or "" for item in shape.iter("{*}tableStyleId")), "")
        if cell is not None and own is None and table_style not in _PLAIN_TABLES:
            yield Fill(None)
            return
        place = self._order[id(shape)]
        box, fill = self._shapes[place]
        if fill is not None and cell is None:
            yield fill
            return
        for other, cover in reversed(self._shapes[:place]):
            if cover is None or (box is not None and other is not None and not other.meets(box)):
                continue
            yield cover
            if box is not None and other is not None and other.holds(box):
                return
        yield self._background

    def _fill(self, shape: "_Element") -> Fill | None:
        """What covers the place of a shape, None for one that lets through what is beneath."""
        if any(name.get("hidden") in ("1", "true") for name in shape.iterfind("*/{*}cNvPr")):
            return None
        if tag_of(shape) != "sp":
            return None if tag_of(shape) == "cxnSp" else Fill(None)
        for source in (shape, *self._models(shape)):
            said = _said_fill(source.find("{*}spPr"))
            if said is not None:
                return None if tag_of(said) == "noFill" else self._filled(said)
        reference = shape.find("{*}style/{*}fillRef")
        return None if reference is None else self._referred(reference, "fillStyleLst", 1)

    def _filled(self, fill: "_Element") -> Fill:
        is_plain = tag_of(fill) == "solidFill" and _opacity(fill) == _OPAQUE
        return Fill(self._colour(fill) if is_plain else None)

    def _referred(self, reference: "_Element", table: str, first: int) -> Fill | None:
        """Fill that a shape or a background takes from the theme by number."""
        number = int(reference.get("idx", "0"))
        if number < first:
            return None
        fills = self._fills[table]
        is_plain = number - first < len(fills) and fills[number - first] == "solidFill"
        return Fill(self._colour(reference) if is_plain else None)

    def _find_background(self, roots: list["_Element"]) -> Fill:
        for root in roots:
            background = root.find("{*}cSld/{*}bg")
            if background is None:
                continue
            said = _said_fill(background.find("{*}bgPr"))
            if said is not None and tag_of(said) != "noFill":
                return self._filled(said)
            reference = background.find("{*}bgRef")
            return (None if reference is None else self._referred(reference, "bgFillStyleLst", 1001)) or Fill(WHITE)
        return Fill(WHITE)

    def _colour(self, paint: "_Element | None") -> Colour | None:
        """Colour written inside an element, None where it is none of the kinds that are read."""
        for element in () if paint is None else paint:
            kind, value = tag_of(element), element.get("val", "")
            if kind == "srgbClr":
                return _changed(read_colour(value), element)
            if kind == "sysClr":
                return _changed(read_colour(element.get("lastClr", "")), element)
            if kind == "schemeClr":
                return _changed(self._colours.get(self._map.get(value, value)), element)
            if kind == "prstClr":
                return _changed({"white": WHITE, "black": BLACK}.get(value), element)
        return None

    def _models(self, shape: "_Element") -> Iterator["_Element"]:
        """The placeholders of layout and master that a shape fills."""
        wanted = _placeholder(shape)
        if wanted is None:
            return
        for root in self._templates:
            for other in root.iter("{*}sp"):
                found = _placeholder(other)
                if found is not None and _is_model(root, found, wanted):
                    yield other
                    break


_OVERRIDE = "{*}clrMapOvr/{*}overrideClrMapping"


def _target(package: Package, part: str, kind: str) -> str:
    return next((target for found, target in package.relations(part).values() if found == kind), "") if part else ""


def _xml(package: Package, part: str) -> "_Element | None":
    return package.xml(part) if part in package.names else None


def _theme_fills(theme: "_Element | None", name: str) -> list[str]:
    return (
        [] if theme is None else [tag_of(fill) for fill in theme.iterfind(f"{{*}}themeElements/{{*}}fmtScheme/{{*}}{name}/*")]
    )


def _drawn(root: "_Element") -> list["_Element"]:
    """What is drawn, in its order from the lowest to the topmost."""
    return list(root.iter(*(f"{{*}}{name}" for name in _DRAWN)))


def _placeholder(shape: "_Element") -> "_Element | None":
    return shape.find("{*}nvSpPr/{*}nvPr/{*}ph")


def _is_model(root: "_Element", model: "_Element", wanted: "_Element") -> bool:
    """Whether a placeholder of a template is what one of the slide is made from: layouts go by number, masters by kind."""
    if tag_of(root) == "sldLayout":
        return bool(model.get("idx", "0") == wanted.get("idx", "0"))
    one, other = (_PLACEHOLDERS_ALIKE.get(ph.get("type", ""), ph.get("type", "")) for ph in (model, wanted))
    return bool(one == other)


def _said_fill(properties: "_Element | None") -> "_Element | None":
    """The fill that a shape, cell or page is given."""
    kinds = ("solidFill", "noFill", *_UNTOLD_FILLS)
    return next((child for child in (() if properties is None else properties) if tag_of(child) in kinds), None)


def _opacity(paint: "_Element") -> int:
    alpha = next(paint.iter("{*}alpha"), None)
    return _OPAQUE if alpha is None else _share(alpha)


def _share(element: "_Element") -> int:
    """A share in 1/100,000; some programs write it in percent."""
    value = element.get("val", "0")
    return round(float(value[:-1]) * 1000) if value.endswith("%") else int(value)


def _changed(colour: Colour | None, element: "_Element") -> Colour | None:
    """The colour after the changes of lightness that are written with it; None for a change that is not read."""
    for change in element:
        kind = tag_of(change)
        if colour is None or kind == "alpha":
            continue
        share = _share(change) / _OPAQUE
        if kind in ("lumMod", "lumOff"):
            colour = relit(colour, share, 0) if kind == "lumMod" else relit(colour, 1, share)
        elif kind in ("shade", "tint"):
            away = 0 if kind == "shade" else 255
            red, green, blue = (round(part * share + away * (1 - share)) for part in colour)
            colour = red, green, blue
        else:
            colour = None
    return colour


def _placed(place: "_Element", shape: "_Element") -> Box | None:
    """The box of a shape on the slide: groups move and stretch what is in them, a turn may take its corners anywhere around."""
    x, y, wide, high = _numbers(place, "off", "ext")
    if place.get("rot", "0") != "0":
        reach = ((wide**2 + high**2) ** 0.5) / 2
        x, y, wide, high = x + wide / 2 - reach, y + high / 2 - reach, 2 * reach, 2 * reach
    for group in shape.iterancestors("{*}grpSp"):
        outer = group.find("{*}grpSpPr/{*}xfrm")
        if outer is None:
            continue
        if any(outer.find(f"{{*}}{name}") is None for name in ("off", "ext", "chOff", "chExt")) or outer.get("rot", "0") != "0":
            return None
        left, top, width, height = _numbers(outer, "off", "ext")
        inner_left, inner_top, inner_width, inner_height = _numbers(outer, "chOff", "chExt")
        across = width / inner_width if inner_width else 1.0
        down = height / inner_height if inner_height else 1.0
        x, y, wide, high = left + (x - inner_left) * across, top + (y - inner_top) * down, wide * across, high * down
    return Box(x, y, x + wide, y + high)


def _numbers(place: "_Element", point: str, size: str) -> tuple[float, float, float, float]:
    one, other = place.find(f"{{*}}{point}"), place.find(f"{{*}}{size}")
    assert one is not None and other is not None
    return float(one.get("x", "0")), float(one.get("y", "0")), float(other.get("cx", "0")), float(other.get("cy", "0"))
