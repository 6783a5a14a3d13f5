"""Charts of texts and slides are read as the figures that a reader sees in them."""

import io
import zipfile

import docx
import pptx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pptx.chart.data import XyChartData
from pptx.enum.chart import XL_CHART_TYPE

from ingest.loaders import charts as charts_module
from ingest.loaders import load_bytes
from ingest.loaders.package import Package
from tests.unit.test_beside_the_text import CHARTS, RELATIONS, UNREAD, chart, repacked
from tests.unit.test_office_formats import packed, saved

NEWER = "http://schemas.microsoft.com/office/drawing/2014/chartex"
SPACE = f'<c:chartSpace xmlns:c="{CHARTS}"><c:chart><c:plotArea>{{}}</c:plotArea></c:chart></c:chartSpace>'


def slide_with(kind, data, **changed) -> str:
    """Text of a deck with nothing but a chart; `changed`: what is done to the chart."""
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    made = slide.shapes.add_chart(kind, 0, 0, 99, 99, data).chart
    for do in changed.values():
        do(made)
    return load_bytes(saved(deck), "a.pptx").text


def points(values, tag="pt") -> str:
    return "".join(f'<c:{tag} idx="{place}"><c:v>{value}</c:v></c:{tag}>' for place, value in values.items())


def series(name: str, categories: str, values: str) -> str:
    return f"<c:ser><c:tx><c:v>{name}</c:v></c:tx><c:cat>{categories}</c:cat><c:val>{values}</c:val></c:ser>"


def figures(values, code="General") -> str:
    return f"<c:numRef><c:numCache><c:formatCode>{code}</c:formatCode>{points(values)}</c:numCache></c:numRef>"


def drawing(number="rChart", kind="c", namespace=CHARTS):
    names = f'xmlns:{kind}="{namespace}" xmlns:r="{RELATIONS}"'
    return parse_xml(f'<w:drawing {nsdecls("w")}><{kind}:chart {names} r:id="{number}"/></w:drawing>')


def with_chart(file, part: str) -> bytes:
    """A text with the part of the chart that `drawing` refers to."""
    link = f'<Relationship Id="rChart" Type="{RELATIONS}/chart" Target="charts/chart1.xml"/></Relationships>'
    added = {"word/charts/chart1.xml": part}
    return repacked(saved(file), added, {"word/_rels/document.xml.rels": ("</Relationships>", link)})


def text_of(part: str) -> str:
    file = docx.Document()
    file.add_paragraph().add_run()._r.append(drawing())
    return load_bytes(with_chart(file, part), "a.docx").text


@pytest.fixture
def plain() -> str:
    return SPACE.format(series("A", f"<c:strRef>{points({0: 'North'})}</c:strRef>", figures({0: 3})))


def scatter(*every) -> XyChartData:
    data = XyChartData()
    for name, pairs in every:
        one = data.add_series(name)
        for pair in pairs:
            one.add_data_point(*pair)
    return data


def test_series_of_a_scatter_chart_keep_their_own_x():
    data = scatter(("A", [(1, 10), (2, 20)]), ("B", [(100, 30), (200, 40)]))
    text = slide_with(XL_CHART_TYPE.XY_SCATTER, data)
    assert text == "Chart: A\nx | A\n1 | 10\n2 | 20\n\nChart: B\nx | B\n100 | 30\n200 | 40\n"


def test_series_of_a_scatter_chart_at_the_same_x_are_one_table():
    data = scatter(("A", [(1, 10), (2, 20)]), ("B", [(1, 30), (2, 40)]))
    assert slide_with(XL_CHART_TYPE.XY_SCATTER, data) == "x | A | B\n1 | 10 | 30\n2 | 20 | 40\n"


def test_a_series_without_categories_stands_at_those_of_the_others(plain):
    more = '<c:ser><c:tx><c:v>B</c:v></c:tx><c:val><c:numLit><c:pt idx="0"><c:v>5</c:v></c:pt></c:numLit></c:val></c:ser>'
    assert text_of(plain.replace("</c:plotArea>", f"{more}</c:plotArea>")) == " | A | B\nNorth | 3 | 5\n"


def test_categories_of_several_levels_name_each_of_them():
    inner = f"<c:lvl>{points({0: 'Q1', 1: 'Q2', 2: 'Q1', 3: 'Q2', 4: 'Q1'})}</c:lvl>"
    middle = f"<c:lvl>{points({0: 'East', 4: 'West'})}</c:lvl>"
    outer = f"<c:lvl>{points({0: '2023', 2: '2024'})}</c:lvl>"
    levels = f"<c:multiLvlStrRef><c:multiLvlStrCache>{inner}{middle}{outer}</c:multiLvlStrCache></c:multiLvlStrRef>"
    text = text_of(SPACE.format(series("Sum", levels, figures({0: 1, 1: 2, 2: 3, 3: 4, 4: 5}))))
    rows = "2023 East Q1 | 1\n2023 East Q2 | 2\n2024 Q1 | 3\n2024 Q2 | 4\n2024 West Q1 | 5\n"
    assert text == f" | Sum\n{rows}"


def test_numbers_stand_as_their_format_shows_them():
    places = figures({0: 45292, 1: 45323}, "mmm yyyy")
    shares = figures({0: 0.25, 1: 0.5}, "0%").replace('idx="1"', 'idx="1" formatCode="0.00"')
    assert text_of(SPACE.format(series("Share", places, shares))) == " | Share\n2024-01-01 | 25%\n2024-02-01 | 0.50\n"
    old = SPACE.replace("<c:chart>", '<c:date1904 val="1"/><c:chart>')
    assert "2028-01-02 | 25%" in text_of(old.format(series("Share", places, shares)))
    named = figures({0: 3.5, 1: "#N/A"}, "Standard")
    assert text_of(SPACE.format(series("Share", places, named))) == " | Share\n2024-01-01 | 3.5\n2024-02-01 | #N/A\n"


def test_titles_of_the_axes_that_are_shown_stand_in_the_title_line():
    def entitle(made):
        made.has_title = True
        made.chart_title.text_frame.text = "Sales"
        made.value_axis.axis_title.text_frame.text = "Tonnes"
        made.category_axis.axis_title.text_frame.text = "Region"

    def hide(made):
        made.value_axis.visible = False

    kind = XL_CHART_TYPE.BAR_CLUSTERED
    assert slide_with(kind, chart(), first=entitle).startswith("Chart: Sales; axes Region, Tonnes\n | 2025")
    assert slide_with(kind, chart(), first=entitle, then=hide).startswith("Chart: Sales; axes Region\n | 2025")


def test_charts_in_hidden_and_deleted_runs_are_none(plain):
    file = docx.Document()
    file.add_paragraph("Before.")
    run = file.add_paragraph().add_run()
    run.font.hidden = True
    run._r.append(drawing())
    document = load_bytes(with_chart(file, plain), "a.docx")
    assert document.text == "Before.\n"
    assert document.warnings == ("left out 7 characters that a reader does not see",)
    deleted = parse_xml(f"<w:del {nsdecls('w')}><w:r/></w:del>")
    deleted[0].append(drawing())
    file.add_paragraph()._p.append(deleted)
    outer = file.add_paragraph().add_run()
    box = parse_xml(f"<w:txbxContent {nsdecls('w')}><w:p/></w:txbxContent>")
    outer._r.append(box)
    box[0].append(run._r)
    document = load_bytes(with_chart(file, plain), "a.docx")
    assert document.text == "Before.\n"
    assert document.warnings == ("left out 7 characters that a reader does not see",)


def test_hidden_charts_of_slides_are_counted():
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Sales"
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, -999_999, 0, 99, 99, chart())
    document = load_bytes(saved(deck), "a.pptx")
    assert document.text == "Sales\n"
    assert document.warnings[0].startswith("left out ")


def test_a_chart_in_a_heading_stands_below_it(plain):
    file = docx.Document()
    file.add_heading("Sales").add_run()._r.append(drawing())
    file.add_paragraph("After.")
    assert load_bytes(with_chart(file, plain), "a.docx").text == "Sales\n\n | A\nNorth | 3\n\nAfter.\n"


def test_a_chart_in_a_cell_stands_below_the_table(plain):
    file = docx.Document()
    cell = file.add_table(1, 2).cell(0, 1)
    cell.text = "Sales"
    cell.paragraphs[0].add_run()._r.append(drawing())
    file.add_paragraph("After.")
    assert load_bytes(with_chart(file, plain), "a.docx").text == " | Sales\n\n | A\nNorth | 3\n\nAfter.\n"


def test_newer_kinds_of_charts_are_said():
    file = docx.Document()
    file.add_paragraph("Text.").add_run()._r.append(drawing(kind="cx", namespace=NEWER))
    assert load_bytes(saved(file), "a.docx").warnings == (f"{UNREAD}: 1",)
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Sales"
    slide.shapes.add_chart(XL_CHART_TYPE.LINE, 0, 0, 99, 99, chart())
    with zipfile.ZipFile(io.BytesIO(saved(deck))) as archive:
        page = archive.read("ppt/slides/slide1.xml").decode()
    newer = page.replace("<c:chart ", f'<cx:chart xmlns:cx="{NEWER}" ')
    assert newer != page
    data = repacked(saved(deck), {}, {"ppt/slides/slide1.xml": (page, newer)})
    assert load_bytes(data, "a.pptx").warnings == (f"slide1: {UNREAD}: 1",)


@pytest.mark.parametrize("change", [("</c:chart>", ""), ('idx="0"', 'idx="first"')])
def test_a_damaged_chart_leaves_the_text_readable(plain, change):
    file = docx.Document()
    file.add_paragraph("Text.").add_run()._r.append(drawing())
    document = load_bytes(with_chart(file, plain.replace(*change)), "a.docx")
    assert document.text == "Text.\n"
    assert document.warnings == (f"{UNREAD}: 1",)


def test_a_chart_whose_bytes_are_damaged_leaves_the_text_readable(plain):
    file = docx.Document()
    file.add_paragraph("Text.").add_run()._r.append(drawing())
    kind = "application/vnd.openxmlformats-officedocument.drawingml.chart+xml"
    override = f'<Override PartName="/word/charts/chart1.xml" ContentType="{kind}"/></Types>'
    data = repacked(with_chart(file, plain), {}, {"[Content_Types].xml": ("</Types>", override)})
    assert data.count(b"North") == 1  # the part is not compressed
    document = load_bytes(data.replace(b"North", b"Nurth"), "a.docx")
    assert document.text == "Text.\n"
    assert document.warnings == (f"{UNREAD}: 1",)


def test_the_main_part_may_have_any_name(plain):
    file = docx.Document()
    file.add_paragraph().add_run()._r.append(drawing())
    with zipfile.ZipFile(io.BytesIO(with_chart(file, plain))) as archive:
        parts = {name.replace("document.xml", "document2.xml"): archive.read(name) for name in archive.namelist()}
    for name in ("[Content_Types].xml", "_rels/.rels"):
        parts[name] = parts[name].replace(b"word/document.xml", b"word/document2.xml")
    assert "word/document2.xml" in parts
    assert load_bytes(packed(parts), "a.docx").text == " | A\nNorth | 3\n"


def test_a_place_for_each_of_very_many_series_is_no_table(plain):
    many = "".join(series("A", "", figures({place: 1})) for place in range(600))
    file = docx.Document()
    file.add_paragraph("Text.").add_run()._r.append(drawing())
    document = load_bytes(with_chart(file, SPACE.format(many)), "a.docx")
    assert document.text == "Text.\n"
    assert document.warnings == (f"{UNREAD}: 1",)


def test_categories_that_are_cut_are_said(monkeypatch):
    monkeypatch.setattr(charts_module, "_MAX_CATEGORIES", 2)
    file = docx.Document()
    file.add_paragraph().add_run()._r.append(drawing())
    part = SPACE.format(series("A", "", figures({0: 5, 1: 6, 2: 7})))
    document = load_bytes(with_chart(file, part), "a.docx")
    assert document.text == " | A\n | 5\n | 6\n"
    assert document.warnings == ("a chart has 3 categories: the first 2 were read",)


def test_parts_are_read_once(plain, monkeypatch):
    file = docx.Document()
    for _ in range(5):
        file.add_paragraph("Text.")
        file.add_paragraph().add_run()._r.append(drawing())
    data, read = with_chart(file, plain), []
    xml = Package.xml
    monkeypatch.setattr(Package, "xml", lambda self, name: (read.append(name), xml(self, name))[1])
    assert load_bytes(data, "a.docx").text.count("North | 3") == 5
    assert read.count("word/charts/chart1.xml") == 1
    assert read.count("word/_rels/document.xml.rels") == 1
