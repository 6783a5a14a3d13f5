"""Headings of a PDF that has no bookmarks: what a reader would call one, and nothing else."""

import pytest

from ingest.chunker import heading_path
from ingest.loaders import load_bytes
from tests.unit.test_pdf import drawn

BODY = (
    "The parties agree that the goods are delivered to the place named in",
    "the order, at the cost of the seller, within thirty days of its date.",
    "Whoever accepts them signs the delivery note and keeps a copy of it.",
    "What is missing or broken is reported in writing within eight days.",
)


class Sheet:
    """Writes lines from the top of a page downwards."""

    def __init__(self, canvas):
        self.canvas, self.y = canvas, 780

    def line(self, text, size=10, font="Helvetica", gap=0):
        self.y -= gap + 1.25 * size
        self.canvas.setFont(font, size)
        self.canvas.drawString(72, self.y, text)

    def body(self, last=""):
        for number, line in enumerate((*BODY, *([last] if last else []))):
            self.line(line, gap=12 if number == 0 else 0)


def path_of(document, words):
    return heading_path(document, document.text.index(words))


def test_larger_and_bold_lines_are_headings_by_rank():
    def draw(canvas):
        sheet = Sheet(canvas)
        sheet.line("Terms of delivery", size=20)
        sheet.body("Anna signs first.")
        sheet.line("2. Prices and payment", size=14, gap=14)
        sheet.body("Berta signs second.")
        sheet.line("Late payment", font="Helvetica-Bold", gap=14)
        sheet.body("Carla signs third.")
        canvas.showPage()
        sheet = Sheet(canvas)
        sheet.line("3. Where disputes about the quality of goods", size=14)
        sheet.line("are heard", size=14)
        sheet.body("Dora signs last.")

    document = load_bytes(drawn(draw), "contract.pdf")
    assert path_of(document, "Anna") == ("contract", "Terms of delivery")
    assert path_of(document, "Berta") == ("contract", "Terms of delivery", "2. Prices and payment")
    assert path_of(document, "Carla") == ("contract", "Terms of delivery", "2. Prices and payment", "Late payment")
    # A heading of two lines is one, and ends the section before it, though a page stands between them.
    assert path_of(document, "Dora") == (
        "contract",
        "Terms of delivery",
        "3. Where disputes about the quality of goods are heard",
    )


@pytest.mark.parametrize(
    "write",
    [
        lambda sheet: sheet.line("Payment is due at once and without any deduction.", font="Helvetica-Bold", gap=14),
        lambda sheet: sheet.line("and this goes on in bold letters", font="Helvetica-Bold", gap=14),
        lambda sheet: sheet.line("Total", font="Helvetica-Bold"),  # no space above it
        lambda sheet: sheet.line("17.4", font="Helvetica-Bold", gap=14),
        lambda sheet: [sheet.line(line, size=14) for line in BODY],  # a paragraph in large letters
    ],
)
def test_a_sentence_a_line_of_the_text_or_a_figure_is_no_heading(write):
    def draw(canvas):
        sheet = Sheet(canvas)
        sheet.body()
        write(sheet)
        sheet.body("Anna signs.")

    assert path_of(load_bytes(drawn(draw), "contract.pdf"), "Anna") == ("contract",)


def test_bold_rows_of_a_table_are_no_headings():
    def draw(canvas):
        sheet = Sheet(canvas)
        sheet.body()
        sheet.line("Assets of the group", font="Helvetica-Bold", gap=14)
        for name, figure in (("Cash", "17"), ("Land", "240"), ("Total assets", "257")):
            canvas.drawString(300, sheet.y - 12.5, figure)
            sheet.line(name, font="Helvetica-Bold")
        sheet.body("Anna signs.")

    assert path_of(load_bytes(drawn(draw), "report.pdf"), "Anna") == ("report",)


def test_where_all_is_bold_only_size_tells():
    def draw(canvas):
        sheet = Sheet(canvas)
        for number in range(3):
            sheet.line(f"Rule {'ABC'[number]}", font="Helvetica-Bold", gap=14)
            for line in BODY:
                sheet.line(line, font="Helvetica-Bold")
        sheet.line("Signatures", size=16, font="Helvetica-Bold", gap=14)
        sheet.line("Anna signs.", font="Helvetica-Bold", gap=14)

    assert path_of(load_bytes(drawn(draw), "rules.pdf"), "Anna") == ("rules", "Signatures")
    assert path_of(load_bytes(drawn(draw), "rules.pdf"), "thirty days") == ("rules",)


def test_bookmarks_count_for_more_than_looks():
    def draw(canvas):
        sheet = Sheet(canvas)
        canvas.bookmarkPage("all")
        canvas.addOutlineEntry("Delivery", "all", 0)
        sheet.line("Delivery")
        sheet.body()
        sheet.line("A line in large letters", size=18, gap=14)
        sheet.body("Anna signs.")

    assert path_of(load_bytes(drawn(draw), "contract.pdf"), "Anna") == ("Delivery",)


def test_a_title_of_figures_alone_says_nothing_and_the_file_name_counts():
    def draw(canvas):
        canvas.setTitle("0000320193-22-000070")
        Sheet(canvas).body()

    assert load_bytes(drawn(draw), "2022 Q3 AAPL.pdf").title == "2022 Q3 AAPL"
