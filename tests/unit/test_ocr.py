"""Text recognition on pages made here: English and Spanish, tilted, turned, in columns; images and their limits."""

import io
from pathlib import Path

import pytest
import reportlab
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfReader, PdfWriter
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from ingest.errors import LoadError
from ingest.loaders import image, load_bytes, ocr

FONT = str(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")
needs_models = pytest.mark.skipif(not ocr.is_installed(), reason="text recognition is not installed (extra `ocr`)")

ENGLISH = ("The membership fee is 48.50 euros a year.", "Return the form before 3 March 2026.")
SPANISH = ("¿Cuándo cobró la señora Núñez su pensión?", "El año pasado: 1.250 € según la decisión.")


def picture(lines, size=(1000, 400)) -> Image.Image:
    page = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(page), ImageFont.truetype(FONT, 32)
    for row, line in enumerate(lines):
        pen.text((60, 60 + 44 * row), line, fill=(20, 20, 20), font=font)
    return page


def saved(page: Image.Image, kind="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    page.save(buffer, kind, **options)
    return buffer.getvalue()


@needs_models
@pytest.mark.parametrize("lines", [ENGLISH, SPANISH], ids=["english", "spanish"])
def test_an_image_of_text_is_its_text(lines):
    document = load_bytes(saved(picture(lines)), "a.png")
    assert document.text.split("\n")[:2] == list(lines)
    assert document.metadata["ocr"] == "true"
    assert document.pages == ()


@needs_models
@pytest.mark.parametrize("turn", [1.5, 180, 271.5])
def test_a_page_that_lies_askew_or_on_its_side_is_read_upright(turn):
    page = picture(ENGLISH).rotate(turn, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)
    lines = load_bytes(saved(page, "JPEG"), "a.jpg").text.split("\n")[:2]
    assert [line.replace(" ", "") for line in lines] == [line.replace(" ", "") for line in ENGLISH]  # a tilt may cost a blank


@needs_models
def test_each_page_of_a_tiff_is_a_page():
    data = saved(picture(ENGLISH[:1]), "TIFF", save_all=True, append_images=[picture(SPANISH[:1]).convert("1")])
    document = load_bytes(data, "a.tif")
    assert [page.number for page in document.pages] == [1, 2]
    assert document.page_at(document.text.index("Núñez")) == 2
    assert document.page_at(document.text.index("48.50")) == 1


@needs_models
def test_columns_are_read_one_after_the_other():
    left = [f"the left column says so in its line {row}" for row in range(8)]
    right = [f"and the right one goes on in line {row}" for row in range(8)]
    page = picture(left, (1500, 620))
    page.paste(picture(right, (750, 620)), (760, 14))
    text = load_bytes(saved(page), "a.png").text
    assert text.index("its line 7") < text.index("goes on in line 0")


@needs_models
def test_a_scan_between_pages_of_text_is_read_with_its_page():
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1, pagesize=(500, 200))
    canvas.drawString(60, 100, "Cover letter")
    canvas.showPage()
    canvas.drawImage(ImageReader(picture(ENGLISH)), 0, 0, 500, 200)
    canvas.save()
    document = load_bytes(buffer.getvalue(), "a.pdf")
    assert document.page_at(document.text.index(ENGLISH[0])) == 2
    assert document.metadata["ocr_pages"] == "2"


@needs_models
def test_a_page_whose_fonts_do_not_tell_their_letters_is_read_from_its_drawing(monkeypatch):
    pdfmetrics.registerFont(TTFont("Mute", FONT, asciiReadable=0))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1, pagesize=(500, 200))
    canvas.setFont("Mute", 14)
    canvas.drawString(60, 100, ENGLISH[0])
    canvas.save()
    writer = PdfWriter(clone_from=PdfReader(buffer))
    for font in writer.pages[0]["/Resources"]["/Font"].values():
        font.get_object().pop("/ToUnicode", None)
    mute = io.BytesIO()
    writer.write(mute)
    assert load_bytes(mute.getvalue(), "a.pdf").text.strip() == ENGLISH[0]
    monkeypatch.setattr(ocr, "_models", lambda: None)
    assert "fonts that do not tell" in load_bytes(mute.getvalue(), "a.pdf").metadata["unread_pages"]


@needs_models
def test_transparent_rotated_and_deep_images_are_read_as_a_reader_sees_them():
    clear = picture(ENGLISH).convert("RGBA")
    clear.putdata([(red, green, blue, 255 if red < 128 else 0) for red, green, blue, _ in clear.getdata()])
    assert ENGLISH[0] in load_bytes(saved(clear), "a.png").text
    exif = Image.Exif()
    exif[274], exif[306] = 6, "2026:03:04 10:20:30"  # turned when shown; taken then
    turned = load_bytes(saved(picture(ENGLISH).rotate(90, expand=True), "JPEG", exif=exif), "a.jpg")
    assert ENGLISH[0] in turned.text
    assert turned.metadata["created"] == "2026-03-04T10:20:30"
    deep = picture(ENGLISH).convert("L").point(lambda value: value * 257, "I").convert("I;16")
    assert ENGLISH[0] in load_bytes(saved(deep), "a.png").text


@needs_models
def test_an_image_without_text_and_one_that_is_no_image():
    with pytest.raises(LoadError, match="no text"):
        load_bytes(saved(Image.new("RGB", (300, 300), "white")), "a.png")
    with pytest.raises(LoadError, match="no image that can be read"):
        load_bytes(b"hello", "a.png")
    whole = saved(picture(ENGLISH))
    with pytest.raises(LoadError):
        load_bytes(whole[: len(whole) // 2], "a.png")


@needs_models
def test_an_absurdly_large_image_is_refused_before_it_is_unpacked():
    data = bytearray(saved(Image.new("1", (64, 64))))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(LoadError, match=r"60,000 x 60,000 pixels.*Scale it down|no image"):
        load_bytes(bytes(data), "a.png")


@needs_models
def test_an_image_above_what_is_needed_is_scaled_down(monkeypatch):
    monkeypatch.setattr(image, "_READ_PIXELS", 500_000)
    assert ENGLISH[0] in load_bytes(saved(picture(ENGLISH).resize((2000, 800))), "a.png").text


def test_without_the_models_an_image_says_what_to_install(monkeypatch):
    monkeypatch.setattr(ocr, "_models", lambda: None)
    with pytest.raises(LoadError, match=r"is an image: install text recognition \(pip install"):
        load_bytes(saved(picture(ENGLISH)), "a.png")
