"""Text that a reader of an office file does not see is no evidence; text that is seen stays, whatever its colour."""

import io

import pptx
import pytest
from PIL import Image
from pptx.dml.color import RGBColor as SlideColour
from pptx.enum.dml import MSO_THEME_COLOR
from pptx.oxml.ns import qn
from pptx.util import Emu, Inches

from ingest.loaders import load_bytes
from ingest.loaders.colours import can_be_seen, read_colour
from tests.unit.test_office_formats import hidden_note, saved

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
