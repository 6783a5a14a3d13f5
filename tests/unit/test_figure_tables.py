"""Names of columns in chunks that begin inside of a table, where the file does not say which row names them."""

from ingest.loaders import load_bytes
from ingest.loaders.figure_tables import tables_of
from tests.unit.test_pdf import drawn


def columns_at(text, words):
    found = tables_of(text, [(0, len(text))])
    at = text.index(words)
    inside = [table for table in found if table.header_end <= at < table.end]
    return " ".join(text[inside[0].start : inside[0].header_end].split()) if inside else ""


STATEMENT = """Three Months Ended | Six Months Ended
| April 1, | March 26, | April 1, | March 26,
| 2023 | 2022 | 2023 | 2022
Net sales:
Products | $ 73,929 | $ 77,457 | $ 170,317 | $ 181,886
Services | 20,907 | — | 41,673 | 39,337

Operating income | 28,318 | 29,979 | 64,334 | (71,467)
"""


def test_lines_above_the_figures_name_their_columns():
    columns = columns_at(STATEMENT, "Operating income")
    assert (
        columns
        == "Three Months Ended | Six Months Ended | April 1, | March 26, | April 1, | March 26, | 2023 | 2022 | 2023 | 2022"
    )
    assert columns_at(STATEMENT, "Three Months") == "" == columns_at(STATEMENT, "| 2023 |")


def test_the_next_header_begins_another_table():
    text = STATEMENT + "\n| Units | Price\nMac | 7 | 19.5\n"
    assert columns_at(text, "Mac") == "| Units | Price"


def test_prose_ends_a_table_and_the_header_of_another_width_names_nothing():
    prose = "These figures have not been audited, and none of them may be taken for what the year will bring.\n"
    assert columns_at(STATEMENT + prose + "Page | 17\n", "Page") == ""
    assert columns_at("| Units | Price\n" + prose + "Mac | 7 | 19.5\n", "Mac") == ""
    assert columns_at("See | below\nMac | 7 | 19.5\n", "Mac") == ""


def test_rows_of_words_are_no_table_with_a_header():
    assert tables_of("Ana | Lead\nBea | Deputy\n", [(0, 23)]) == []


def test_a_page_whose_header_is_not_marked_as_one():
    rows = "".join(
        f"<tr><td>{name}<td>{one}<td>{two}" for name, one, two in (("Region", 2024, 2025), ("North", 7, 8), ("South", 9, 10))
    )
    document = load_bytes(f"<p>Sales<table>{rows}</table><p>South of that.".encode(), "a.html")
    assert document.columns_at(document.text.index("South")) == "Region | 2024 | 2025"
    assert document.columns_at(document.text.index("South of")) == ""


def test_columns_reach_the_document():
    def draw(canvas):
        for row, cells in enumerate((("Region", "2024", "2025"), ("North", "1,204", "1,310"), ("South", "980", "870"))):
            for column, cell in enumerate(cells):
                canvas.drawString(72 + 150 * column, 700 - 14 * row, cell)

    document = load_bytes(drawn(draw), "a.pdf")
    assert document.columns_at(document.text.index("South")) == "Region | 2024 | 2025"
