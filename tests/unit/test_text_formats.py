"""Formats that are text: tables, records, notebooks, code. What stands in the file is found at its offsets."""

import csv
import io
import json

import pytest

from ingest.chunker import ChunkerSettings, chunk_document, word_starts
from ingest.containers import suffix_of
from ingest.errors import LoadError
from ingest.loaders import SUFFIXES, load_bytes

SMALL = ChunkerSettings(max_tokens=24, max_words=24, min_tokens=4, max_context_tokens=8)


def headings(document):
    return [(h.level, document.text[h.start : h.end]) for h in document.headings]


def place_of(document, words):
    return document.place_at(document.text.index(words))


PRICES = [["Article", "City", "Price"], ["Dock", "Madrid", "74.90"], ["Battery, large", "Bonn", ""], ["Cable", "Lyon", "9.00"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_row_of_a_csv_tells_its_columns_and_its_number(delimiter):
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(PRICES)
    document = load_bytes(buffer.getvalue().encode(), "prices.csv")
    assert document.text == (
        "Article | City | Price\n"
        "Article: Dock | City: Madrid | Price: 74.90\n"
        "Article: Battery, large | City: Bonn\n"
        "Article: Cable | City: Lyon | Price: 9.00\n"
    )
    assert place_of(document, "Dock") == "row 2"
    assert place_of(document, "9.00") == "row 4"
    assert document.row_at(0) == 1
    assert document.row_at(len(document.text)) is None


def test_rows_are_never_cut_and_keep_their_numbers_across_empty_ones():
    rows = "id,note\n" + "".join(f"{n},Good. Really good.\n" for n in range(1, 9)) + "\n\n99,Last one.\n"
    document = load_bytes(rows.encode(), "notes.csv")
    lines = document.text.rstrip("\n").split("\n")
    chunks = chunk_document(document, word_starts, SMALL)
    assert len(chunks) > 2
    assert [line for chunk in chunks for line in chunk.text.split("\n")] == lines
    assert place_of(document, "note: Last one.") == "row 12"


def test_a_table_without_a_header_keeps_its_cells():
    document = load_bytes(b"Dock,Madrid,74.90\nCable,Lyon,9.00\n", "a.csv")
    assert document.text == "Dock | Madrid | 74.90\nCable | Lyon | 9.00\n"


def test_lines_above_a_header_stand_by_themselves():
    document = load_bytes(b"Prices 2026,,\n,,\nArticle,City,Price\nDock,Madrid,74.90\n", "a.csv")
    assert document.text == "Prices 2026\nArticle | City | Price\nArticle: Dock | City: Madrid | Price: 74.90\n"
    assert place_of(document, "Dock") == "row 4"


def test_cells_of_several_lines_quotes_and_the_line_that_names_the_delimiter():
    document = load_bytes(b'sep=;\nName;Note\nAnn;"first\r\nsecond ""x"""\n', "a.csv")
    assert document.text == 'Name | Note\nName: Ann | Note: first second "x"\n'
    assert place_of(document, "Ann") == "row 3"


def test_a_quotation_mark_that_is_never_closed_swallows_nothing():
    document = load_bytes(b'size,name,price\n5,"five inch,3\n6,six,4\n', "a.csv")
    assert "size: 6 | name: six | price: 4" in document.text
    assert any("quotation" in warning for warning in document.warnings)


@pytest.mark.parametrize("name", ["README", "docs/LICENSE", "Makefile", "app.tsx", "server.log", "paper.tex", "a.srt"])
def test_files_of_text_are_read_by_their_suffix_or_name(name):
    assert suffix_of(name) in SUFFIXES
    assert load_bytes(b"The valve opens at 40 bar.\n", name).text == "The valve opens at 40 bar.\n"


def test_tsv_and_legacy_encodings():
    document = load_bytes("Año\tPrecio\nuno\t5 €\ndos\t6 €\n".encode("cp1252"), "a.tsv")
    assert document.text == "Año | Precio\nAño: uno | Precio: 5 €\nAño: dos | Precio: 6 €\n"


def test_json_gives_each_value_its_path_and_keeps_its_figures():
    source = {
        "title": "Fleet",
        "updated": "2026-05-01",
        "site": {"city": "Bonn", "tags": ["a", "b"]},
        "items": [{"name": "Dock", "price": 1.10, "parts": [{"id": 1}, {"id": 2}]}, {"name": "Cable", "sold": False}],
    }
    text = json.dumps(source).replace("1.1,", "1.10,")
    document = load_bytes(text.encode(), "fleet.json")
    assert document.title == "Fleet"
    assert document.text.split("\n\n") == [
        "title: Fleet\nupdated: 2026-05-01",
        "site.city: Bonn\nsite.tags: a, b",
        "items.name: Dock\nitems.price: 1.10\nitems.parts[0].id: 1\nitems.parts[1].id: 2",
        "items.name: Cable\nitems.sold: false\n",
    ]


def test_json_lines_are_blocks_and_a_broken_line_is_named():
    document = load_bytes(b'{"q": "Who?", "a": "Ann"}\n{broken\n\n{"q": "When?", "a": "May"}\n', "faq.jsonl")
    assert document.text == "q: Who?\na: Ann\n\nq: When?\na: May\n"
    assert "line 2" in document.warnings[0]
    assert load_bytes(b'{"a": 1}\n{"a": 2}\n', "lines.json").text == "a: 1\n\na: 2\n"
    with pytest.raises(LoadError, match="line 1"):
        load_bytes(b"{broken\n", "faq.jsonl")
    with pytest.raises(LoadError, match="no JSON"):
        load_bytes(b"{broken", "faq.json")


@pytest.mark.parametrize("text", ['"a"', "5", "[]", "{}", "null", '[[["deep"]]]', '"\\ud800"', "[" * 100_000])
def test_json_of_any_shape(text):
    try:
        document = load_bytes(text.encode(), "a.json")
    except LoadError:
        return
    assert document.text.encode("utf-8").strip()


CATALOGUE = """<?xml version="1.0"?><c:catalog xmlns:c="urn:x" updated="2026-05-01">
<name>Parts</name>
<!-- SECRET -->
<product id="P1"><name>Dock</name><price currency="EUR">74.90</price><sizes><size>S</size><size>M</size></sizes></product>
<product id="P2"><name>Cable</name><price currency="EUR">9.00</price></product>
</c:catalog>"""


def test_records_in_xml_stand_under_the_path_of_their_tags():
    document = load_bytes(CATALOGUE.encode(), "parts.xml")
    assert headings(document) == [(1, "catalog/product")]
    assert document.text == (
        "catalog@updated: 2026-05-01\nname: Parts\n\ncatalog/product\n\n"
        "@id: P1\nname: Dock\nprice@currency: EUR\nprice: 74.90\nsizes/size[1]: S\nsizes/size[2]: M\n\n"
        "@id: P2\nname: Cable\nprice@currency: EUR\nprice: 9.00\n"
    )
    chunks = chunk_document(document, word_starts, SMALL)
    assert all("catalog/product" in chunk.context for chunk in chunks if "name: Cable" in chunk.text)


def test_prose_in_xml_is_paragraphs_under_titles():
    chapter = "<title>Start</title><para>Press <b>on</b>\n twice.</para><para>Wait.</para>"
    source = f"<book><title>Guide</title><chapter>{chapter}</chapter></book>"
    document = load_bytes(source.encode("utf-16"), "guide.xml")
    assert document.text == "Guide\n\nStart\n\nPress on twice.\n\nWait.\n"
    assert headings(document) == [(1, "Guide"), (2, "Start")]
    assert document.title == "Guide"


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("text", [f"{BOMB}]><x>&j;</x>", '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'])
def test_xml_that_defines_entities_is_refused(text, encoding):
    with pytest.raises(LoadError, match="entities"):
        load_bytes(text.encode(encoding), "a.xml")


def test_notebooks_give_markdown_code_and_printed_output():
    cells = [
        {"cell_type": "markdown", "source": ["# Valves\n", "\n", "The valve opens at 40 bar."]},
        {
            "cell_type": "code",
            "source": "# not a heading\nprint(40)",
            "outputs": [
                {"output_type": "stream", "text": ["\x1b[31m40\x1b[0m\n"]},
                {"output_type": "execute_result", "data": {"text/plain": "'bar'", "image/png": "SECRET"}},
            ],
        },
    ]
    document = load_bytes(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}).encode(), "a.ipynb")
    assert document.text == "# Valves\n\nThe valve opens at 40 bar.\n\n# not a heading\nprint(40)\n\n40\n\n'bar'\n"
    assert headings(document) == [(1, "# Valves")]
    assert document.title == "Valves"
    with pytest.raises(LoadError, match="no cells"):
        load_bytes(b'{"a": 1}', "a.ipynb")


PYTHON = '''"""Doc."""\r\nimport os\r\n\r\n\r\ndef first(a: int) -> int:\r\n    return a\r\n\r\n
@wrapped
async def second():
    # One sentence. Another sentence. A third one that goes on for a while. And a fourth.
    def inner(): ...\r\n\r\nclass Third(Base):\r\n    pass\r\n'''


def test_python_has_its_definitions_as_headings_and_lines_stay_whole():
    document = load_bytes(PYTHON.encode(), "a.py")
    assert document.text == PYTHON
    assert headings(document) == [(1, "def first"), (1, "async def second"), (1, "class Third")]
    chunks = chunk_document(document, word_starts, SMALL)
    lines = {line.strip() for line in PYTHON.splitlines()}
    assert {line.strip() for chunk in chunks for line in chunk.text.splitlines()} <= lines
    assert headings(load_bytes(b"def broken(:\n", "b.py")) == []


TOML = "[tool.x]\na = 1\n\n[[list]]\nb = [1]\n"


@pytest.mark.parametrize(
    ("name", "text", "sections"),
    [("a.toml", TOML, ["[tool.x]", "[[list]]"]), ("a.ini", "[one]\r\nx=[2]\r\n", ["[one]"])],
)
def test_sections_of_settings_are_headings(name, text, sections):
    document = load_bytes(text.encode(), name)
    assert document.text == text
    assert [title for _, title in headings(document)] == sections


@pytest.mark.parametrize("name", ["a.go", "a.R", "a.yaml", "a.sql", "a.M"])
def test_other_code_is_text(name):
    document = load_bytes(b"# SELECT 1; -- one. two.\n", name)
    assert document.text == "# SELECT 1; -- one. two.\n"
    assert document.language == "en"
    assert document.headings == ()


RST = """=======
 Guide
=======
:Author: Ann Lee
:Date: 2026-05-01

Intro text.

First part
----------

A literal block::

    Not a title
    -----------

=====  =====
A      B
=====  =====
1      2
=====  =====

Deeper
~~~~~~
More.

Short
---
Second part
-----------
.. include:: /etc/passwd
"""


def test_restructured_text_titles_by_their_marks():
    document = load_bytes(RST.encode(), "guide.rst")
    assert document.text == RST
    assert headings(document) == [(1, "Guide"), (2, "First part"), (3, "Deeper"), (2, "Second part")]
    assert document.title == "Guide"
    assert (document.metadata["author"], document.metadata["created"]) == ("Ann Lee", "2026-05-01")
    assert ".. include:: /etc/passwd" in document.text, "a directive is text and reads no file"


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.docx", "a.json", "a.py"])
def test_fifty_megabytes_of_zeros(name):
    with pytest.raises(LoadError, match="zero"):
        load_bytes(bytes(50_000_000), name)


def test_a_long_cell_of_a_csv_is_read_whole():
    notes = "The valve was opened. " * 20_000
    document = load_bytes(f'Part,Notes\nKX-1,"{notes}"\nKX-2,"Closed, and dry"\n'.encode(), "parts.csv")
    assert document.warnings == ()
    assert "Closed, and dry" in document.text and document.text.count("The valve was opened.") == 20_000


def test_ten_megabytes_of_csv():
    """The figures are of size, not of time: every row arrives, and every one keeps its number."""
    rows = "".join(f"{n},item {n},{n / 100:.2f},a remark of some length for row {n}\n" for n in range(150_000))
    document = load_bytes(f"id,name,price,remark\n{rows}".encode(), "big.csv")
    assert document.text.count("\n") == 150_001
    assert place_of(document, "id: 149999 |") == "row 150001"
    assert len(document.rows) == 1


RUSSIAN = "Гостиница стоит не более 120 евро за ночь.\nСотрудники получают двадцать пять дней отпуска.\n"
JAPANESE = "出張規程：ホテルは一泊12000円までとする。\n社員は年に25日の休暇を取得できる。\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((RUSSIAN, encoding) for encoding in ("cp1251", "koi8-r", "iso8859-5", "cp866", "utf-16-le", "utf-16-be")),
        *((JAPANESE, encoding) for encoding in ("shift_jis", "euc_jp", "iso2022_jp", "utf-16-le", "utf-16-be", "utf-16")),
        ("Zażółć gęślą jaźń. Pracownicy otrzymują dwadzieścia pięć dni urlopu.\n", "cp1250"),
        ("差旅政策：酒店每晚最多120欧元。\n员工每年有二十五天假期。\n", "gb18030"),
        ("출장 규정: 호텔은 1박에 최대 12만원이다. 직원은 25일의 휴가를 받는다.\n", "euc_kr"),
    ],
)
def test_plain_text_in_the_encodings_of_other_scripts(text, encoding):
    assert load_bytes(text.encode(encoding), "a.txt").text == text


def test_zero_bytes_in_text_are_no_chinese():
    with pytest.raises(LoadError, match="zero bytes"):
        load_bytes(b"some text with\0 a stray byte, and more\0 of it", "a.txt")
