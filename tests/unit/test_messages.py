"""What the product itself says to a user."""

import pytest

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
