"""A layout says of any words the page and the rows that their document says, and needs no text for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.documents import Document, Page, Rows
from ingest.layout import layout_of
from rag.answers import location_from, location_json

LINES = st.lists(st.text(alphabet="abñ€😀 ", max_size=5), min_size=1, max_size=12)


@given(LINES, LINES, st.integers(0, 3), st.data())
def test_the_rows_of_any_words_are_those_of_their_document(first, second, gap, data):
    """Two tables with words between them, whose second one counts anew."""
    upper, lower = ("".join(f"{line}\n" for line in part) for part in (first, second))
    between = "\n" * gap + "words\n"
    begin = len(upper) + len(between)
    text = upper + between + lower
    rows = (Rows(7, 0, len(upper)), Rows(2, begin, len(text)))
    document = Document("a.csv", text, "", pages=(Page(1, 0, begin, "sheet A"), Page(2, begin, len(text))), rows=rows)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    found = layout_of(document).location(start, end)
    expected = [document.row_at(position) for position in range(start, end)]
    assert [row.first for row in found.rows] == [n for n, m in zip(expected, [None, *expected], strict=False) if n and n != m]
    assert found.label == ("sheet A" if start < begin else "")
    for row in found.rows:
        assert {document.row_at(position) for position in range(row.start, row.end)} == {row.first}


@pytest.mark.parametrize("place", [None, {"rows": [3, 3]}, {"label": "sheet A", "section": "Fees", "rows": [3, 9]}])
def test_a_place_is_read_as_it_was_written(place):
    assert location_json(location_from(place, 5, 9)) == place
