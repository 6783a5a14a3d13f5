"""What the product itself says to a user."""

import pytest

from ingest.documents import Location, Rows
from rag.messages import place


@pytest.mark.parametrize(
    ("document", "page", "language", "said"),
    [
        ("report.pdf", 3, "en", "report.pdf, p. 3"),
        ("talks.zip!/Kick-off.PPTX", 3, "en", "talks.zip!/Kick-off.PPTX, slide 3"),
        ("precios.ods", 2, "es", "precios.ods, hoja 2"),
        ("charla.odp", 2, "es", "charla.odp, diapositiva 2"),
        ("notes.md", None, "en", "notes.md"),
    ],
)
def test_a_place_is_named_as_readers_of_such_files_name_it(document, page, language, said):
    assert place(document, page, language) == said


def rows(*numbers):
    return tuple(Rows(number, 0, 1) for number in numbers)


@pytest.mark.parametrize(
    ("document", "page", "language", "location", "said"),
    [
        ("prices.xlsx", 2, "en", Location("sheet Sheet2", "", rows(12)), "prices.xlsx, sheet Sheet2, row 12"),
        ("precios.xlsx", 2, "es", Location("sheet Hoja2", "", rows(12, 13, 14)), "precios.xlsx, hoja Hoja2, filas 12–14"),
        ("people.csv", None, "en", Location(rows=rows(3)), "people.csv, row 3"),
        ("talk.pptx", 3, "es", Location("slide 4", "Roadmap"), "talk.pptx, diapositiva 4, Roadmap"),
        ("stock.sqlite", 1, "en", Location("table prices", "", rows(2)), "stock.sqlite, table prices, row 2"),
        ("report.pdf", 4, "en", Location("page iv"), "report.pdf, p. 4 (iv)"),
        ("travel.md", None, "en", Location("", "Travel > Hotels"), "travel.md, Travel > Hotels"),
    ],
)
def test_a_place_names_what_a_reader_looks_for(document, page, language, location, said):
    assert place(document, page, language, location) == said
