"""What office files show beside their running text is read too, or its absence is said."""

import docx
import openpyxl
import pptx
from openpyxl.comments import Comment
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE

from ingest.loaders import load_bytes
from tests.unit.test_office_formats import saved


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


def test_charts_and_comments_on_cells_that_are_not_read_are_said():
    book = openpyxl.Workbook()
    book.active["A1"] = "Sum"
    book.active["A1"].comment = Comment("Estimated.", "Ann")
    assert load_bytes(saved(book), "a.xlsx").warnings == ("comments on cells of sheet Sheet were not read",)
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Sales"
    figures = CategoryChartData()
    figures.categories = ["North"]
    figures.add_series("2026", (3,))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 99, 99, figures)
    assert load_bytes(saved(deck), "a.pptx").warnings == ("slide1: charts whose figures were not read: 1",)
