import io
import zipfile

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

from ingest.errors import LoadError, UnsupportedFile
from ingest.loaders import SUFFIXES, _loaders, load_bytes, load_file


def pdf(*pages: str, password: str | None = None, algorithm: str = "AES-256") -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for page in pages:
        for row, line in enumerate(page.split("\n")):
            canvas.drawString(72, 720 - 16 * row, line)
        canvas.showPage()
    canvas.save()
    if password is None:
        return buffer.getvalue()
    writer = PdfWriter(clone_from=PdfReader(buffer))
    writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm)
    locked = io.BytesIO()
    writer.write(locked)
    return locked.getvalue()


def word_file(build) -> bytes:
    document = docx.Document()
    build(document)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


TEXT = "Política de viajes: 1.250 €\r\n\r\nEl año que viene «quizá» habrá más — según la dirección.\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_text_in_any_common_encoding_is_the_decoded_file(encoding):
    assert load_bytes(TEXT.encode(encoding), "a.txt").text == TEXT


def test_latin_1_and_other_alphabets():
    assert load_bytes("Señor Núñez cobró 12 euros mañana\n".encode("latin-1"), "a.txt").text.startswith("Señor Núñez")
    russian = "Отпуск составляет двадцать восемь дней в году. Заявление подают за две недели.\n" * 3
    assert load_bytes(russian.encode("cp1251"), "a.txt").text == russian


@pytest.mark.parametrize("data", [b"\x00\x01\x02\x03\x00\xff" * 40, b"\xff\xfe\x00\xd8\x00\xd8"])
def test_bytes_that_are_no_text_are_refused(data):
    with pytest.raises(LoadError):
        load_bytes(data, "a.txt")


@pytest.mark.parametrize("name", sorted(f"empty{suffix}" for suffix in SUFFIXES))
def test_empty_files_say_so_in_every_format(name):
    with pytest.raises(LoadError):
        load_bytes(b"", name)


def test_every_suffix_that_is_announced_has_a_loader():
    assert set(_loaders()) == SUFFIXES


def test_unknown_kinds_and_missing_files(tmp_path):
    with pytest.raises(UnsupportedFile, match="xyz"):
        load_bytes(b"hello", "a.xyz")
    with pytest.raises(LoadError, match="cannot be opened"):
        load_file(tmp_path / "gone.txt", "gone.txt")


def test_markdown_text_is_untouched_and_headings_are_known():
    source = "---\ntitle: x\n---\n# One\n\ntext\n\n```\n# no heading\n```\n\nTwo\n---\n\n### Three\n"
    document = load_bytes(source.encode(), "a.md")
    assert document.text == source
    found = [(h.level, document.text[h.start : h.end]) for h in document.headings]
    assert found[-2:] == [(2, "Two"), (3, "### Three")]
    assert (1, "# One") in found
    assert not any("no heading" in title for _, title in found)


HIDDEN = """<html lang="en"><head><title>Page &amp; title</title><style>p {color: red}</style></head><body>
<h1>Fees</h1><p>The fee is <b>30</b>&nbsp;euros.</p>
<p style="DISPLAY : none">SECRET1</p><p style="color:red; visibility: hidden">SECRET2</p><div hidden>SECRET3</div>
<script>SECRET4</script><template><p>SECRET5</p></template><noscript>SECRET6</noscript><!-- SECRET7 -->
<input type="hidden" value="SECRET8"><ul><li>one</li><li><p>two</p></li></ul>
<table><tr><th>Item</th><th>Price</th></tr><tr hidden><td>SECRET9</td></tr><tr><td>Key</td><td>4<br>EUR</td></tr></table>
<pre>a
  b</pre></body></html>"""


def test_html_is_what_a_reader_sees():
    document = load_bytes(HIDDEN.encode(), "a.html")
    assert "SECRET" not in document.text
    assert "The fee is 30 euros." in document.text
    assert "- one\n- two\n" in document.text
    assert "Item | Price\nKey | 4 EUR\n" in document.text
    assert "a\n  b" in document.text
    assert document.title == "Page & title"
    assert [document.text[h.start : h.end] for h in document.headings] == ["Fees"]


def test_html_counts_what_it_hides():
    page = """<link rel="stylesheet" href="site.css">
    <p>Shown.</p><p style="font-size:0">SECRET1</p><p style="color:#FFF; background:white">SECRET2</p>
    <p style="opacity: 0.0">SECRET3</p><p hidden>SECRET4</p><script>code</script><!-- x -->
    <table><tr><td>a</td><td style="display:none">SECRET5</td><td>b</td></tr></table>
    <p style="color:#fff;background-color:#000">White on black.</p><p style="opacity:0.5;font-size:0.8em">Small.</p>
    <p style="color: white">White on what a style sheet says.</p>"""
    document = load_bytes(page.encode(), "a.html")
    assert "SECRET" not in document.text
    assert document.text.split("\n\n") == [
        "Shown.", "a | b", "White on black.", "Small.", "White on what a style sheet says.", "",
    ]  # fmt: skip
    assert document.warnings == ("left out 35 characters that a reader does not see",)


def test_html_declares_its_encoding():
    page = '<meta charset="iso-8859-1"><p>Año “nuevo”: 5 €</p>'
    assert "Año “nuevo”: 5 €" in load_bytes(page.encode("cp1252"), "a.html").text
    strange = '<meta charset="x-unknown"><p>Año</p>'
    assert "Año" in load_bytes(strange.encode(), "a.html").text


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_rubbish_never_raises_anything_but_a_load_error(data):
    for name in ("a.html", "a.txt", "a.md", "a.docx", "a.pdf"):
        try:
            document = load_bytes(data, name)
        except LoadError:
            continue
        assert document.text.strip()
        assert all(0 <= h.start < h.end <= len(document.text) for h in document.headings)


def test_pdf_pages_are_ranges_of_the_text():
    document = load_bytes(pdf("Alpha one", "Beta two\nBeta three", "Gamma"), "a.pdf")
    assert [page.number for page in document.pages] == [1, 2, 3]
    assert "Beta three" in document.text[document.pages[1].start : document.pages[1].end]
    assert document.page_at(document.text.index("Gamma")) == 3
    assert document.pages[0].end == document.pages[1].start
    assert document.pages[-1].end == len(document.text)


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
def test_pdf_with_an_empty_password_opens_without_asking(algorithm):
    assert "Alpha" in load_bytes(pdf("Alpha one", password="", algorithm=algorithm), "a.pdf").text


def test_pdf_with_a_password_says_so():
    with pytest.raises(LoadError, match="password"):
        load_bytes(pdf("Alpha", password="secret"), "a.pdf")


def test_pdf_cut_off_in_the_middle_is_an_error_or_readable_and_a_pdf_without_text_says_why():
    whole = pdf("Alpha one", "Beta")
    with pytest.raises(LoadError):
        load_bytes(whole[:120], "a.pdf")
    with pytest.raises(LoadError, match="nothing that a reader sees"):
        load_bytes(pdf("", ""), "a.pdf")


def test_docx_reads_in_order_with_headings_lists_and_tables():
    def build(document):
        document.core_properties.title = "Price list"
        document.add_heading("Prices", 1)
        document.add_paragraph("Valid from May.")
        table = document.add_table(rows=2, cols=2)
        for cell, text in zip(table._cells, ["Item", "Price", "Key", "4 EUR"], strict=True):
            cell.text = text
        document.add_paragraph("First", style="List Bullet")
        document.add_paragraph("Second", style="List Bullet")
        hidden = document.add_paragraph("Shown. ").add_run("SECRET")
        hidden.font.hidden = True

    document = load_bytes(word_file(build), "a.docx")
    assert document.text == ("Prices\n\nValid from May.\n\nItem | Price\nKey | 4 EUR\n\n- First\n- Second\nShown.\n")
    assert document.title == "Price list"
    assert [document.text[h.start : h.end] for h in document.headings] == ["Prices"]


def test_docx_that_is_another_zip_or_encrypted_or_a_bomb():
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("hello.txt", "x")
    with pytest.raises(LoadError):
        load_bytes(other.getvalue(), "a.docx")
    with pytest.raises(LoadError, match="encrypted"):
        load_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "a.docx")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 520_000_000)
    with pytest.raises(LoadError, match="unpacks"):
        load_bytes(bomb.getvalue(), "a.docx")


def test_two_documents_with_equal_bytes_have_equal_hashes_and_names_of_their_own():
    one, two = load_bytes(b"Hello there.", "x/readme.md"), load_bytes(b"Hello there.", "y/readme.md")
    assert one.sha256 == two.sha256
    assert one.name != two.name


def test_rows_of_a_pdf_table_are_lines_with_cells_apart():
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1)
    canvas.drawString(72, 740, "Prices from May on.")
    for row, cells in enumerate([("Article", "Price"), ("Battery pack", "96.40 EUR"), ("Dock", "74.90 EUR")]):
        for column, cell in enumerate(cells):  # cell by cell, as tools write them
            canvas.drawString(72 + 220 * column, 700 - 18 * row, cell)
    canvas.drawString(72, 620, "1.")
    canvas.drawString(110, 620, "Open the lid.")
    canvas.save()
    text = load_bytes(buffer.getvalue(), "a.pdf").text
    assert "Article | Price\nBattery pack | 96.40 EUR\nDock | 74.90 EUR" in text
    assert "1. Open the lid." in text
    assert "from May on.\n\nArticle" in text, "a gap between blocks is a paragraph"


def test_a_pdf_page_in_columns_of_prose_is_read_column_by_column():
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for column, word in enumerate(("left", "right")):
        for row in range(14):
            canvas.drawString(50 + 290 * column, 740 - 14 * row, f"the {word} column goes on in line {row}")
    canvas.save()
    text = load_bytes(buffer.getvalue(), "a.pdf").text
    assert text.index("left column goes on in line 13") < text.index("right column goes on in line 0")
