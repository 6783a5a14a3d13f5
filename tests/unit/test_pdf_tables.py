"""Tables of a PDF: as many cells in every row as a reader sees columns, an empty one kept, and no text taken for a table."""

import io

import pytest
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

from ingest.loaders import load_bytes

PRICES = [
    ["Item", "Unit price EUR", "Quantity"],
    ["Coffee with milk", "2.20", "3"],
    ["Tea", "1.80", "12"],
    ["Cake of the day", "3.50", ""],
    ["Water", "", "7"],
]
YEARS = [
    ["Year", "Revenue", "Costs", "Profit"],
    ["2021", "1,200", "900", "300"],
    ["2022", "1,350", "1,000", "350"],
    ["2023", "", "1,100", ""],
]
PROSE = "Prices of the house in the year two thousand and twenty six, as they hold from May on. They are reviewed each autumn."


def lines_of(table: Table) -> list[str]:
    buffer = io.BytesIO()
    prose = Paragraph(PROSE, getSampleStyleSheet()["BodyText"])
    SimpleDocTemplate(buffer, invariant=1).build([prose, table, prose])
    return load_bytes(buffer.getvalue(), "a.pdf").text.split("\n")


@pytest.mark.parametrize("rows", [PRICES, YEARS])
@pytest.mark.parametrize("size", [8, 10, 12])
@pytest.mark.parametrize("side", ["LEFT", "RIGHT"])
def test_every_row_has_the_cells_of_its_table_and_an_empty_one_is_kept(rows, size, side):
    style = [
        ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
        ("FONTSIZE", (0, 0), (-1, -1), size),
        ("ALIGN", (1, 0), (-1, -1), side),
    ]
    lines = lines_of(Table(rows, style=style))
    read = [[cell.strip() for cell in line.split("|")] for line in lines if "|" in line]
    assert read == rows
    assert " ".join(line for line in lines if "|" not in line and line).split() == f"{PROSE} {PROSE}".split()


def test_a_title_across_the_columns_belongs_to_none_and_leaves_the_table_whole():
    def draw(canvas):
        for row, cells in enumerate([("Room", "Seats", "Euros a day"), (), ("Hall", "120", "300.00"), ("Cellar", "", "90.00")]):
            for x, cell in zip((72, 200, 300), cells, strict=False):
                canvas.drawString(x, 700 - 14 * row, cell)
        canvas.drawString(72, 686, "Rooms of the house that are let by the day to members and guests alike")

    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1)
    draw(canvas)
    canvas.save()
    assert load_bytes(buffer.getvalue(), "a.pdf").text.strip().split("\n") == [
        "Room | Seats | Euros a day",
        "Rooms of the house that are let by the day to members and guests alike",
        "Hall | 120 | 300.00",
        "Cellar | | 90.00",
    ]
