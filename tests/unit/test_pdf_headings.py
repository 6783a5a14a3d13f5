"""Headings of a PDF that has no bookmarks: what a reader would call one, and nothing else."""

import pytest
from PIL import ImageDraw
from reportlab.lib.utils import ImageReader

from ingest.chunker import heading_path
from ingest.loaders import load_bytes
from ingest.loaders.pdf_words import _is_bold_by_name
from tests.unit.test_pdf import drawn, paper

BODY = (
    "The parties agree that the goods are delivered to the place named in",
    "the order, at the cost of the seller, within thirty days of its date.",
    "Whoever accepts them signs the delivery note and keeps a copy of it.",
    "What is missing or broken is reported in writing within eight days.",
)


SHORT = ("We grew in all", "of our markets", "and shall grow", "in the next year")


class Sheet:
    """Writes lines from the top of a page downwards."""

    def __init__(self, canvas):
        self.canvas, self.y = canvas, 780

    def line(self, text, size=10, font="Helvetica", gap=0):
        self.y -= gap + 1.25 * size
        self.canvas.setFont(font, size)
        self.canvas.drawString(72, self.y, text)

    def row(self, name, figure, **look):
        self.line(name, **look)
        self.canvas.drawString(300, self.y, figure)

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
        lambda sheet: [sheet.line(line, size=14) for line in SHORT],  # a paragraph in large letters
        lambda sheet: sheet.line("Table 3 Sales by country", font="Helvetica-Bold", gap=14),
        lambda sheet: sheet.line("Abb. 2 Umsatz", size=14, gap=14),
        lambda sheet: sheet.line("Payment .......... 12", font="Helvetica-Bold", gap=14),
        lambda sheet: sheet.line("Invoice number: 4711", font="Helvetica-Bold", gap=14),
        lambda sheet: sheet.row("Total", "17", size=14, gap=14),
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
            sheet.row(name, figure, font="Helvetica-Bold", gap=14)
        sheet.body("Anna signs.")

    assert path_of(load_bytes(drawn(draw), "report.pdf"), "Anna") == ("report",)


def test_where_all_is_bold_only_size_tells():
    def draw(canvas):
        sheet = Sheet(canvas)
        for number in range(3):
            sheet.line(f"Rule {'ABC'[number]}", font="Helvetica-Bold", gap=14)
            for place, line in enumerate(BODY):
                sheet.line(line, font="Helvetica-Bold", gap=14 if place == 0 else 0)
        sheet.line("Signatures", size=16, font="Helvetica-Bold", gap=14)
        sheet.line("Anna signs.", font="Helvetica-Bold", gap=14)

    assert path_of(load_bytes(drawn(draw), "rules.pdf"), "Anna") == ("rules", "Signatures")
    assert path_of(load_bytes(drawn(draw), "rules.pdf"), "thirty days") == ("rules",)


def test_where_every_other_line_is_bold_and_apart_bold_tells_nothing():
    def draw(canvas):
        sheet = Sheet(canvas)
        for name in ("Anna Lind", "Berta Moe", "Carla Nys", "Dora Ott", "Emma Poe"):
            sheet.line(name, font="Helvetica-Bold", gap=14)
            sheet.line("signs for the seller and for all who buy")

    assert load_bytes(drawn(draw), "list.pdf").headings == ()


def test_a_text_of_few_lines_has_no_headings():
    def draw(canvas):
        sheet = Sheet(canvas)
        sheet.line("Notice to all", size=20)
        sheet.body("Anna signs.")

    assert load_bytes(drawn(draw), "notice.pdf").headings == ()


def test_slides_of_a_title_and_two_lines_have_their_titles_as_headings():
    def draw(canvas):
        for title, name in (("Sales", "Anna"), ("Staff", "Berta"), ("Plans", "Carla")):
            sheet = Sheet(canvas)
            sheet.line(title, size=28)
            sheet.line(f"{name} says that all goes as it was meant to", size=16, gap=30)
            sheet.line("and that nothing has to change next year", size=16)
            canvas.showPage()

    assert path_of(load_bytes(drawn(draw), "deck.pdf"), "Berta") == ("deck", "Staff")


def test_the_large_letters_of_a_page_that_is_all_large_are_its_text():
    def draw(canvas):
        for _ in range(3):
            sheet = Sheet(canvas)
            for _ in range(4):
                sheet.body()
            canvas.showPage()
        sheet = Sheet(canvas)
        for place in range(16):
            sheet.line(f"{'ABCDEFGH'[place % 8]} letter to all who own shares", size=13, gap=13)
        sheet.line("Outlook of the year", size=18, gap=14)
        sheet.line("Anna signs.", size=13, gap=13)

    document = load_bytes(drawn(draw), "report.pdf")
    assert [document.text[heading.start : heading.end] for heading in document.headings] == ["Outlook of the year"]


def test_a_lone_line_larger_than_the_chapters_does_not_stand_over_them():
    def draw(canvas):
        sheet = Sheet(canvas)
        sheet.line("1 Scope", size=16)
        sheet.body("Anna signs first.")
        sheet.line("We grew by half", size=30, gap=14)
        sheet.body("Berta signs second.")
        sheet.line("2 Prices", size=16, gap=14)
        sheet.body("Carla signs third.")

    document = load_bytes(drawn(draw), "report.pdf")
    assert path_of(document, "Berta") == ("report", "1 Scope")
    assert path_of(document, "Carla") == ("report", "2 Prices")


def test_the_sizes_of_a_cover_leave_the_headings_their_levels():
    def draw(canvas):
        sheet = Sheet(canvas)
        for text, size in (("Annual report", 48), ("Of the house", 36), ("For its friends", 28)):
            sheet.line(text, size=size, gap=40)
        canvas.showPage()
        sheet = Sheet(canvas)
        for number, name in enumerate(("Anna", "Berta"), start=1):
            sheet.line(f"Part {number}", size=20, gap=14)
            sheet.line(f"Chapter {number}", size=16, gap=14)
            sheet.line(f"Section {number}", size=13, gap=14)
            sheet.body()
            sheet.line(f"Details {number}", font="Helvetica-Bold", gap=14)
            sheet.body(f"{name} signs.")

    assert path_of(load_bytes(drawn(draw), "r.pdf"), "Berta") == (
        "r", "Annual report", "Part 2", "Chapter 2", "Section 2", "Details 2",
    )  # fmt: skip


def test_a_heading_stands_where_it_is_a_line_and_with_the_sign_before_it():
    def draw(canvas):
        sheet = Sheet(canvas)
        sheet.body()
        sheet.line("Payment is due within thirty days, and")
        sheet.line("Portfolio fees are due at once, Anna says.")
        for heading, name in (("Payment", "Berta"), ("Port", "Carla"), ("§ 5 Notice", "Dora"), ("(1) Form (written)", "Emma")):
            sheet.line(heading, size=14, gap=14)
            sheet.body(f"{name} signs.")

    document = load_bytes(drawn(draw), "r.pdf")
    assert path_of(document, "Anna") == ("r",)
    for heading, name in (("Payment", "Berta"), ("Port", "Carla"), ("§ 5 Notice", "Dora"), ("(1) Form (written)", "Emma")):
        assert path_of(document, f"{name} signs") == ("r", heading)


def test_the_raised_mark_of_a_note_hides_no_heading():
    def draw(canvas):
        sheet = Sheet(canvas)
        sheet.body()
        sheet.line("Leases", size=14, gap=14)
        canvas.setFont("Helvetica", 6)
        canvas.drawString(75 + canvas.stringWidth("Leases", "Helvetica", 14), sheet.y + 6, "1")
        sheet.body("Anna signs.")

    assert path_of(load_bytes(drawn(draw), "r.pdf"), "Anna")[1:] == ("Leases 1",)


def test_a_number_set_apart_belongs_to_its_heading():
    def draw(canvas):
        sheet = Sheet(canvas)
        sheet.body()
        sheet.line("2.1", size=14, gap=14)
        canvas.drawString(120, sheet.y, "Results")
        sheet.body("Anna signs.")

    assert path_of(load_bytes(drawn(draw), "r.pdf"), "Anna")[-1].endswith("Results")


def test_a_bold_line_at_the_foot_of_a_page_is_no_heading():
    def draw(canvas):
        for name in ("Anna", "Berta"):
            sheet = Sheet(canvas)
            sheet.body(f"{name} signs.")
            sheet.body()
            sheet.line("Strictly confidential", font="Helvetica-Bold", gap=40)
            sheet.line(f"- {name[0]} -", gap=14)
            canvas.showPage()

    assert load_bytes(drawn(draw), "r.pdf").headings == ()


def test_headings_in_columns_follow_the_order_of_reading():
    def draw(canvas):
        columns = (("Anna", "Scope of it"), ("Berta", "Prices of it"))
        for left, start, (name, heading) in zip((60, 330), (0, 2), columns, strict=True):
            y = 760
            for row in range(14):
                is_heading = row == 5 + start
                y -= 28 if is_heading or row == 6 + start else 14
                canvas.setFont("Helvetica", 14 if is_heading else 10)
                canvas.drawString(
                    left, y, heading if is_heading else f"{name} says in line {'abcdefghijklmn'[row]} what is meant"
                )

    document = load_bytes(drawn(draw), "paper.pdf")
    assert path_of(document, "Anna says in line n") == ("paper", "Scope of it")
    assert path_of(document, "Berta says in line b") == ("paper", "Scope of it")
    assert path_of(document, "Berta says in line n") == ("paper", "Prices of it")


def test_a_slanted_line_apart_is_a_heading_and_a_slanted_word_is_none():
    def draw(canvas):
        sheet = Sheet(canvas)
        sheet.body("Anna signs.")
        sheet.line("Note", font="Helvetica-Oblique", gap=14)
        canvas.drawString(110, sheet.y, "on what follows")
        canvas.setFont("Helvetica", 10)
        canvas.drawString(180, sheet.y, "is given below")
        sheet.body("Berta signs.")
        sheet.line("Foreign exchange", font="Helvetica-Oblique", gap=14)
        sheet.body("Carla signs.")

    document = load_bytes(drawn(draw), "r.pdf")
    assert path_of(document, "Berta") == ("r",)
    assert path_of(document, "Carla") == ("r", "Foreign exchange")


def test_bold_is_told_by_the_name_of_a_font_before_its_weight():
    for name in ("ABCDEF+CMBX12", "SFBX1000", "CMSSBX10", "NimbusRomNo9L-Medi", "Arial-BoldMT", "Arial,Bold"):
        assert _is_bold_by_name(name) is True, name
    for name in ("ArialMT", "ABCDEF+CMR10", "Roboto-Medium", "SFRM1000", "TimesNewRomanPSMT"):
        assert _is_bold_by_name(name) is False, name
    assert _is_bold_by_name("ABCDEF+F1") is None


def test_the_guessed_sizes_of_recognised_text_make_no_headings():
    scan = paper()
    ImageDraw.Draw(scan).rectangle((0, 0, 1200, 1700), fill="black")
    ImageDraw.Draw(scan).text((100, 160), "x" * 70, fill="white", font_size=40)

    def draw(canvas):
        canvas.drawImage(ImageReader(scan), 0, 0, 595, 842)
        text = canvas.beginText(72, 780)
        text.setTextRenderMode(3)
        for number, line in enumerate((*BODY, "Late payment", *BODY)):
            text.setFont("Helvetica", 16 if number == 4 else 10)
            text.textLine(line)
        canvas.drawText(text)

    document = load_bytes(drawn(draw, pagesize=(595, 842)), "scan.pdf")
    assert document.metadata["ocr"] == "true"
    assert document.headings == ()


def test_bookmarks_that_lead_to_no_words_leave_it_to_looks():
    def draw(canvas):
        sheet = Sheet(canvas)
        canvas.bookmarkPage("all")
        canvas.addOutlineEntry("Cover page", "all", 0)
        sheet.line("Delivery", size=18)
        sheet.body()
        sheet.body("Anna signs.")

    assert path_of(load_bytes(drawn(draw), "contract.pdf"), "Anna") == ("contract", "Delivery")


def test_a_bookmark_leads_to_its_line_and_not_to_a_sentence_that_begins_alike():
    def draw(canvas):
        sheet = Sheet(canvas)
        canvas.setTitle("Contract")
        for title in ("Payment", "Fee"):
            canvas.bookmarkPage(title)
            canvas.addOutlineEntry(title, title, 0)
        sheet.line("Payments are made by the buyer, Anna says.")
        sheet.line("Payment is due within thirty days.")
        sheet.line("(Payment)", gap=14)
        sheet.body("Fees are due, says Berta.")
        sheet.line("Fee (of all)", gap=14)
        sheet.body("Carla signs.")

    document = load_bytes(drawn(draw), "contract.pdf")
    assert path_of(document, "due within") == ("Contract",)
    assert document.text[document.headings[0].start :].startswith("(Payment)")  # no bracket is left before it
    assert path_of(document, "Berta") == ("Contract", "(Payment)")
    assert path_of(document, "Carla") == ("Contract", "Fee")


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
