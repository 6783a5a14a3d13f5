"""Flaws that were met in collections of broken files, each rebuilt here as small as it gets."""

import docx
import pytest

from ingest.errors import LoadError
from ingest.loaders import load_bytes
from tests.unit.test_loaders import pdf
from tests.unit.test_office_formats import saved


def test_pdf_with_the_short_name_of_a_filter():
    data = pdf("The valve opens at 40 bar.").replace(b"/ASCII85Decode", b"/A85          ")
    assert load_bytes(data, "a.pdf").text.strip() == "The valve opens at 40 bar."


@pytest.mark.parametrize(
    "broken", [lambda data: b"junk " * 400 + data, lambda data: data[8:], lambda data: data.replace(b"/Root", b"/Rxxt")]
)
def test_pdf_that_opens_only_when_put_together_anew(broken):
    loaded = load_bytes(broken(pdf("The valve opens at 40 bar.")), "a.pdf")
    assert loaded.text.strip() == "The valve opens at 40 bar."
    assert any("it is damaged" in warning for warning in loaded.warnings)


def test_pdf_of_which_nothing_is_left():
    with pytest.raises(LoadError, match=r"no PDF that can be read.*Bring it back"):
        load_bytes(pdf("The valve opens at 40 bar.")[:200], "a.pdf")


def test_docx_with_a_part_that_nobody_reads_and_that_is_damaged():
    document = docx.Document()
    document.add_paragraph("The valve opens at 40 bar.")
    data = bytearray(saved(document))
    name = b"docProps/thumbnail.jpeg"
    data[data.index(name) + len(name) + 200] ^= 0xFF
    with pytest.raises(LoadError, match=r"thumbnail.*Bring it back"):
        load_bytes(bytes(data), "a.docx")
