"""What office files show beside their running text is read too, or its absence is said."""

import io
import zipfile

import docx
import openpyxl
import pptx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from openpyxl.comments import Comment
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE

from ingest.errors import LoadError
from ingest.loaders import load_bytes
from tests.unit.test_office_formats import saved

CHARTS = "http://schemas.openxmlformats.org/drawingml/2006/chart"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
UNREAD = "charts that keep no figures in the file or could not be read"


def test_docx_reads_tables_in_cells_headers_footers_and_comments_once():
    file = docx.Document()
    paragraph = file.add_paragraph("Valves.")
    cell = file.add_table(1, 2).cell(0, 1)
    cell.text = "Outer."
    cell.add_table(1, 2).cell(0, 1).text = "Inner."
    file.sections[0].header.paragraphs[0].text = "Valid until June."
    file.sections[0].footer.paragraphs[0].text = "Acme Ltd."
    second = file.add_section()
    second.header.is_linked_to_previous = False
    second.header.paragraphs[0].text = "Valid until June."
    file.add_comment(paragraph.runs, "Replaced in May.", author="Ann")
    document = load_bytes(saved(file), "a.docx")
    assert document.text == "Valves.\n\n | Outer. Inner.\n\nValid until June.\nAcme Ltd.\n\nComment by Ann: Replaced in May.\n"
    assert document.warnings == ()


def test_hidden_text_in_a_header_is_no_text_either():
    file = docx.Document()
    file.add_paragraph("Valves.")
    file.sections[0].header.paragraphs[0].add_run("SECRET").font.hidden = True
    document = load_bytes(saved(file), "a.docx")
    assert document.text == "Valves.\n"
    assert document.warnings == ("left out 6 characters that a reader does not see",)


def test_formulas_that_were_never_calculated_are_said():
    book = openpyxl.Workbook()
    book.active.append(["Sum", "=1+1", "=2+2"])
    (warning,) = load_bytes(saved(book), "a.xlsx").warnings
    assert "formulas without a calculated value, read as empty cells: 2." in warning


def test_comments_on_cells_that_are_shown_are_read():
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (("Region", "Sum", "Aside"), ("North", 3, 1), ("South", 4, 1)):
        sheet.append(row)
    sheet["B2"].comment = Comment("Estimated by Ann.", "Ann")
    sheet["B3"].comment = Comment("SECRET row", "Ann")
    sheet["C2"].comment = Comment("SECRET column", "Ann")
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["C"].hidden = True
    document = load_bytes(saved(book), "a.xlsx")
    assert "\n\nComment on B2 by Ann: Estimated by Ann.\n" in document.text
    assert "SECRET" not in document.text
    assert document.warnings == ("left out 36 characters that a reader does not see",)


def test_a_thread_of_comments_is_read_once():
    book = openpyxl.Workbook()
    book.active["A1"] = "Sum"
    book.active["A1"].comment = Comment("[Threaded comment] Your version of Excel allows you to read this.", "tc=1")
    thread = (
        '<ThreadedComments xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments">'
        '<threadedComment ref="A1" id="1"><text>Is that final?</text></threadedComment>'
        '<threadedComment ref="A1" id="2" parentId="1"><text>Yes, since May.</text></threadedComment></ThreadedComments>'
    )
    kind = "http://schemas.microsoft.com/office/2017/10/relationships/threadedComment"
    link = f'<Relationship Id="t1" Type="{kind}" Target="../threadedComments/threadedComment1.xml"/></Relationships>'
    parts = {"xl/threadedComments/threadedComment1.xml": thread}
    data = repacked(saved(book), parts, {"xl/worksheets/_rels/sheet1.xml.rels": ("</Relationships>", link)})
    text = load_bytes(data, "a.xlsx").text
    assert text.endswith("Comment on A1: Is that final?\nComment on A1: Yes, since May.\n")
    assert "Threaded" not in text


def test_a_comment_beside_an_empty_row_is_read_and_its_author_said_once():
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(("Region", "Sum"))
    sheet["B9"].comment = Comment("Ann:\nStill to come.", "Ann")
    other = book.create_sheet("Empty")
    other["A1"].comment = Comment("Nothing yet.", "Ann")
    gone = book.create_sheet("Gone")
    gone["A1"].comment = Comment("SECRET", "Ann")
    gone.sheet_state = "hidden"
    data = repacked(saved(book), {}, {"xl/worksheets/sheet3.xml": ('<row r="1">', '<row r="2">')})
    document = load_bytes(data, "a.xlsx")
    comments = (
        "Sheet\n\nRegion | Sum\n\nComment on B9 by Ann: Still to come.\n",
        "Empty\n\nComment on A1 by Ann: Nothing yet.\n",
    )
    assert document.text == "\n".join(comments)
    assert [page.label for page in document.pages] == ["sheet Sheet", "sheet Empty"]
    assert document.warnings == ("left out 6 characters that a reader does not see",)


def test_comments_on_empty_rows_that_are_hidden_are_none():
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(("Region", "Sum"))
    sheet["A1"].comment = Comment("Shown.", "Ann")
    sheet["A3"].comment = Comment("SECRET", "Ann")
    sheet.row_dimensions[3].hidden = True
    assert "SECRET" not in load_bytes(saved(book), "a.xlsx").text
    sheet.row_dimensions[3].hidden = False
    sheet.sheet_format.zeroHeight = True
    data = repacked(saved(book), {}, {"xl/worksheets/sheet1.xml": ('<row r="3">', '<row r="4">')})
    text = load_bytes(data, "a.xlsx").text
    assert "Shown." in text
    assert "SECRET" not in text


def test_damaged_comments_leave_the_sheet_readable():
    book = openpyxl.Workbook()
    book.active["A1"] = "Sum"
    book.active["A1"].comment = Comment("Lost.", "Ann")
    data = repacked(saved(book), {}, {"xl/comments/comment1.xml": ("</comments>", "")})
    document = load_bytes(data, "a.xlsx")
    assert document.text == "Sheet\n\nSum\n"
    assert document.warnings == ("sheet Sheet: comments are damaged and were not read",)


def test_threads_name_who_wrote_them():
    book = openpyxl.Workbook()
    book.active["A1"] = "Sum"
    book.active["A1"].comment = Comment("[Threaded comment] Older programs see this.", "tc=1")
    thread = (
        '<ThreadedComments xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments">'
        '<threadedComment ref="A1" personId="{7}" id="1"><text>Is that final?</text></threadedComment></ThreadedComments>'
    )
    persons = (
        '<personList xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments">'
        '<person displayName="Ann Bee" id="{7}" userId="7" providerId="None"/></personList>'
    )
    kind = "http://schemas.microsoft.com/office/2017/10/relationships"
    end = "</Relationships>"
    thread_link = f'<Relationship Id="t1" Type="{kind}/threadedComment" Target="../threads/t1.xml"/>{end}'
    person_link = f'<Relationship Id="p1" Type="{kind}/person" Target="persons/person.xml"/>{end}'
    links = {"xl/worksheets/_rels/sheet1.xml.rels": (end, thread_link), "xl/_rels/workbook.xml.rels": (end, person_link)}
    data = repacked(saved(book), {"xl/threads/t1.xml": thread, "xl/persons/person.xml": persons}, links)
    assert load_bytes(data, "a.xlsx").text == "Sheet\n\nSum\n\nComment on A1 by Ann Bee: Is that final?\n"


def test_damaged_comments_leave_the_text_readable():
    file = docx.Document()
    file.add_comment(file.add_paragraph("Valves.").runs, "Lost.", author="Ann")
    data = saved(file)
    for before, after in (("</w:comments>", ""), ("w:comments", "w:other"), (' w:author="Ann"', "")):
        document = load_bytes(repacked(data, {}, {"word/comments.xml": (before, after)}), "a.docx")
        if "author" in before:
            assert document.text == "Valves.\n\nComment: Lost.\n"
        else:
            assert document.text == "Valves.\n"
            assert document.warnings == ("comments are damaged and were not read",)


def test_comments_that_define_entities_are_refused_as_before():
    file = docx.Document()
    file.add_comment(file.add_paragraph("Valves.").runs, "Lost.", author="Ann")
    bomb = ("<w:comments", '<!DOCTYPE a [<!ENTITY b "c">]><w:comments')
    with pytest.raises(LoadError, match="defines entities"):
        load_bytes(repacked(saved(file), {}, {"word/comments.xml": bomb}), "a.docx")


def repacked(data: bytes, added: dict[str, str], changed: dict[str, tuple[str, str]]) -> bytes:
    """A package with parts added, and with one text for another in parts that it has."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            text, (before, after) = old.read(name), changed.get(name, ("", ""))
            new.writestr(name, text.replace(before.encode(), after.encode()) if before else text)
        for name, text in added.items():
            new.writestr(name, text)
    return buffer.getvalue()


def chart() -> CategoryChartData:
    figures = CategoryChartData()
    figures.categories = ["North", "South"]
    figures.add_series("2025", (3, 4.1))
    figures.add_series("2026", (7, None))
    return figures


def test_charts_of_slides_are_read_as_tables():
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Sales"
    shown = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 99, 99, chart()).chart
    shown.has_title = True
    shown.chart_title.text_frame.text = "Tonnes by region"
    away = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, -999_999, 0, 99, 99, chart()).chart
    away.has_title = True
    away.chart_title.text_frame.text = "SECRET"
    document = load_bytes(saved(deck), "a.pptx")
    assert document.text == "Sales\n\nChart: Tonnes by region\n | 2025 | 2026\nNorth | 3 | 7\nSouth | 4.1 | \n"


def test_a_chart_without_its_figures_is_said():
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Sales"
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 99, 99, CategoryChartData())
    assert load_bytes(saved(deck), "a.pptx").warnings == (f"slide1: {UNREAD}: 1",)


def test_charts_of_a_text_stand_where_they_are():
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    part = slide.shapes.add_chart(XL_CHART_TYPE.LINE, 0, 0, 99, 99, chart()).chart.part
    file = docx.Document()
    file.add_paragraph("Before.")
    run = file.add_paragraph().add_run()._r
    file.add_paragraph("After.")
    namespaces = f'xmlns:c="{CHARTS}" xmlns:r="{RELATIONS}"'
    run.append(parse_xml(f'<w:drawing {nsdecls("w")}><c:chart {namespaces} r:id="rChart"/></w:drawing>'))
    link = f'<Relationship Id="rChart" Type="{RELATIONS}/chart" Target="charts/chart1.xml"/></Relationships>'
    parts = {"word/charts/chart1.xml": part.blob.decode()}
    data = repacked(saved(file), parts, {"word/_rels/document.xml.rels": ("</Relationships>", link)})
    assert load_bytes(data, "a.docx").text == "Before.\n\n | 2025 | 2026\nNorth | 3 | 7\nSouth | 4.1 | \n\nAfter.\n"


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        (".docm", "application/vnd.ms-word.document.macroEnabled.main+xml"),
        (".dotx", "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml"),
        (".dotm", "application/vnd.ms-word.template.macroEnabledTemplate.main+xml"),
    ],
)
def test_templates_and_texts_with_macros_are_read(suffix, kind):
    file = docx.Document()
    file.add_paragraph("Valves.")
    plain = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    data = repacked(saved(file), {}, {"[Content_Types].xml": (plain, kind)})
    assert kind.encode() in zipfile.ZipFile(io.BytesIO(data)).read("[Content_Types].xml")
    assert load_bytes(data, f"a{suffix}").text == "Valves.\n"
