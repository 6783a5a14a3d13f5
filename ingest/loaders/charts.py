"""Figures of charts in DOCX and PPTX, as rows of a table: a category a row, a series a column."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.loaders.builder import Builder
from ingest.loaders.long_tables import TableRow, write_inner_table
from ingest.loaders.package import Package, attribute, tag_of

if TYPE_CHECKING:
    from lxml.etree import _Element

_NAMESPACE = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_MAX_CATEGORIES = 10_000


def write_charts(drawing: "_Element", part: str, package: Package, builder: Builder) -> int:
    """Write the charts that a drawing of a part shows, and return how many of them keep no figures in the file."""
    relations = package.relations(part)
    n_unread = 0
    for reference in drawing.iter(f"{_NAMESPACE}chart"):
        _, target = relations.get(attribute(reference, "id"), ("", ""))
        if target not in package.names or not _write(package.xml(target), builder):
            n_unread += 1
    return n_unread


def _write(space: "_Element", builder: Builder) -> bool:
    """Write the title and the rows of a chart; False where it keeps no figures."""
    series = [_series(element) for element in space.iter(f"{_NAMESPACE}ser")]
    series = [found for found in series if found[2]]
    if not series:
        return False
    title = space.find("{*}chart/{*}title")
    words = "" if title is None else " ".join("".join(text.text or "" for text in title.iter("{*}t")).split())
    builder.gap()
    if words:
        builder.line(f"Chart: {words}")
    places = sorted({place for _, names, values in series for place in (*names, *values)})[:_MAX_CATEGORIES]
    labels = {place: name for _, names, _ in reversed(series) for place, name in names.items()}
    rows = [["", *(name for name, _, _ in series)]]
    rows += [[labels.get(place, ""), *(values.get(place, "") for _, _, values in series)] for place in places]
    write_inner_table([_row(cells) for cells in rows], builder, is_marked=True)
    return True


def _row(cells: Sequence[str]) -> TableRow:
    return TableRow(" | ".join(cells), cells)


def _series(element: "_Element") -> tuple[str, dict[int, str], dict[int, str]]:
    """Name of a series, its categories by place, and its values by place."""
    parts: dict[str, dict[int, str]] = {}
    for child in element:
        tag = tag_of(child)
        if tag in ("tx", "cat", "xVal", "val", "yVal"):
            points = {int(point.get("idx", "0")): _value(point) for point in child.iter(f"{_NAMESPACE}pt")}
            parts[{"xVal": "cat", "yVal": "val"}.get(tag, tag)] = points
            if tag == "tx" and not points and (word := child.find("{*}v")) is not None:
                parts["tx"] = {0: " ".join((word.text or "").split())}
    return " ".join(parts.get("tx", {}).values()), parts.get("cat", {}), parts.get("val", {})


def _value(point: "_Element") -> str:
    """Value of a point; what binary fractions add to a figure is rounded away."""
    text = " ".join("".join(value.text or "" for value in point.iter(f"{_NAMESPACE}v")).split())
    try:
        return f"{float(text):.12g}" if "." in text else text
    except ValueError:
        return text
