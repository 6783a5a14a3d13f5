"""Names of columns in chunks that begin inside of a table, where the file does not say which row names them."""

import pytest

from ingest.loaders import load_bytes
from ingest.loaders.figure_tables import tables_of
from tests.unit.test_pdf import drawn


def columns_at(text, words):
    found = tables_of(text, [(0, len(text))])
    at = text.index(words)
    inside = [table for table in found if table.header_end <= at < table.end]
    return " ".join(text[inside[0].start : inside[0].header_end].split()) if inside else ""


STATEMENT = """Three Months Ended | Six Months Ended
| April 1, | March 26, | April 1, | March 26,
| 2023 | 2022 | 2023 | 2022
Net sales:
Products | $ 73,929 | $ 77,457 | $ 170,317 | $ 181,886
Services | 20,907 | — | 41,673 | 39,337

Operating income | 28,318 | 29,979 | 64,334 | (71,467)
"""


def test_lines_above_the_figures_name_their_columns():
    columns = columns_at(STATEMENT, "Operating income")
    assert (
        columns
        == "Three Months Ended | Six Months Ended | April 1, | March 26, | April 1, | March 26, | 2023 | 2022 | 2023 | 2022"
    )
    assert columns_at(STATEMENT, "Three Months") == "" == columns_at(STATEMENT, "| 2023 |")


def test_the_next_header_begins_another_table():
    text = STATEMENT + "\n| Units | Price\nMac | 7 | 19.5\n"
    assert columns_at(text, "Mac") == "| Units | Price"


def test_prose_ends_a_table_and_the_header_of_another_width_names_nothing():
    prose = "These figures have not been audited, and none of them may be taken for what the year will bring.\n"
    assert columns_at(STATEMENT + prose + "Page | 17\n", "Page") == ""
    assert columns_at("| Units | Price\n" + prose + "Mac | 7 | 19.5\n", "Mac") == ""
    assert columns_at("See | below\nMac | 7 | 19.5\n", "Mac") == ""


@pytest.mark.parametrize("row", ["Dividend | n/a | n/a", "Founded | 1998 | 2003", "Colour | red | blue"])
def test_a_row_of_words_within_a_table_names_nothing(row):
    text = f"Firm | Alpha | Beta\nStaff | 12 | 15\n{row}\nDebt | 7 | 19\n"
    assert columns_at(text, "Debt") == columns_at(text, row) == "Firm | Alpha | Beta"


def test_a_table_ends_where_lines_or_rows_of_another_width_part_it_from_what_follows():
    table = "Firm | Alpha | Beta\nStaff | 12 | 15\n"
    assert columns_at(table + "Of which\nabroad:\nDebt | 7 | 19\n", "Debt") == "Firm | Alpha | Beta"
    assert columns_at(table + "Our\nnext\nsubject\nDebt | 7 | 19\n", "Debt") == ""
    assert columns_at(table + "Offices\nLyon | 7\n", "Lyon") == ""
    assert columns_at(table + "\nCity | Land\nLyon | 7 | 19\n", "Lyon") == ""


@pytest.mark.parametrize(
    "pairs",
    [
        "Bill to | Acme GmbH\nInvoice no. | 4711\n",
        "Name | Anna\nCity | Lyon\nAge | 42\nShoes | 38\nRooms | 3\n",
        "Bill to | Acme GmbH\nInvoice no. | 4711\nCustomer | 17\nPaid by | Anna\n",
        "Bill to | Acme GmbH\nDue | 31.12.2023\nPaid | 30.12.2023\nSent | 29.12.2023\n",
    ],
)
def test_names_and_what_they_stand_for_are_no_table(pairs):
    assert tables_of(pairs, [(0, len(pairs))]) == []


def test_two_columns_are_a_table_under_an_empty_corner_or_with_figures_throughout():
    assert columns_at("| 2023\nSales | 17\n", "Sales") == "| 2023"
    assert columns_at("Firm | Staff\nAlpha | 12\nBeta | 15\nGamma | 9\n", "Gamma") == "Firm | Staff"
    assert columns_at("Firm | Founded | Staff\nAlpha | 1.2.98 | 12\n", "Alpha") == "Firm | Founded | Staff"


def test_a_day_is_no_figure():
    text = "Firm | Alpha | Beta\nat | 31.12.2023 | 30/06/23\nStaff | 12 | 15\n"
    assert columns_at(text, "Staff") == "Firm | Alpha | Beta at | 31.12.2023 | 30/06/23"


def test_rows_of_words_are_no_table_with_a_header():
    assert tables_of("Ana | Lead\nBea | Deputy\n", [(0, 23)]) == []


def test_a_page_whose_header_is_not_marked_as_one():
    rows = "".join(
        f"<tr><td>{name}<td>{one}<td>{two}" for name, one, two in (("Region", 2024, 2025), ("North", 7, 8), ("South", 9, 10))
    )
    document = load_bytes(f"<p>Sales<table>{rows}</table><p>South of that.".encode(), "a.html")
    assert document.columns_at(document.text.index("South")) == "Region | 2024 | 2025"
    assert document.columns_at(document.text.index("South of")) == ""


def test_columns_reach_the_document():
    def draw(canvas):
        for row, cells in enumerate((("Region", "2024", "2025"), ("North", "1,204", "1,310"), ("South", "980", "870"))):
            for column, cell in enumerate(cells):
                canvas.drawString(72 + 150 * column, 700 - 14 * row, cell)

    document = load_bytes(drawn(draw), "a.pdf")
    assert document.columns_at(document.text.index("South")) == "Region | 2024 | 2025"
