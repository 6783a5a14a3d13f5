"""PPTX: each slide is a page with its title as heading, then its shapes in their order, tables as rows, then its notes.

Left out and counted: hidden slides and shapes, text of no size, and text in the colour of what is behind it where both are
written out in the slide. Slide numbers, dates and footers that repeat are no text of a slide.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.package import Package, tag_of

if TYPE_CHECKING:
    from lxml.etree import _Element

_TITLES = ("title", "ctrTitle")
_REPEATED = ("sldNum", "dt", "ftr", "hdr", "sldImg")
_UNREADABLE_SIZE = 100  # hundredths of a point: what is one point high or less is not meant to be read


def load(data: bytes) -> Loaded:
    """Read a PPTX file.

    Raises: LoadError when it is no PPTX, is encrypted, or unpacks to an absurd size.
    """
    package = Package(data, "PPTX")
    main = next((target for kind, target in package.relations("").values() if kind == "officeDocument"), "ppt/presentation.xml")
    relations = package.relations(main)
    builder = Builder()
    for number, reference in enumerate(package.xml(main).iterfind("{*}sldIdLst/{*}sldId"), start=1):
        _, part = relations[_relation(reference)]
        builder.page(f"slide {number}")
        _write_slide(package, part, builder)
    properties = package.properties()
    return builder.finish(title=properties.pop("title"), metadata=properties)


def _relation(element: "_Element") -> str:
    """The id by which the package knows a slide; the same element has a number of its own of the same name."""
    return next(str(value) for name, value in element.attrib.items() if name.startswith("{") and name.endswith("}id"))


def _write_slide(package: Package, part: str, builder: Builder) -> None:
    slide = package.xml(part)
    notes = next((target for kind, target in package.relations(part).values() if kind == "notesSlide"), "")
    shapes = list(_shapes(slide))
    if notes in package.names:
        shapes += [shape for shape in _shapes(package.xml(notes)) if _placeholder(shape) == "body"]
    if slide.get("show") in ("0", "false"):
        builder.n_hidden += sum(len(text) for shape in shapes for text in _texts(shape))
        return
    behind = _fill(slide.find("{*}cSld/{*}bg/{*}bgPr"))
    shapes.sort(key=lambda shape: _placeholder(shape) not in _TITLES)  # stable: the rest keeps its order
    for shape in shapes:
        if _placeholder(shape) not in _REPEATED:
            _write_shape(shape, behind, builder)


def _shapes(slide: "_Element") -> Iterator["_Element"]:
    """Shapes with text or tables, those in groups too, and hidden ones among them."""
    yield from slide.iter("{*}sp", "{*}graphicFrame")


def _placeholder(shape: "_Element") -> str:
    """What a shape stands for: `title`, `body`, ...; empty for a shape of its own."""
    found = shape.find("{*}nvSpPr/{*}nvPr/{*}ph")
    return "" if found is None else found.get("type", "obj")


def _is_hidden(shape: "_Element") -> bool:
    """True for a hidden shape and for one in a hidden group."""
    up: _Element | None = shape
    while up is not None:
        for name in up.iterfind("*/{*}cNvPr"):
            if name.get("hidden") in ("1", "true") and tag_of(name.getparent()) in ("nvSpPr", "nvGraphicFramePr", "nvGrpSpPr"):
                return True
        up = up.getparent()
    return False


def _texts(shape: "_Element") -> Iterator[str]:
    return (text.text or "" for text in shape.iter("{*}t"))


def _write_shape(shape: "_Element", behind: str, builder: Builder) -> None:
    if _is_hidden(shape):
        builder.n_hidden += sum(map(len, _texts(shape)))
        return
    behind = _fill(shape.find("{*}spPr")) or behind
    builder.gap()
    for row in shape.iter("{*}tr"):
        cells = [cell for cell in row.iterfind("{*}tc") if "1" not in (cell.get("hMerge"), cell.get("vMerge"))]
        line = " | ".join(" ".join(filter(None, _paragraphs(cell, "", builder))) for cell in cells)
        if line.strip(" |"):
            builder.line(line)
    paragraphs = [text for text in _paragraphs(shape.find("{*}txBody"), behind, builder) if text]
    if _placeholder(shape) in _TITLES:
        builder.heading(1, " ".join(paragraphs))
        return
    for text in paragraphs:
        builder.line(f"- {text}" if _placeholder(shape) in ("body", "obj") and len(paragraphs) > 1 else text)


def _paragraphs(body: "_Element | None", behind: str, builder: Builder) -> Iterator[str]:
    for paragraph in () if body is None else body.iter("{*}p"):
        parts = []
        for run in paragraph:
            if tag_of(run) == "br":
                parts.append(" ")
            elif tag_of(run) in ("r", "fld"):
                text = "".join(_texts(run))
                if _is_unreadable(run.find("{*}rPr"), behind):
                    builder.n_hidden += len(text)
                else:
                    parts.append(text)
        yield " ".join("".join(parts).split())


def _is_unreadable(style: "_Element | None", behind: str) -> bool:
    if style is None:
        return False
    return int(style.get("sz", "1800")) <= _UNREADABLE_SIZE or (bool(behind) and _fill(style) == behind)


def _fill(properties: "_Element | None") -> str:
    """Colour that fills a shape, a page or letters, as six hexadecimal digits; empty where it is not written out."""
    colour = None if properties is None else properties.find("{*}solidFill/{*}srgbClr")
    return "" if colour is None else colour.get("val", "").upper()
