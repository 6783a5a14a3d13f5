"""Figures of charts in DOCX and PPTX, as rows of a table: a category a row, a series a column.

Where the series do not stand at the same places, as in scatter charts, each is a table of its own. The newer kinds of charts
(waterfall, treemap, ...) keep their figures otherwise: they count as unread.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ingest.errors import LoadError
from ingest.loaders.builder import Builder
from ingest.loaders.long_tables import TableRow, write_inner_table
from ingest.loaders.package import Package, attribute, tag_of
from ingest.loaders.xlsx import show_number

if TYPE_CHECKING:
    from lxml.etree import _Element

_NAMESPACE = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_CHART = f"{_NAMESPACE}chart"
_NEWER_CHART = "{http://schemas.microsoft.com/office/drawing/2014/chartex}chart"
_AXES = ("catAx", "dateAx", "valAx", "serAx")
_OFF = ("0", "false")
_MAX_CATEGORIES = 10_000
_MAX_CELLS = 200_000  # a small file can have a place for each of its series, and a table grows with both


@dataclass(frozen=True)
class _Series:
    """`categories` and `values` by place; the categories of a scatter chart are its x."""

    name: str
    categories: dict[int, str]
    values: dict[int, str]
    is_scatter: bool


@dataclass(frozen=True)
class _Chart:
    title: str
    axes: str
    series: list[_Series]
    n_chars: int


def chart_references(drawing: "_Element") -> list["_Element"]:
    """Where a drawing, or what holds some, refers to charts."""
    return list(drawing.iter(_CHART, _NEWER_CHART))


class Charts:
    """The charts of a document; each is read once, however often it is shown."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._known: dict[str, _Chart | None] = {}

    def write(self, references: Sequence["_Element"], part: str, builder: Builder) -> int:
        """Write the charts that a part refers to; returns how many keep no figures in the file or cannot be read."""
        charts = list(self._charts(references, part))
        return sum(chart is None or not _write(chart, builder) for chart in charts)

    def n_chars(self, references: Sequence["_Element"], part: str) -> int:
        """Characters of the charts that a part refers to; one for each that cannot be read."""
        return sum(max(1, chart.n_chars) if chart else 1 for chart in self._charts(references, part))

    def _charts(self, references: Sequence["_Element"], part: str) -> Iterator[_Chart | None]:
        if not references:  # of most paragraphs and shapes
            return
        relations = self._package.relations(part)
        # A drawing may stand in the file twice, for newer and for older programs.
        for tag, number in dict.fromkeys((reference.tag, attribute(reference, "id")) for reference in references):
            _, target = relations.get(number, ("", ""))
            yield self._chart(target) if tag == _CHART else None

    def _chart(self, target: str) -> _Chart | None:
        """A chart; None where its part is missing or damaged, which is no reason to refuse the document."""
        if target not in self._known:
            try:
                self._known[target] = _read(self._package.xml(target)) if target in self._package.names else None
            except (LoadError, ValueError):
                self._known[target] = None
        return self._known[target]


def _read(space: "_Element") -> _Chart:
    """Raises: ValueError when a place is no number, or categories have absurdly many levels."""
    since_1904 = space.find("{*}date1904")
    is_1904 = since_1904 is not None and since_1904.get("val", "1") not in _OFF
    epoch = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)
    series = [_series(element, epoch) for element in space.iter(f"{_NAMESPACE}ser")]
    texts = space.iter("{*}t", f"{_NAMESPACE}v")
    return _Chart(
        _words(space.find("{*}chart/{*}title")),
        ", ".join(_axis_titles(space)),
        [one for one in series if one.values],
        sum(len(text.text or "") for text in texts),
    )


def _words(title: "_Element | None") -> str:
    """Text of a title, which may come from a cell."""
    if title is None:
        return ""
    typed = ["".join(text.text or "" for text in paragraph.iter("{*}t")) for paragraph in title.iter("{*}p")]
    linked = [text.text or "" for text in title.iter(f"{_NAMESPACE}v")]
    return " ".join(" ".join([*typed, *linked]).split())


def _axis_titles(space: "_Element") -> list[str]:
    """Titles of the axes that are shown, which often hold the unit: that of the categories or of x first."""
    found = []
    for axis in space.iterfind("{*}chart/{*}plotArea/*"):
        gone = axis.find("{*}delete")
        if tag_of(axis) in _AXES and (gone is None or gone.get("val", "1") in _OFF):
            place = axis.find("{*}axPos")
            is_level = place is not None and place.get("val") in ("b", "t")
            found.append((tag_of(axis) not in ("catAx", "dateAx"), not is_level, _words(axis.find("{*}title"))))
    return list(dict.fromkeys(title for *_, title in sorted(found, key=lambda axis: axis[:2]) if title))


def _series(element: "_Element", epoch: datetime) -> _Series:
    parts: dict[str, _Element] = {tag_of(child): child for child in element}
    name = parts.get("tx")
    names = {} if name is None else _points(name, epoch)
    if name is not None and not names:
        names = {0: " ".join((name.findtext("{*}v") or "").split())}
    figures, places = (parts.get("val", parts.get("yVal")), parts.get("cat", parts.get("xVal")))
    values = {} if figures is None else _points(figures, epoch)
    categories = {} if places is None else _categories(places, values, epoch)
    return _Series(" ".join(names.values()), categories, values, "xVal" in parts or "yVal" in parts)


def _categories(source: "_Element", places: Collection[int], epoch: datetime) -> dict[int, str]:
    """Names of the categories by place; where they have levels, as quarters of years, the outer ones first: `2023 Q1`."""
    levels = [_points(level, epoch) for level in source.iter(f"{_NAMESPACE}lvl")][::-1]  # the file has the innermost first
    if not levels:
        return _points(source, epoch)
    every = sorted(set(places).union(*levels))
    if len(levels) * len(every) > _MAX_CELLS:
        raise ValueError("categories of too many levels")
    labels = {}
    held = [""] * len(levels)
    for place in every:
        is_new = False
        for depth, level in enumerate(levels):
            if place in level:
                held[depth], is_new = level[place], True
            elif is_new or depth == len(levels) - 1:  # an outer name stands once, at the first of its places
                held[depth] = ""
        labels[place] = " ".join(filter(None, held))
    return labels


def _points(source: "_Element", epoch: datetime) -> dict[int, str]:
    """Texts of points by place, numbers as their format shows them."""
    points, code = {}, ""
    for element in source.iter(f"{_NAMESPACE}formatCode", f"{_NAMESPACE}pt"):
        if tag_of(element) == "formatCode":  # it stands before the points
            code = element.text or ""
        else:
            text = " ".join("".join(value.text or "" for value in element.iter(f"{_NAMESPACE}v")).split())
            points[int(element.get("idx", "0"))] = _shown(text, element.get("formatCode", code), epoch)
    return points


def _shown(text: str, code: str, epoch: datetime) -> str:
    """A value as its number format shows it; without one, what binary fractions add to a figure is rounded away."""
    is_word = code.isalpha() and not set(code.lower()) <= set("dmyhs")  # "General", or what another language calls it
    try:
        if code and not is_word:
            return show_number(text, code, epoch)
        return f"{float(text):.12g}" if "." in text else text
    except (ValueError, OverflowError):
        return text


def _write(chart: _Chart, builder: Builder) -> bool:
    """Write the title and the rows of a chart; False where it keeps no figures, or so many that no chart shows them."""
    together = [chart.series] if _agree(chart.series) else [[one] for one in chart.series]
    tables = [(series, sorted({place for one in series for place in (*one.categories, *one.values)})) for series in together]
    if not chart.series or sum(len(series) * min(len(places), _MAX_CATEGORIES) for series, places in tables) > _MAX_CELLS:
        return False
    for series, places in tables:
        name = series[0].name if len(tables) > 1 else ""
        said = "; ".join(filter(None, (chart.title, name, chart.axes and f"axes {chart.axes}")))
        builder.gap()
        if said:
            builder.line(f"Chart: {said}")
        rows = _rows(series, places[:_MAX_CATEGORIES])
        write_inner_table([TableRow(" | ".join(cells), cells) for cells in rows], builder, is_marked=True)
    longest = max(len(places) for _, places in tables)
    if longest > _MAX_CATEGORIES:
        builder.warnings.append(f"a chart has {longest:,} categories: the first {_MAX_CATEGORIES:,} were read")
    return True


def _agree(series: Sequence[_Series]) -> bool:
    """Whether every value of every series stands at the category that the others have there."""
    labels = _labels(series)
    named = (one for one in series if one.categories or one.is_scatter)
    return all(one.categories.get(place, "") == labels.get(place, "") for one in named for place in one.values)


def _labels(series: Sequence[_Series]) -> dict[int, str]:
    return {place: name for one in reversed(series) for place, name in one.categories.items()}


def _rows(series: Sequence[_Series], places: Iterable[int]) -> Iterator[list[str]]:
    labels = _labels(series)
    is_scatter = bool(labels) and all(one.is_scatter for one in series)
    yield ["x" if is_scatter else "", *(one.name or ("y" if is_scatter else "") for one in series)]
    for place in places:
        yield [labels.get(place, ""), *(one.values.get(place, "") for one in series)]
