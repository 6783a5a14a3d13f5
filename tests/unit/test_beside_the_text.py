"""What office files show beside their running text is read too, or its absence is said."""

import docx
import openpyxl

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
