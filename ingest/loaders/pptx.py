"""PPTX: each slide is a page: its title as heading, its shapes in their order, tables and charts as rows, its notes.

Left out and counted: hidden slides and shapes, shapes beside the slide, text of no size, and text in the colour of what is
behind it. Slide numbers, dates and footers that repeat are no text of a slide.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.charts import Charts, chart_references
from ingest.loaders.long_tables import TableRow, write_inner_table
from ingest.loaders.package import Package, tag_of
from ingest.loaders.pptx_look import Look

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
    presentation = package.xml(main)
    size = presentation.find("{*}sldSz")
    extent = None if size is None else (int(size.get("cx", "0")), int(size.get("cy", "0")))
    builder = Builder()
    charts = Charts(package)
    for number, reference in enumerate(presentation.iterfind("{*}sldIdLst/{*}sldId"), start=1):
        _, part = relations[_relation(reference)]
        builder.page(f"slide {number}")
        _write_slide(package, part, extent, charts, builder)
    properties = package.properties()
    return builder.finish(title=properties.pop("title"), metadata=properties)


def _relation(element: "_Element") -> str:
    """The id by which the package knows a slide; the same element has a number of its own of the same name."""
    return next(str(value) for name, value in element.attrib.items() if name.startswith("{") and name.endswith("}id"))


def _write_slide(package: Package, part: str, extent: tuple[int, int] | None, charts: Charts, builder: Builder) -> None:
    slide = package.xml(part)
    notes = next((target for kind, target in package.relations(part).values() if kind == "notesSlide"), "")
    shapes = list(_shapes(slide))
    page = package.xml(notes) if notes in package.names else None
    noted = [] if page is None else [shape for shape in _shapes(page) if _placeholder(shape) == "body"]
    if slide.get("show") in ("0", "false"):
        builder.n_hidden += sum(len(text) for shape in [*shapes, *noted] for text in _texts(shape))
        builder.n_hidden += charts.n_chars(chart_references(slide), part)
        return
    look = Look(package, part, slide, extent)
    n_unread = 0
    shapes.sort(key=lambda shape: _placeholder(shape) not in _TITLES)  # stable: the rest keeps its order
    for shape in shapes:
        if _placeholder(shape) not in _REPEATED:
            n_unread += _write_shape(shape, look, charts, builder)
    if n_unread:
        name = part.rpartition("/")[2].removesuffix(".xml")
        builder.warnings.append(f"{name}: charts that keep no figures in the file or could not be read: {n_unread}")
    if page is not None:
        look = Look(package, notes, page, None)
        for shape in noted:
            _write_shape(shape, look, charts, builder)


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


def _write_shape(shape: "_Element", look: Look, charts: Charts, builder: Builder) -> int:
    """Write what a shape shows, and return how many charts in it could not be read."""
    if _is_hidden(shape) or look.is_off(shape):
        builder.n_hidden += sum(map(len, _texts(shape))) + charts.n_chars(chart_references(shape), look.part)
        return 0
    builder.gap()
    _write_table(shape, look, builder)
    paragraphs = [text for text in _paragraphs(shape.find("{*}txBody"), shape, None, look, builder) if text]
    if _placeholder(shape) in _TITLES:
        builder.heading(1, " ".join(paragraphs))
        return 0
    for text in paragraphs:
        builder.line(f"- {text}" if _placeholder(shape) in ("body", "obj") and len(paragraphs) > 1 else text)
    return charts.write(chart_references(shape), look.part, builder)


def _write_table(shape: "_Element", look: Look, builder: Builder) -> None:
    rows = []
    for row in shape.iter("{*}tr"):
        cells, shown = [], []
        for cell in row.iterfind("{*}tc"):
            is_merged = "1" in (cell.get("hMerge"), cell.get("vMerge"))
            cells.append("" if is_merged else " ".join(filter(None, _paragraphs(cell, shape, cell, look, builder))))
            if not is_merged:
                shown.append(cells[-1])
        if any(shown):
            rows.append(TableRow(" | ".join(shown), cells))
    has_header = any(style.get("firstRow") in ("1", "true") for style in shape.iter("{*}tblPr"))
    write_inner_table(rows, builder, is_marked=has_header)


def _paragraphs(
    body: "_Element | None", shape: "_Element", cell: "_Element | None", look: Look, builder: Builder
) -> Iterator[str]:
    for paragraph in () if body is None else body.iter("{*}p"):
        parts = []
        for run in paragraph:
            if tag_of(run) == "br":
                parts.append(" ")
            elif tag_of(run) in ("r", "fld"):
                text = "".join(_texts(run))
                if _is_tiny(run) or look.hides(run, paragraph, shape, cell):
                    builder.n_hidden += len(text)
                else:
                    parts.append(text)
        yield " ".join("".join(parts).split())


def _is_tiny(run: "_Element") -> bool:
    style = run.find("{*}rPr")
    return style is not None and int(style.get("sz", "1800")) <= _UNREADABLE_SIZE
