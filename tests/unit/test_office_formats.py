"""Office files: written by the libraries that write them for people, or part by part where it must be exact."""

import io
import zipfile
from datetime import date, datetime, time, timedelta

import docx
import openpyxl
import pptx
import pytest
import xlsxwriter
from docx.shared import Pt, RGBColor
from openpyxl.styles import Font
from pptx.dml.color import RGBColor as SlideColour
from pptx.util import Inches
from pptx.util import Pt as SlidePt

from ingest.chunker import ChunkerSettings, chunk_document, word_starts
from ingest.errors import LoadError
from ingest.loaders import load_bytes
from ingest.loaders.xlsx import show_number


def saved(file) -> bytes:
    buffer = io.BytesIO()
    file.save(buffer)
    return buffer.getvalue()


def packed(parts: dict[str, str | bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def repacked(data: bytes, **changed: bytes) -> bytes:
    """The same package with parts changed; a name is written with `__` for `/` and `_xml` for `.xml`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    names = {name.replace("__", "/").replace("_xml", ".xml"): content for name, content in changed.items()}
    assert set(names) <= set(parts)
    return packed(parts | names)


def headings(document):
    return [(h.level, document.text[h.start : h.end]) for h in document.headings]


def place_of(document, words):
    return document.place_at(document.text.index(words))


def hidden_note(count: int) -> tuple[str, ...]:
    return (f"left out {count} characters that a reader does not see",)


@pytest.fixture
def book():
    book = openpyxl.Workbook()
    prices = book.active
    prices.title = "Prices"
    prices.append(["Prices from May"])
    prices.append([])
    prices.append(["Article", "Price", "Share", "Since", "Note"])
    prices.append(["Dock", 74.9, 0.125, date(2026, 5, 1), "with\ncable"])
    prices.append(["Cable", 9, 0.5, datetime(2026, 5, 2, 14, 30), "SECRET1"])
    prices.append(["SECRET2", 1, 0.1, None, None])
    prices.append([])
    prices.append(["Battery", 1234.5, True, None, "=1+1"])
    for row in range(4, 9):
        prices.cell(row, 2).number_format = '#,##0.00 "EUR"'
        prices.cell(row, 3).number_format = "0.0%"
    prices.row_dimensions[6].hidden = True
    prices["E5"] = None
    prices["G5"] = "SECRET3"
    prices.column_dimensions["G"].hidden = True
    secret = book.create_sheet("Costs")
    secret["A1"] = "SECRET4"
    secret.sheet_state = "hidden"
    contacts = book.create_sheet("Contacts")
    contacts.append(["Company", "Acme"])
    contacts.append(["City", "Bonn"])
    book.properties.title = "Price list"
    book.properties.creator = "Ann Lee"
    book.properties.created = datetime(2026, 5, 1, 8, 0)
    return book


def test_xlsx_rows_name_their_columns_and_know_sheet_and_number(book):
    document = load_bytes(saved(book), "prices.xlsx")
    assert document.text == (
        "Prices\n\nPrices from May\n\n"
        "Article | Price | Share | Since | Note\n"
        "Article: Dock | Price: 74.90 EUR | Share: 12.5% | Since: 2026-05-01 | Note: with cable\n"
        "Article: Cable | Price: 9.00 EUR | Share: 50.0% | Since: 2026-05-02 14:30:00\n\n"
        "Article: Battery | Price: 1,234.50 EUR | Share: TRUE\n\n"
        "Contacts\n\nCompany | Acme\nCity | Bonn\n"
    )
    assert place_of(document, "Dock") == "sheet Prices, row 4"
    assert place_of(document, "Battery") == "sheet Prices, row 8"
    assert place_of(document, "Acme") == "sheet Contacts, row 1"
    assert [(page.number, page.label) for page in document.pages] == [(1, "sheet Prices"), (2, "sheet Contacts")]
    assert headings(document) == [(1, "Prices"), (1, "Contacts")]
    assert document.title == "Price list"
    assert (document.metadata["author"], document.metadata["created"]) == ("Ann Lee", "2026-05-01T08:00:00Z")


def test_pages_end_with_the_text_where_the_last_slide_is_hidden():
    deck = pptx.Presentation()
    for title, show in (("One", "1"), ("Two", "1"), ("SECRET", "0")):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = title
        slide._element.set("show", show)
    document = load_bytes(saved(deck), "d.pptx")
    assert [document.text[page.start : page.end].strip() for page in document.pages] == ["One", "Two"]
    assert document.pages[-1].end == len(document.text)


def test_what_is_hidden_in_xlsx_is_counted(book):
    document = load_bytes(saved(book), "prices.xlsx")
    assert "SECRET" not in document.text
    formula, *hidden = document.warnings
    assert "without a calculated value, read as empty cells: 1." in formula
    assert tuple(hidden) == hidden_note(len("SECRET2" + "1.00 EUR" + "10.0%" + "SECRET3" + "SECRET4"))


def test_each_chunk_of_a_long_sheet_is_understandable_by_itself():
    book = openpyxl.Workbook()
    book.active.append(["Article", "Price (EUR)"])
    for number in range(60):
        book.active.append([f"Part {number}", number * 10])
    chunks = chunk_document(load_bytes(saved(book), "a.xlsx"), word_starts, ChunkerSettings(max_tokens=60, max_words=60))
    assert len(chunks) > 5
    assert all("Article: Part" in chunk.text and "Price (EUR): " in chunk.text and chunk.page == 1 for chunk in chunks)
    assert all("Sheet" in chunk.context for chunk in chunks)


def test_a_second_table_on_a_sheet_has_its_own_header():
    book = openpyxl.Workbook()
    for row in (["Name", "Age"], ["Ann", 41], [], ["Part", "Mass", "Site"], ["Dock", 3, "Bonn"], [], ["Lid", 4, "Lyon"]):
        book.active.append(row)
    text = load_bytes(saved(book), "a.xlsx").text
    assert "Name: Ann | Age: 41" in text
    assert "Part: Dock | Mass: 3 | Site: Bonn" in text
    assert "Part: Lid | Mass: 4 | Site: Lyon" in text


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        ("74.900000000000006", "", "74.9"),
        ("0.30000000000000004", "General", "0.3"),
        ("1E-7", "", "0.0000001"),
        ("100000000000000000000", "", "100000000000000000000"),
        ("2.675", "0.00", "2.68"),
        ("-1234.5", "#,##0.00;[Red](#,##0.00)", "-1,234.50"),
        ("-1234.5", "(#,##0.00)", "-1,234.50"),
        ("5", "[$€-407] #,##0.00", "€ 5.00"),
        ("5", '0 "kg"', "5 kg"),
        ("0.075", "0.0%", "7.5%"),
        ("1.5", "0.##", "1.5"),
        ("1", "0.##", "1"),
        ("46143", "dd/mm/yyyy", "2026-05-01"),
        ("46143.604166666664", "yyyy-mm-dd hh:mm", "2026-05-01 14:30"),
        ("0.604166666666667", "h:mm", "14:30"),
        ("1.5", "[h]:mm", "36:00"),
        ("9e99", "yyyy", "9e+99"),
        ("1" * 60, "0.00", "1" * 15 + "0" * 45),
        ("x", "0.00", "x"),
        ("12345", "0.00E+00", "12345"),
        ("12345", "@", "12345"),
        ("0.5", "# ?/?", "0.5"),
    ],
)
def test_numbers_as_a_sheet_shows_them(value, code, shown):
    assert show_number(value, code, datetime(1899, 12, 30)) == shown


def test_dates_since_1904_times_and_text_in_several_formats():
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active.append([date(2026, 5, 1), time(7, 5), timedelta(hours=30)])
    assert load_bytes(saved(book), "a.xlsx").text == "Sheet\n\n2026-05-01 | 07:05:00 | 30:00\n"


def by_xlsxwriter() -> bytes:
    """A workbook with shared strings, as Excel writes them, and with the values of its formulas."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Sums")
        sheet.write_rich_string("A1", "Osa", book.add_format({"bold": True}), "ka")
        sheet.write_formula("B1", "=1+1", book.add_format({"num_format": "0.00"}), 2)
        sheet.write_formula("C1", '="x"', None, "text")
        sheet.write_boolean("D1", False)
    return buffer.getvalue()


def test_xlsx_reads_shared_strings_and_values_of_formulas():
    data = by_xlsxwriter()
    assert load_bytes(data, "a.xlsx").text == "Sums\n\nOsaka | 2.00 | text | FALSE\n"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        strings = archive.read("xl/sharedStrings.xml")
    read_aloud = strings.replace(b"</si>", b'<rPh sb="0" eb="1"><t>SECRET</t></rPh></si>')
    assert "SECRET" not in load_bytes(repacked(data, xl__sharedStrings_xml=read_aloud), "a.xlsx").text


@pytest.fixture
def deck():
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Valves"
    first.placeholders[1].text = "Opens at 40 bar.\nCloses at 35 bar."
    first.notes_slide.notes_text_frame.text = "Say that it was tested."
    hidden = deck.slides.add_slide(deck.slide_layouts[5])
    hidden.shapes.title.text = "SECRET1"
    hidden._element.set("show", "0")
    third = deck.slides.add_slide(deck.slide_layouts[5])
    box = third.shapes.add_textbox(0, 0, Inches(2), Inches(1)).text_frame
    box.text = "Above the title in the file. "
    tiny = box.paragraphs[0].add_run()
    tiny.text, tiny.font.size = "SECRET2", SlidePt(1)
    filled = third.shapes.add_textbox(0, 0, Inches(2), Inches(1))
    filled.fill.solid()
    filled.fill.fore_color.rgb = SlideColour(255, 255, 255)
    white = filled.text_frame.paragraphs[0].add_run()
    white.text, white.font.color.rgb = "SECRET3", SlideColour(255, 255, 255)
    dark = third.shapes.add_textbox(0, 0, Inches(2), Inches(1))
    dark.fill.solid()
    dark.fill.fore_color.rgb = SlideColour(0, 0, 80)
    light = dark.text_frame.paragraphs[0].add_run()
    light.text, light.font.color.rgb = "White on blue.", SlideColour(255, 255, 255)
    table = third.shapes.add_table(2, 2, 0, 0, Inches(4), Inches(1)).table
    for cell, text in zip(table.iter_cells(), ["Part", "Price", "Dock", "74.90"], strict=True):
        cell.text = text
    group = third.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "In a group."
    gone = third.shapes.add_textbox(0, 0, Inches(1), Inches(1))
    gone.text_frame.text = "SECRET4"
    gone._element.nvSpPr.cNvPr.set("hidden", "1")
    third.shapes.title.text = "Prices"
    deck.core_properties.title = "Talk"
    deck.core_properties.author = "Ann Lee"
    return deck


def test_pptx_slides_are_pages_with_title_tables_and_notes(deck):
    document = load_bytes(saved(deck), "talk.pptx")
    assert document.text == (
        "Valves\n\n- Opens at 40 bar.\n- Closes at 35 bar.\n\nSay that it was tested.\n\n"
        "Prices\n\nAbove the title in the file.\n\nWhite on blue.\n\nPart | Price\nDock | 74.90\n\nIn a group.\n"
    )
    assert [(page.number, page.label) for page in document.pages] == [(1, "slide 1"), (3, "slide 3")]
    assert document.page_at(document.text.index("Dock")) == 3
    assert place_of(document, "Dock") == "slide 3"
    assert headings(document) == [(1, "Valves"), (1, "Prices")]
    assert (document.title, document.metadata["author"]) == ("Talk", "Ann Lee")
    assert document.warnings == hidden_note(len("SECRET1SECRET2SECRET3SECRET4"))


def test_docx_leaves_out_and_counts_what_no_reader_sees():
    file = docx.Document()
    paragraph = file.add_paragraph("Shown. ")
    paragraph.add_run("SECRET1").font.hidden = True
    paragraph.add_run("SECRET2").font.size = Pt(1)
    paragraph.add_run("SECRET3").font.color.rgb = RGBColor(255, 255, 255)
    style = file.styles.add_style("Ghost", docx.enum.style.WD_STYLE_TYPE.CHARACTER)
    style.font.hidden = True
    paragraph.add_run("SECRET4", style="Ghost")
    shown = paragraph.add_run("Shown too.", style="Ghost")
    shown.font.hidden = False
    marked = paragraph.add_run(" White on black.")
    marked.font.color.rgb, marked.font.highlight_color = RGBColor(255, 255, 255), docx.enum.text.WD_COLOR_INDEX.BLACK
    cell = file.add_table(1, 1).cell(0, 0).paragraphs[0]
    cell.add_run("Cell")
    cell.add_run("SECRET5").font.hidden = True
    document = load_bytes(saved(file), "a.docx")
    assert document.text == "Shown. Shown too. White on black.\n\nCell\n"
    assert document.warnings == hidden_note(len("SECRET1SECRET2SECRET3SECRET4SECRET5"))


def test_docx_takes_inserted_text_and_not_deleted_text():
    file = docx.Document()
    file.add_paragraph("NAME")
    data = saved(file)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        xml = archive.read("word/document.xml").decode()
    tracked = (
        '<w:del w:id="1" w:author="a"><w:r><w:delText>SECRET</w:delText></w:r></w:del>'
        '<w:ins w:id="2" w:author="a"><w:r><w:t>new words</w:t></w:r></w:ins>'
    )
    xml = xml.replace("<w:r><w:t>NAME</w:t></w:r>", tracked)
    assert load_bytes(repacked(data, word__document_xml=xml.encode()), "a.docx").text == "new words\n"


NS = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office", "text": "text", "table": "table", "style": "style", "draw": "drawing", "meta": "meta",
        "presentation": "presentation", "fo": "xsl-fo-compatible",
    }.items()
) + ' xmlns:dc="http://purl.org/dc/elements/1.1/"'  # fmt: skip


def odf(kind: str, body: str, styles: str = "") -> bytes:
    return packed(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"<office:document-content {NS}><office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
            "meta.xml": f"<office:document-meta {NS}><office:meta><dc:title>Guide</dc:title><dc:creator>Ann</dc:creator>"
            "<meta:creation-date>2026-05-01</meta:creation-date></office:meta></office:document-meta>",
        }
    )


GHOST = '<style:style style:name="G"><style:text-properties text:display="none"/></style:style>'


def test_odt_reads_in_order_with_headings_lists_and_tables():
    body = """<text:tracked-changes><text:p>SECRET</text:p></text:tracked-changes>
    <text:h text:outline-level="1">Valves</text:h>
    <text:p>Opens<text:s text:c="2"/>at<text:line-break/>40 bar.<text:span text:style-name="C">HIDDEN</text:span><text:note>
    <text:note-citation>1</text:note-citation><text:note-body><text:p>A footnote.</text:p></text:note-body></text:note></text:p>
    <text:list><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>deeper</text:p></text:list-item></text:list>
    </text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>
    <text:section text:display="none"><text:p>HIDDEN</text:p></text:section>
    <table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>Part</text:p></table:table-cell>
    <table:table-cell><text:p>Price</text:p></table:table-cell></table:table-row></table:table-header-rows>
    <table:table-row><table:table-cell><text:p>Dock</text:p><text:p>black</text:p></table:table-cell>
    <table:table-cell><text:p>74.90<office:annotation><text:p>SECRET</text:p></office:annotation></text:p></table:table-cell>
    </table:table-row></table:table>"""
    child = '<style:style style:name="C" style:parent-style-name="G"/>'
    document = load_bytes(odf("text", body, GHOST + child), "a.odt")
    assert document.text == (
        "Valves\n\nOpens at 40 bar.\n\nA footnote.\n- one\n- deeper\n- two\n\nPart | Price\nDock black | 74.90\n"
    )
    assert headings(document) == [(1, "Valves")]
    assert (document.title, document.metadata) == ("Guide", {"author": "Ann", "created": "2026-05-01"})
    assert document.warnings == hidden_note(12)


def test_ods_sheets_rows_and_what_is_hidden_in_them():
    def row(*cells, more=""):
        inside = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in cells)
        return f"<table:table-row {more}>{inside}<table:table-cell table:number-columns-repeated='16380'/></table:table-row>"

    filtered = row("HIDDEN", more='table:visibility="filter"')
    twice = row("Lid", "3 €", "Lyon", more='table:number-rows-repeated="2"')
    columns = '<table:table-column table:number-columns-repeated="3"/><table:table-column table:visibility="collapse"/>'
    body = (
        f'<table:table table:name="Prices">{columns}{row("Part", "Price", "Site", "HIDDEN")}'
        f"<table:table-header-rows>{row('Dock', '74,90 €', 'Bonn', 'HIDDEN')}</table:table-header-rows>"
        f"{filtered}{twice}"
        f"<table:table-row table:number-rows-repeated='1048000'><table:table-cell/></table:table-row></table:table>"
        f'<table:table table:name="Secret" table:style-name="T">{row("HIDDEN")}</table:table>'
    )
    gone = '<style:style style:name="T" style:family="table"><style:table-properties table:display="false"/></style:style>'
    document = load_bytes(odf("spreadsheet", body, gone), "a.ods")
    assert document.text == (
        "Prices\n\nPart | Price | Site\nPart: Dock | Price: 74,90 € | Site: Bonn\n\n"
        "Part: Lid | Price: 3 € | Site: Lyon\nPart: Lid | Price: 3 € | Site: Lyon\n"
    )
    assert place_of(document, "Lid") == "sheet Prices, row 4"
    assert [(page.number, page.label) for page in document.pages] == [(1, "sheet Prices")]
    assert document.warnings == hidden_note(24)


def test_odp_slides_are_pages():
    def slide(title, text, style=""):
        frame = f'<draw:frame presentation:class="title"><draw:text-box><text:p>{title}</text:p></draw:text-box></draw:frame>'
        return f'<draw:page draw:style-name="{style}">{frame}<draw:frame><text:p>{text}</text:p></draw:frame></draw:page>'

    gone = '<style:style style:name="H"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    body = slide("One", "First text.") + slide("Two", "HIDDEN", "H") + slide("Three", "Third text.")
    document = load_bytes(odf("presentation", body, gone), "a.odp")
    assert document.text == "One\n\nFirst text.\n\nThree\n\nThird text.\n"
    assert place_of(document, "Third") == "slide 3"
    assert document.page_at(document.text.index("Third")) == 3
    assert headings(document) == [(1, "One"), (1, "Three")]
    assert document.warnings == hidden_note(9)


def test_odf_that_is_encrypted_says_so():
    data = packed({"META-INF/manifest.xml": "<m><encryption-data/></m>", "content.xml": b"\x01\x02"})
    with pytest.raises(LoadError, match="password"):
        load_bytes(data, "a.odt")


def epub(chapters: dict[str, str], extra: dict[str, str] | None = None) -> bytes:
    items = "".join(f'<item id="i{n}" href="{name}" media-type="x"/>' for n, name in enumerate(chapters))
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(chapters)))
    return packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
            "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
            "<dc:title>The Book</dc:title><dc:creator>Ann Lee</dc:creator><dc:date>2026</dc:date></metadata>"
            f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
            **{f"OEBPS/{name.replace('%20', ' ')}": text for name, text in chapters.items() if text},
            **(extra or {}),
        }
    )


def test_epub_chapters_in_reading_order():
    chapters = {
        "z%20first.xhtml": "<html><body><h1>One</h1><p>First text.</p><p hidden=''>SECRET</p></body></html>",
        "a.xhtml": "<?xml version='1.0' encoding='utf-8'?><!DOCTYPE html><html><h2>Two</h2><p>Second — text.</p></html>",
        "gone.xhtml": "",
    }
    document = load_bytes(epub(chapters), "book.epub")
    assert document.text == "One\n\nFirst text.\n\nTwo\n\nSecond — text.\n"
    assert headings(document) == [(1, "One"), (2, "Two")]
    assert (document.title, document.metadata) == ("The Book", {"author": "Ann Lee", "created": "2026"})
    assert document.warnings[-1:] == hidden_note(6)
    assert any("gone.xhtml" in warning for warning in document.warnings)


def test_epub_that_is_protected_says_so_and_one_with_protected_fonts_is_read():
    locked = "<encryption><CipherReference URI='OEBPS/{}'/></encryption>"
    chapters = {"a.xhtml": "<p>Text.</p>"}
    with pytest.raises(LoadError, match="protected"):
        load_bytes(epub(chapters, {"META-INF/encryption.xml": locked.format("a.xhtml")}), "book.epub")
    assert load_bytes(epub(chapters, {"META-INF/encryption.xml": locked.format("font.otf")}), "book.epub").text == "Text.\n"


RTF = r"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}{\f1\fcharset204 Arial Cyr;}}{\colortbl;\red0\green0\blue0;}
{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 Titel;}{\s2 heading 2;}}{\info{\title Gu\'eda}{\author Ann Lee}}
{\*\generator SECRET;}{\header SECRET}
\pard\s1 Valves\par\pard Opens at 40\~bar \endash  \'80 5. {\v HIDDEN}{\fs2 HIDDEN}{\v0 Shown.}\par
\pard\s2 Caf\'e9\par \pard{\f1 \'cf\'f0\'e8\'e2\'e5\'f2} \u8364?\uc2\u-10179\'3f\'3f\u-8704\'3f\'3f \{x\}\line next\par
{\pard{\pntext\'b7\tab}one\par}{\pard{\listtext\'b7\tab}two\par}
\trowd\cellx1000\cellx2000\pard\intbl Part\cell Price\cell\row\trowd\pard\intbl Dock\par black\cell 74.90\cell\row
\pard{\field{\*\fldinst HYPERLINK "SECRET"}{\fldrslt a link}} after.{\pict\bin6 }}}}}}} \deleted GONE\plain !\par}"""


def test_rtf_with_headings_code_pages_lists_tables_and_hidden_text():
    document = load_bytes(RTF.encode("latin-1"), "a.rtf")
    assert document.text == (
        "Valves\n\nOpens at 40 bar – € 5. Shown.\n\nCafé\n\nПривет €\U0001f600 {x} next\n- one\n- two\n\n"
        "Part | Price\nDock black | 74.90\n\na link after. !\n"
    )
    assert headings(document) == [(1, "Valves"), (2, "Café")]
    assert (document.title, document.metadata) == ("Guía", {"author": "Ann Lee"})
    assert document.warnings == hidden_note(16)
    with pytest.raises(LoadError, match="no RTF"):
        load_bytes(b"plain text", "a.rtf")


def test_a_file_that_is_something_else_inside_is_read_as_what_it_is(book, deck):
    assert "Dock" in load_bytes(saved(book), "prices.docx").text
    assert any("`.docx`" in warning and "`.xlsx`" in warning for warning in load_bytes(saved(book), "prices.docx").warnings)
    assert "40 bar" in load_bytes(saved(deck), "talk.txt").text
    assert "Valves" in load_bytes(RTF.encode("latin-1"), "a.docx").text
    assert "One" in load_bytes(epub({"a.xhtml": "<p>One</p>"}), "a.odt").text
    assert not any("inside" in warning for warning in load_bytes(odf("text", "<text:p>x</text:p>"), "a.ods").warnings)


ENTITY = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_packages_whose_xml_defines_entities_are_refused(book, deck, encoding):
    entity = ENTITY.decode().encode(encoding)
    word = docx.Document()
    word.add_paragraph("x")
    hostile = {
        "a.xlsx": repacked(saved(book), xl__worksheets__sheet1_xml=entity),
        "b.xlsx": repacked(by_xlsxwriter(), xl__sharedStrings_xml=entity),
        "a.pptx": repacked(saved(deck), ppt__slides__slide1_xml=entity),
        "a.docx": repacked(saved(word), word__document_xml=entity),
        "a.odt": packed({"content.xml": entity}),
        "a.epub": packed({"META-INF/container.xml": entity}),
    }
    for name, data in hostile.items():
        with pytest.raises(LoadError, match="entities"):
            load_bytes(data, name)


PACKAGES = ["a.xlsx", "a.pptx", "a.docx", "a.odt", "a.epub"]


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_that_are_encrypted_or_cut_off(book, name):
    with pytest.raises(LoadError, match="encrypted"):
        load_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, name)
    with pytest.raises(LoadError, match="is no "):
        load_bytes(saved(book)[:2000], name)


def test_packages_that_unpack_to_an_absurd_size():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("content.xml", "w") as part:
        for _ in range(51):
            part.write(bytes(10_000_000))
    for name in PACKAGES:
        with pytest.raises(LoadError, match="unpacks"):
            load_bytes(buffer.getvalue(), name)


def test_a_cell_that_repeats_itself_beyond_all_measure_is_bounded():
    cell = f'<table:table-cell table:number-columns-repeated="16384"><text:p>{"x" * 5000}</text:p></table:table-cell>'
    body = f'<table:table><table:table-row table:number-rows-repeated="1000000">{cell}</table:table-row></table:table>'
    with pytest.raises(LoadError, match="characters of text"):
        load_bytes(odf("spreadsheet", body), "a.ods")


def test_bold_headers_and_merged_cells_do_no_harm():
    book = openpyxl.Workbook()
    book.active.append(["Region", "Sales", None])
    book.active.append([None, "2025", "2026"])
    book.active.append(["North", 10, 12])
    book.active.merge_cells("B1:C1")
    book.active["A1"].font = Font(bold=True)
    assert load_bytes(saved(book), "a.xlsx").text == "Sheet\n\nRegion | Sales\n| 2025 | 2026\nNorth | 10 | 12\n"
