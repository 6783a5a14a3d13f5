"""Text that a reader of an office file does not see is no evidence; text that is seen stays, whatever its colour."""

import io

import docx
import openpyxl
import pptx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.shared import Pt, RGBColor
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Color, Font, PatternFill
from openpyxl.worksheet.table import Table, TableStyleInfo
from PIL import Image
from pptx.dml.color import RGBColor as SlideColour
from pptx.enum.dml import MSO_THEME_COLOR
from pptx.oxml.ns import qn
from pptx.util import Emu, Inches

from ingest.loaders import load_bytes
from ingest.loaders.colours import can_be_seen, read_colour
from tests.unit.test_office_formats import hidden_note, odf, saved

WHITE = SlideColour(255, 255, 255)


@pytest.mark.parametrize(
    ("letters", "behind", "is_seen"),
    [
        ("FFFFFF", "#ffffff", False),
        ("FFFEFEFE", "FFFFFF", False),
        ("010101", "000000", False),
        ("FFFFFF", "1F3864", True),
        ("D9D9D9", "FFFFFF", True),
        ("FFFF00", "FFFFFF", True),
        ("auto", "FFFFFF", True),
        ("FFFFFF", "transparent", True),
    ],
)
def test_letters_are_seen_where_their_colour_differs_visibly_or_is_not_known(letters, behind, is_seen):
    assert can_be_seen(read_colour(letters), read_colour(behind)) is is_seen


def slide_of(deck):
    return deck.slides.add_slide(deck.slide_layouts[6])


def box(slide, text, colour=None, left=1.0, top=1.0, wide=2.0, high=1.0):
    shape = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(wide), Inches(high))
    run = shape.text_frame.paragraphs[0].add_run()
    run.text = text
    if isinstance(colour, SlideColour):
        run.font.color.rgb = colour
    elif colour is not None:
        run.font.color.theme_color = colour
    return shape


def read(deck):
    return load_bytes(saved(deck), "a.pptx")


def test_white_letters_on_a_slide_that_says_no_background_are_left_out():
    deck = pptx.Presentation()
    slide = slide_of(deck)
    box(slide, "Shown.")
    box(slide, "SECRET1", WHITE)
    box(slide, "SECRET2", SlideColour(0xFE, 0xFE, 0xFE))
    box(slide, "SECRET3", MSO_THEME_COLOR.BACKGROUND_1)
    clear = box(slide, "SECRET4", SlideColour(0, 0, 0))
    colour = clear._element.find(f".//{qn('a:srgbClr')}")
    colour.append(colour.makeelement(qn("a:alpha"), {"val": "0"}))
    table = slide.shapes.add_table(1, 1, 0, 0, Inches(4), Inches(1)).table
    table.cell(0, 0).fill.solid()
    table.cell(0, 0).fill.fore_color.rgb = WHITE
    run = table.cell(0, 0).text_frame.paragraphs[0].add_run()
    run.text, run.font.color.rgb = "SECRET5", WHITE
    document = read(deck)
    assert document.text == "Shown.\n"
    assert document.warnings == hidden_note(5 * 7)


def test_white_letters_on_what_is_dark_behind_them_stay():
    deck = pptx.Presentation()
    slide = slide_of(deck)
    rectangle = slide.shapes.add_shape(1, Inches(0), Inches(0), Inches(5), Inches(5))  # filled by its style
    rectangle.text_frame.text = "In a shape of the theme."
    box(slide, "On a rectangle.", WHITE)
    box(slide, "On the edge.", WHITE, left=4.5)
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), (0, 0, 60)).save(picture, "PNG")
    slide.shapes.add_picture(picture, Inches(6), Inches(0), Inches(3), Inches(3))
    box(slide, "On a picture.", WHITE, left=6.5)
    styled = slide.shapes.add_table(1, 1, 0, Inches(6), Inches(4), Inches(1)).table
    run = styled.cell(0, 0).text_frame.paragraphs[0].add_run()
    run.text, run.font.color.rgb = "In a header row.", WHITE
    dark = slide_of(deck)
    dark.background.fill.solid()
    dark.background.fill.fore_color.rgb = SlideColour(0, 0, 60)
    box(dark, "On a dark slide.", WHITE)
    shaded = slide_of(deck)
    shaded.background.fill.gradient()
    box(shaded, "On a gradient.", WHITE)
    document = read(deck)
    assert document.text.split("\n\n") == [
        "In a shape of the theme.", "On a rectangle.", "On the edge.", "On a picture.", "In a header row.",
        "On a dark slide.", "On a gradient.\n",
    ]  # fmt: skip
    assert document.warnings == ()


def test_the_background_and_the_shapes_of_layout_and_master_count():
    deck = pptx.Presentation()
    box(slide_of(deck), "On a dark master.", WHITE)
    box(slide_of(deck), "SECRET", SlideColour(0, 0, 60))
    master = deck.slide_master
    master.background.fill.solid()
    master.background.fill.fore_color.rgb = SlideColour(0, 0, 60)
    assert read(deck).text == "On a dark master.\n"
    assert read(deck).warnings == hidden_note(6)
    master.background.fill.fore_color.rgb = WHITE
    assert read(deck).text == "SECRET\n"
    other = pptx.Presentation()
    box(slide_of(other), "On a bar of the master.", WHITE)
    bar = slide_of(pptx.Presentation()).shapes.add_shape(1, 0, 0, Inches(10), Inches(3))
    bar.fill.solid()
    bar.fill.fore_color.rgb = SlideColour(0, 60, 0)
    other.slide_master.shapes._spTree.append(bar._element)
    assert read(other).text == "On a bar of the master.\n"


def test_white_letters_on_a_white_shape_over_a_dark_one_are_left_out():
    deck = pptx.Presentation()
    slide = slide_of(deck)
    for colour in (SlideColour(0, 0, 60), WHITE):
        below = slide.shapes.add_shape(1, 0, 0, Inches(8), Inches(6))
        below.fill.solid()
        below.fill.fore_color.rgb = colour
    box(slide, "SECRET", WHITE)
    box(slide, "Shown.")
    assert read(deck).text == "Shown.\n"


@pytest.mark.parametrize(("left", "top"), [(-3, 1), (1, -2), (11, 1), (1, 8), (-1.9999, 1)])
def test_a_shape_beside_the_slide_is_left_out(left, top):
    deck = pptx.Presentation()
    slide = slide_of(deck)
    box(slide, "Shown.")
    box(slide, "SECRET", left=left, top=top)
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "GROUPED"
    group.left, group.top = Emu(-Inches(4)), Emu(-Inches(4))
    document = read(deck)
    assert document.text == "Shown.\n"
    assert document.warnings == hidden_note(len("SECRET") + len("GROUPED"))


def test_shapes_that_reach_over_the_edge_or_have_no_extent_stay():
    deck = pptx.Presentation()
    slide = slide_of(deck)
    box(slide, "Half of it.", left=-1)
    box(slide, "No extent.", wide=0, high=0)
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(Inches(-30), 0, Inches(1), Inches(1)).text_frame.text = "Moved by its group."
    group.left = Inches(1)
    assert read(deck).text.split("\n\n") == ["Half of it.", "No extent.", "Moved by its group.\n"]
    assert read(deck).warnings == ()


def sheet_of(*cells):
    """A workbook with one cell a row: text, colour of letters, colour of the cell, number format."""
    book = openpyxl.Workbook()
    for number, (value, letters, fill, code) in enumerate(cells, start=1):
        cell = book.active.cell(number, 1, value)
        if letters is not None:
            cell.font = Font(color=letters)
        if fill is not None:
            cell.fill = PatternFill("solid", fgColor=fill)
        if code:
            cell.number_format = code
    return book


def test_cells_in_the_colour_of_what_is_behind_or_with_a_format_that_shows_nothing_are_left_out():
    book = sheet_of(
        ("Shown", None, None, ""),
        ("SECRET1", "FFFFFFFF", None, ""),
        ("SECRET2", Color(theme=0), None, ""),
        ("SECRET3", Color(theme=1, tint=1.0), None, ""),
        ("SECRET4", "FFFEFEFE", "FFFFFFFF", ""),
        ("SECRET5", "FF1F3864", "FF1F3864", ""),
        ("SECRET6", None, "FF000000", ""),
        ("SECRET7", None, None, ";;;"),
        (1234567, None, None, ';;;"x"'),
    )
    document = load_bytes(saved(book), "a.xlsx")
    assert document.text == "Sheet\n\nShown\n"
    assert document.warnings == hidden_note(7 * 7 + 7)


def test_white_letters_on_a_filled_cell_stay():
    book = sheet_of(
        ("On blue", "FFFFFFFF", "FF1F3864", ""),
        ("On an accent", Color(theme=0), Color(theme=4), ""),
        ("Grey", "FFD9D9D9", None, ""),
        ("Text under a format of numbers", None, None, "0;;"),
        (0, None, None, "0.00"),
        (-3, None, None, "0;(0);0"),
    )
    document = load_bytes(saved(book), "a.xlsx")
    assert document.text == "Sheet\n\nOn blue\nOn an accent\nGrey\nText under a format of numbers\n0.00\n-3\n"
    assert document.warnings == ()


def test_white_letters_that_a_table_or_a_rule_may_colour_stay():
    book = sheet_of(("Part", "FFFFFFFF", None, ""), ("Dock", None, None, ""), ("Ruled", "FFFFFFFF", None, ""))
    book.active["A5"], book.active["A5"].font = "SECRET", Font(color="FFFFFFFF")
    table = Table(displayName="T", ref="A1:A2", tableStyleInfo=TableStyleInfo(name="TableStyleMedium2", showRowStripes=True))
    book.active.add_table(table)
    rule = CellIsRule(operator="equal", formula=["1"], fill=PatternFill("solid", bgColor="FF000000"))
    book.active.conditional_formatting.add("A3:A4", rule)
    assert load_bytes(saved(book), "a.xlsx").text == "Sheet\n\nPart\nDock\nRuled\n"


RTF_COLOURS = r"{\colortbl;\red255\green255\blue255;\red31\green56\blue100;\red254\green254\blue254;}"


def rtf(body):
    return load_bytes((r"{\rtf1\ansi" + RTF_COLOURS + body + "}").encode(), "a.rtf")


def test_rtf_leaves_out_white_letters_with_nothing_dark_behind():
    document = rtf(
        r"\pard Shown. {\cf1 SECRET1}{\cf3 SECRET2}{\cf2\highlight2 SECRET3}\cf1 SECRET4\plain  Shown too.\par"
        r"\trowd\cellx900\clcbpat1\cellx1900\pard\intbl {\cf1 SECRET5}Part\cell {\cf1 SECRET6}Price\cell\row"
    )
    assert document.text == "Shown. Shown too.\n\nPart | Price\n"
    assert document.warnings == hidden_note(6 * 7)


def test_rtf_keeps_white_letters_on_what_is_dark():
    document = rtf(
        r"\pard {\cf1\highlight2 Marked. }{\cf1\chcbpat2 Backed. }{\cf0 Automatic. }{\cf9 Unknown.}\par"
        r"\pard\cbpat2 {\cf1 A dark paragraph.}\par"
        r"\pard {\cf1\chshdng5000 A pattern.}\par"
        r"\trowd\clcbpat2\cellx900\cellx1900\pard\intbl\cf1 Part\cell\cf0 Price\cell\row"
        r"\pard\intbl\cf1 Dock\cell\row"
    )
    assert document.text == ("Marked. Backed. Automatic. Unknown.\n\nA dark paragraph.\n\nA pattern.\n\nPart | Price\nDock\n")
    assert document.warnings == ()


def odf_style(name, family="text", parent="", inside="", **text):
    """A style with properties of its text, such as `color`; `inside`: other properties."""
    said = " ".join(f'fo:{key.replace("_", "-")}="{value}"' for key, value in text.items())
    above = f' style:parent-style-name="{parent}"' if parent else ""
    return (
        f'<style:style style:name="{name}" style:family="{family}"{above}><style:text-properties {said}/>{inside}</style:style>'
    )


ODF_STYLES = (
    odf_style("W", color="#ffffff")
    + odf_style("C", parent="W")
    + odf_style("M", parent="W", background_color="#000000")
    + odf_style("P", "paragraph", color="#fefefe")
    + odf_style("D", "paragraph", inside='<style:paragraph-properties fo:background-color="#202060"/>', color="#ffffff")
    + odf_style("K", "table-cell", inside='<style:table-cell-properties fo:background-color="#202060"/>')
    + odf_style("B", color="#000000")
)


@pytest.mark.parametrize("kind", ["text", "presentation"])
def test_opendocument_leaves_out_white_letters_and_frames_beside_the_page(kind):
    body = (
        '<text:p>Shown.<text:span text:style-name="W">SECRET1</text:span>'
        '<text:span text:style-name="C">SECRET2</text:span></text:p>'
        '<text:p text:style-name="P">SECRET3<text:span text:style-name="B"> Black.</text:span></text:p>'
        '<draw:frame svg:x="-20cm" svg:width="5cm" xmlns:svg="urn:s"><draw:text-box><text:p>SECRET4</text:p></draw:text-box>'
        "</draw:frame>"
        '<draw:frame svg:x="-1cm" svg:width="5cm" xmlns:svg="urn:s"><draw:text-box>'
        "<text:p>Over the edge.</text:p></draw:text-box>"
        "</draw:frame>"
    )
    document = load_bytes(odf(kind, f"<draw:page>{body}</draw:page>" if kind == "presentation" else body, ODF_STYLES), "a.odt")
    assert document.text == "Shown.\n\nBlack.\n\nOver the edge.\n"
    assert document.warnings == hidden_note(4 * 7)


def test_opendocument_keeps_white_letters_on_what_is_dark():
    body = (
        '<text:p>Shown. <text:span text:style-name="M">Marked.</text:span></text:p>'
        '<text:p text:style-name="D">A dark paragraph.</text:p>'
        '<table:table><table:table-row><table:table-cell table:style-name="K"><text:p text:style-name="P">A dark cell.</text:p>'
        "</table:table-cell></table:table-row></table:table>"
    )
    document = load_bytes(odf("text", body, ODF_STYLES), "a.odt")
    assert document.text == "Shown. Marked.\n\nA dark paragraph.\n\nA dark cell.\n"
    assert document.warnings == ()


def shaded(properties, fill):
    properties.append(properties.makeelement(qn("w:shd"), {qn("w:val"): "clear", qn("w:fill"): fill}))


def word_style(file, name, kind, colour=None, base=None):
    style = file.styles.add_style(name, kind)
    style.base_style = base
    if colour:
        style.font.color.rgb = RGBColor.from_string(colour)
    return style


def test_docx_leaves_out_letters_in_the_colour_of_what_is_behind_by_styles_too():
    file = docx.Document()
    white = word_style(file, "White", WD_STYLE_TYPE.CHARACTER, "FFFFFF")
    word_style(file, "Child", WD_STYLE_TYPE.CHARACTER, base=white)
    word_style(file, "Pale", WD_STYLE_TYPE.PARAGRAPH, "FEFEFE")
    gone = word_style(file, "Gone", WD_STYLE_TYPE.PARAGRAPH)
    gone.font.hidden = True
    tiny = word_style(file, "Tiny", WD_STYLE_TYPE.CHARACTER)
    tiny.font.size = Pt(1)
    paragraph = file.add_paragraph("Shown.")
    for number, name in enumerate(("White", "Child", "Tiny"), start=1):
        paragraph.add_run(f"SECRET{number}", style=name)
    paragraph.add_run("SECRET4").font.color.rgb = RGBColor(0xFE, 0xFE, 0xFE)
    file.add_paragraph("SECRET5", style="Pale")
    file.add_paragraph("SECRET6", style="Gone").runs[0].bold = True
    cell = file.add_table(1, 1).cell(0, 0)
    cell.paragraphs[0].add_run("SECRET7", style="White")
    document = load_bytes(saved(file), "a.docx")
    assert document.text == "Shown.\n"
    assert document.warnings == hidden_note(7 * 7)


def test_docx_keeps_white_letters_on_what_is_dark_and_letters_of_an_automatic_colour():
    file = docx.Document()
    word_style(file, "White", WD_STYLE_TYPE.CHARACTER, "FFFFFF")
    banner = word_style(file, "Banner", WD_STYLE_TYPE.PARAGRAPH, "FFFFFF")
    shaded(banner.element.get_or_add_pPr(), "1F3864")
    file.add_paragraph("A banner.", style="Banner")
    shaded(file.add_paragraph().add_run("A run.", style="White")._r.get_or_add_rPr(), "1F3864")
    black = file.add_paragraph().add_run("Black again.", style="White")
    black.font.color.rgb = RGBColor(0, 0, 0)
    plain = file.add_table(1, 1).cell(0, 0)
    shaded(plain._tc.get_or_add_tcPr(), "1F3864")
    plain.paragraphs[0].add_run("A dark cell.", style="White")
    styled = file.add_table(1, 1, style="Medium Shading 1 Accent 1").cell(0, 0)
    styled.paragraphs[0].add_run("A styled table.", style="White")
    document = load_bytes(saved(file), "a.docx")
    assert document.text.split("\n\n") == ["A banner.", "A run.", "Black again.", "A dark cell.", "A styled table.\n"]
    assert document.warnings == ()
