"""What a PDF page says to its reader, and what stands beside the words: bookmarks, labels, fields, notes."""

import io

import pytest
from PIL import Image, ImageDraw
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Text
from pypdf.generic import ArrayObject, ContentStream, DictionaryObject, NameObject
from reportlab.lib.colors import Color, black, white, yellow
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from ingest.chunker import heading_path
from ingest.documents import Document
from ingest.errors import LoadError
from ingest.loaders import load_bytes, ocr


def drawn(draw, **options) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1, **options)
    draw(canvas)
    canvas.save()
    return buffer.getvalue()


def changed(data: bytes, change) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    change(writer)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def paper(size=(1240, 1754)) -> Image.Image:
    return Image.new("RGB", size, "white")


def page_text(document: Document, number: int) -> str:
    page = document.pages[number - 1]
    return document.text[page.start : page.end].strip()


def hide_white(canvas):
    canvas.setFillColor(white)
    canvas.drawString(72, 600, "SECRET text")


def hide_nearly_white(canvas):
    canvas.setFillColor(Color(0.99, 0.99, 0.99))
    canvas.drawString(72, 600, "SECRET text")


def hide_transparent(canvas):
    canvas.setFillAlpha(0)
    canvas.drawString(72, 600, "SECRET text")


def hide_tiny(canvas):
    canvas.setFont("Helvetica", 0.05)
    canvas.drawString(72, 600, "SECRET text")


def hide_one_point_high(canvas):
    canvas.setFont("Helvetica", 1)
    canvas.drawString(72, 600, "SECRET text")


def hide_off_page(canvas):
    canvas.drawString(72, -300, "SECRET text")


def hide_without_ink(canvas):
    text = canvas.beginText(72, 700)  # over visible words, which are no image
    text.setTextRenderMode(3)
    text.textLine("SECRET text")
    canvas.drawText(text)


def hide_covered(canvas):
    canvas.drawString(72, 600, "SECRET text")
    canvas.rect(60, 590, 200, 30, fill=1)


def hide_clipped(canvas):
    path = canvas.beginPath()
    path.rect(0, 0, 10, 10)
    canvas.clipPath(path)
    canvas.drawString(72, 600, "SECRET text")


def hide_white_across_a_rule(canvas):
    canvas.line(60, 604, 300, 604)
    canvas.setFillColor(white)
    canvas.drawString(72, 600, "SECRET text")


@pytest.mark.parametrize(
    "hide",
    [hide_white, hide_nearly_white, hide_transparent, hide_tiny, hide_one_point_high, hide_off_page,
     hide_without_ink, hide_covered, hide_clipped,
     hide_white_across_a_rule],
)  # fmt: skip
def test_text_that_no_reader_sees_is_left_out_and_counted(hide):
    def draw(canvas):
        canvas.drawString(72, 700, "The fee is thirty euros.")
        canvas.saveState()
        hide(canvas)
        canvas.restoreState()

    document = load_bytes(drawn(draw), "a.pdf")
    assert document.text.strip() == "The fee is thirty euros."
    assert document.warnings == ("left out 10 characters that a reader does not see",)


def test_letters_hidden_inside_a_word_go_and_the_word_stays():
    def draw(canvas):
        text = canvas.beginText(72, 700)
        text.textOut("Pay")
        text.setTextRenderMode(3)
        text.textOut("never")
        text.setTextRenderMode(0)
        text.textOut("able")
        canvas.drawText(text)

    assert "never" not in load_bytes(drawn(draw), "a.pdf").text


def test_what_a_reader_does_see_stays():
    def draw(canvas):
        canvas.rect(60, 690, 300, 30, fill=1)
        canvas.setFillColor(white)
        canvas.drawString(72, 700, "White on black")
        canvas.setFillColor(Color(0.8, 0.8, 0.8))
        canvas.drawString(72, 640, "Pale grey")
        canvas.setFillColor(black)
        canvas.drawString(72, 600, "Underlined")
        canvas.line(72, 598, 140, 598)
        canvas.setFillColor(yellow)
        canvas.rect(60, 540, 300, 30, fill=1, stroke=0)
        canvas.setFillColor(black)
        canvas.drawString(72, 550, "On yellow")

    document = load_bytes(drawn(draw), "a.pdf")
    assert document.text.split("\n\n")[:4] == ["White on black", "Pale grey", "Underlined", "On yellow"]
    assert document.warnings == ()


def test_the_layer_of_a_recognised_scan_is_its_text():
    scan = paper()
    ImageDraw.Draw(scan).text((100, 160), "x" * 70, fill="black", font_size=40)

    def draw(canvas):
        canvas.drawImage(ImageReader(scan), 0, 0, 595, 842)
        text = canvas.beginText(48, 748)
        text.setFont("Helvetica", 12)
        text.setTextRenderMode(3)
        text.textLine("Notice of the meeting of all members in the house on the third of May, 2026, at nine")
        canvas.drawText(text)

    document = load_bytes(drawn(draw, pagesize=(595, 842)), "a.pdf")
    assert document.text.startswith("Notice of the meeting")
    assert document.metadata["ocr"] == "true" and document.metadata["ocr_pages"] == "1"


def test_bookmarks_are_the_heading_path_and_labels_name_the_pages():
    def draw(canvas):
        for name, level, words in (
            ("Scope", 0, "1  SCOPE"),
            ("Fees and dates", 1, "Fees  and\ndates"),
            ("Nowhere", 1, "Other"),
        ):
            canvas.bookmarkPage(name)
            canvas.addOutlineEntry(name, name, level)
            for row, line in enumerate(words.split("\n")):
                canvas.drawString(72, 720 - 14 * row, line)
            canvas.drawString(72, 600, f"The text of {name}.")
            canvas.showPage()

    def label(writer):
        writer.set_page_label(0, 1, style="/r", start=3)
        writer.metadata = {"/Title": "Rules of the house", "/Author": "Ana Pérez", "/CreationDate": "D:20260304101500+01'00'"}

    document = load_bytes(changed(drawn(draw), label), "a.pdf")
    assert heading_path(document, document.text.index("The text of Fees")) == (
        "Rules of the house", "SCOPE", "Fees and dates",
    )  # fmt: skip
    assert [page.number for page in document.pages] == [1, 2, 3]
    assert document.place_at(document.text.index("The text of Fees")) == "page iv"
    assert document.place_at(document.text.index("Other")) == "page 1"
    assert document.metadata["author"] == "Ana Pérez"
    assert document.metadata["created"] == "2026-03-04T10:15:00+01:00"


def locked(password: str) -> bytes:
    plain = drawn(lambda canvas: canvas.drawString(72, 700, "The vault opens at nine."))
    return changed(plain, lambda writer: writer.encrypt(password, "owner", algorithm="AES-256"))


def test_a_password_comes_from_the_environment_and_several_may_be_given(monkeypatch):
    monkeypatch.setenv("RAG_PDF_PASSWORD", "wrong")
    monkeypatch.setenv("RAG_PDF_PASSWORD_HOUSE", "contraseña")
    assert "nine" in load_bytes(locked("contraseña"), "a.pdf").text
    monkeypatch.delenv("RAG_PDF_PASSWORD_HOUSE")
    with pytest.raises(LoadError, match=r"none of the 1 given opens it.*RAG_PDF_PASSWORD") as refused:
        load_bytes(locked("contraseña"), "a.pdf")
    assert "wrong" not in str(refused.value)


def test_filled_fields_and_notes_are_text_of_their_page():
    def draw(canvas):
        canvas.drawString(72, 760, "Application")
        canvas.acroForm.textfield(name="applicant", tooltip="Full name", value="Ada Byron", x=72, y=700)
        canvas.acroForm.textfield(name="empty", value="", x=72, y=650)
        canvas.acroForm.checkbox(name="Member", checked=True, x=72, y=600)
        canvas.acroForm.checkbox(name="Guest", checked=False, x=72, y=550)
        canvas.acroForm.textfield(name="ghost", value="SECRET", annotationFlags="hidden", x=72, y=500)
        canvas.linkURL("https://example.org/SECRET", (72, 400, 100, 420))

    def note(writer):
        annotation = Text(rect=(300, 700, 320, 720), text="Ask for the receipt.", open=False)
        annotation[NameObject("/T")] = annotation["/Contents"].__class__("Luis")
        writer.add_annotation(0, annotation)

    document = load_bytes(changed(drawn(draw), note), "a.pdf")
    assert "[field] Full name: Ada Byron\n" in document.text
    assert "[field] Member: Yes\n" in document.text
    assert "[note: Luis] Ask for the receipt.\n" in document.text
    assert "Guest" not in document.text and "empty" not in document.text and "SECRET" not in document.text
    assert document.page_at(document.text.index("Ada Byron")) == 1
    assert "does not see" in document.warnings[0]


def test_running_lines_stand_once_and_figures_at_the_edge_of_few_pages_stay():
    def draw(canvas):
        for number in range(1, 9):
            canvas.drawString(72, 780, "House rules, edition 2026")
            for row in range(6):
                canvas.drawString(72, 700 - 20 * row, f"Rule {'abcdefgh'[number - 1]}{row} holds for room {'stuvwxyz'[row]}.")
            canvas.drawString(280, 40, f"Page {number} of 8")
            canvas.showPage()

    document = load_bytes(drawn(draw), "a.pdf")
    assert document.text.count("House rules, edition 2026") == 1
    assert document.text.count("of 8") == 1
    assert document.text.count("holds for room") == 48
    assert page_text(document, 3).startswith("Rule c0")


def test_words_cut_at_the_end_of_a_line_are_whole_again():
    lines = ("The long-term plan was an exam-", "ple, and its long-", "term cost is in sub-", "Saharan money.")

    def draw(canvas):
        for row, line in enumerate(lines):
            canvas.drawString(72, 700 - 14 * row, line)

    text = load_bytes(drawn(draw), "a.pdf").text
    assert "was an example,\nand its long-term\ncost is in sub-\nSaharan money." in text


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_table_reads_the_same_however_its_page_is_turned(rotation):
    def draw(canvas):
        canvas.translate(300, 400)
        canvas.rotate(rotation)
        for row, cells in enumerate([("Article", "2025", "2026"), ("Battery pack", "$", "96.40"), ("Dock", "(12)", "74.90")]):
            for column, cell in enumerate(cells):
                canvas.drawString(-200 + 150 * column, 80 - 18 * row, cell)

    for turn_page in (False, True):
        data = drawn(draw, pagesize=(600, 800))
        if turn_page:
            data = changed(data, lambda writer: writer.pages[0].rotate(rotation))
        text = load_bytes(data, "a.pdf").text
        assert text.strip() == "Article | 2025 | 2026\nBattery pack | $ 96.40\nDock | (12) | 74.90"


def test_a_currency_sign_goes_with_the_figure_behind_it():
    def draw(canvas):
        for x, cell in ((72, "Cash and cash equivalents"), (300, "$"), (320, "5,079"), (352, "$"), (400, "3,389")):
            canvas.drawString(x, 700, cell)

    assert load_bytes(drawn(draw), "a.pdf").text.strip() == "Cash and cash equivalents | $ 5,079 | $ 3,389"


def test_columns_of_prose_below_a_title_and_above_a_table_are_read_one_after_the_other():
    def draw(canvas):
        canvas.drawString(60, 760, "A title that runs over the whole width of the page, from its left edge to the right")
        for row in range(10):
            canvas.drawString(60, 720 - 14 * row, f"left side says in line {row} of text")
            canvas.drawString(330, 713 - 14 * row, f"right side says in line {row} of text")
        for row, name in enumerate(("Dock", "Pack")):
            canvas.drawString(60, 500 - 14 * row, f"{name} that is sold together with its own cable, by the piece")
            canvas.drawString(420, 500 - 14 * row, f"{row + 1}4.90")

    text = load_bytes(drawn(draw), "a.pdf").text
    assert text.index("left side says in line 9") < text.index("right side says in line 0")
    assert "by the piece | 14.90\n" in text


def test_a_page_without_text_says_that_it_is_a_scan_where_recognition_is_missing(monkeypatch):
    monkeypatch.setattr(ocr, "_models", lambda: None)

    def draw(canvas):
        canvas.drawString(72, 700, "Alpha")
        canvas.showPage()
        canvas.drawImage(ImageReader(paper()), 0, 0, 595, 842)

    document = load_bytes(drawn(draw, pagesize=(595, 842)), "a.pdf")
    assert "Alpha" in document.text
    assert document.metadata["unread_pages"].startswith("page 2: is a scan: install text recognition")


def test_a_damaged_page_loses_only_itself():
    data = drawn(lambda canvas: [(canvas.drawString(72, 700, word), canvas.showPage()) for word in ("Alpha", "Beta", "Gamma")])

    def damage(writer):
        writer.pages[1][NameObject("/Contents")] = NameObject("/Nothing")

    document = load_bytes(changed(data, damage), "a.pdf")
    assert page_text(document, 1) == "Alpha"
    assert page_text(document, 3) == "Gamma"


def test_what_a_file_hides_stays_hidden_when_it_is_damaged():
    data = drawn(lambda canvas: canvas.drawString(72, 700, "Visible words stand here"))

    def hide(writer):
        layer = writer._add_object(DictionaryObject({NameObject("/Type"): NameObject("/OCG")}))
        off = DictionaryObject({NameObject("/OFF"): ArrayObject([layer])})
        rules = DictionaryObject({NameObject("/OCGs"): ArrayObject([layer]), NameObject("/D"): off})
        writer.root_object[NameObject("/OCProperties")] = rules
        page = writer.pages[0]
        page["/Resources"][NameObject("/Properties")] = DictionaryObject({NameObject("/L"): layer})
        content = ContentStream(None, writer)
        content.set_data(page.get_contents().get_data() + b"\n/OC /L BDC BT /F1 12 Tf 72 600 Td (SECRET layer) Tj ET EMC")
        page[NameObject("/Contents")] = writer._add_object(content)

    whole = changed(data, hide)
    for given in (whole, b"%PXX-1.7" + whole[8:]):
        document = load_bytes(given, "a.pdf")
        assert "Visible words" in document.text and "SECRET" not in document.text
