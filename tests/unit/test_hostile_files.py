"""Whatever the bytes are: a loader gives a document whose positions are right, or a LoadError that says why."""

import io
import json
import sqlite3
import zipfile
from datetime import datetime

import docx
import openpyxl
import pptx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.containers import ARCHIVES, Unpacking, is_container, suffix_of
from ingest.errors import LoadError
from ingest.loaders import SUFFIXES, load_bytes
from tests.unit.test_loaders import pdf
from tests.unit.test_mail_and_containers import message, outlook, tarred, zipped
from tests.unit.test_office_formats import GHOST, RTF, epub, odf, saved

SUFFIX_LIST = sorted(SUFFIXES)


def check_whole(data: bytes, name: str) -> None:
    """Check a file and all that it holds."""
    if suffix_of(name) not in ARCHIVES:
        check(data, name)
    if is_container(name):
        try:
            for part in Unpacking().parts(data, name):
                assert part.name.startswith(f"{name}!/")
                if not part.reason:
                    check(part.data, part.name)
        except LoadError as error:
            assert str(error).strip()


def check(data: bytes, name: str) -> None:
    try:
        document = load_bytes(data, name)
    except LoadError as error:
        assert str(error).strip()
        return
    assert document.text.strip()
    document.text.encode("utf-8")
    json.dumps([document.title, dict(document.metadata), document.warnings]).encode("utf-8")
    size = len(document.text)
    assert all(0 <= h.start < h.end <= size and document.text[h.start : h.end].strip() for h in document.headings)
    assert all(0 <= r.start < r.end <= size and r.first >= 1 for r in document.rows)
    ends = [0, *(page.end for page in document.pages)]
    assert all(end <= page.start < page.end <= size for end, page in zip(ends, document.pages, strict=False))
    if document.pages:
        covered = "".join(document.text[page.start : page.end] for page in document.pages)
        assert "".join(covered.split()) == "".join(document.text.split()), "no text stands outside of the pages"


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(SUFFIX_LIST))
def test_any_bytes_under_any_suffix(data, suffix):
    check(data, f"a{suffix}")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200), st.sampled_from(SUFFIX_LIST), st.sampled_from(["utf-8", "utf-16", "utf-16-le", "cp1252"]))
def test_any_text_under_any_suffix(text, suffix, encoding):
    check(text.encode(encoding, "replace"), f"a{suffix}")


MARKS = r"""{ } \u-1? \'9 \par \v \cell \row \*\x \bin9 \f7 \s1 a " , ; <a> </a> <a␣b='1'/> &#0; <![CDATA[ [ ] : 1 null \ud800
==== ---- def␣f ␣ ⏎ ⏎ ⏎""".replace("\n", " ").split(" ")


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from(MARKS), max_size=40), st.sampled_from(".rtf .xml .json .jsonl .csv .rst .ipynb .py .toml".split())
)
def test_what_a_format_is_made_of_in_any_order(pieces, suffix):
    start = "{\\rtf1 " if suffix == ".rtf" else ""
    check((start + "".join(pieces)).replace("␣", " ").replace("⏎", "\n").encode(), f"a{suffix}")


def database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE parts (name TEXT, price REAL)")
    connection.executemany("INSERT INTO parts VALUES (?, ?)", [("Dock", 74.9)] * 300)
    connection.commit()
    return connection.serialize()


def real_files() -> dict[str, bytes]:
    book = openpyxl.Workbook()
    book.active.append(["Part", "Price"])
    book.active.append(["Dock", datetime(2026, 5, 1)])
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[1]).shapes.title.text = "Valves"
    word = docx.Document()
    word.add_heading("Valves", 1)
    word.add_table(1, 2).cell(0, 0).text = "Dock"
    letter = message("The valve opens at 40 bar.", Subject="Valves")
    letter.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="p.csv")
    return {
        "a.pdf": pdf("The valve opens at 40 bar.", "It closes at 35 bar."),
        "a.md": b"# Valves\n\nForty bar.\n\nParts\n=====\n\n```\n# code\n```\n",
        "a.rst": b"Valves\n======\n\n:author: Ann\n\nForty bar.\n",
        "a.html": "<html lang=es><title>V\u00e1lvulas</title><h1>A</h1><ul><li><p>b</ul><table><tr><td>1<td>2</table>".encode(),
        "a.xml": b'<?xml version="1.0"?><parts><part n="1"><name>Dock</name></part><part n="2"><name>Hub</name></part></parts>',
        "a.json": b'{"parts": [{"name": "Dock", "price": 74.9}, {"name": "Hub", "price": null}]}',
        "a.jsonl": b'{"name": "Dock"}\n{"name": "Hub"}\n',
        "a.csv": b'Part;Price\n"Dock ""A""";74,90\nHub;9\n',
        "a.py": b"class A:\n    def f(self):\n        return [x for x in (1, 2)]\n",
        "a.toml": b"[a]\nb = 1\n[[c]]\nd = 'e'\n",
        "a.eml": letter.as_bytes(),
        "a.msg": outlook(),
        "a.zip": zipped({"a.md": b"# A\n\nForty bar.", "b.eml": letter.as_bytes()}),
        "a.tar": tarred({"a.md": b"# A\n\nForty bar."}),
        "a.mbox": b"From a@example.org Fri May  1 06:00:00 2026\n" + letter.as_bytes() + b"\n",
        "a.xlsx": saved(book),
        "a.pptx": saved(deck),
        "a.docx": saved(word),
        "a.odt": odf("text", "<text:h>Valves</text:h><text:p>Forty bar.</text:p>", GHOST),
        "a.epub": epub({"a.xhtml": "<h1>Valves</h1>"}),
        "a.rtf": RTF.encode("latin-1"),
        "a.db": database(),
        "a.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": "x", "outputs": [{"text": ["1"]}]}]}).encode(),
    }


FILES = real_files()


@pytest.mark.parametrize("name", sorted(FILES))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6), keep=st.floats(0.3, 1))
def test_a_real_file_with_flipped_bytes_or_cut_short(name, changes, keep):
    data = bytearray(FILES[name])
    for place, value in changes:
        data[int(place * len(data))] = value
    check_whole(bytes(data[: int(keep * len(data))]), name)


@pytest.mark.parametrize("name", sorted(FILES))
@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    changes=st.lists(
        st.tuples(st.floats(0, 0.999), st.integers(0, 40), st.sampled_from([b"", b"\0", b"<", b"-1", b"(" * 99, b"9" * 99])),
        min_size=1,
        max_size=4,
    )
)
def test_a_real_file_with_pieces_taken_out_and_put_in(name, changes):
    data = bytearray(FILES[name])
    for place, length, piece in changes:
        start = int(place * len(data))
        data[start : start + length] = piece
    check_whole(bytes(data), name)


@pytest.mark.parametrize("inside", ["xl/workbook.xml", "word/document.xml", "ppt/presentation.xml", "content.xml"])
@settings(max_examples=25, deadline=None)
@given(changes=st.lists(st.tuples(st.floats(0, 0.999), st.sampled_from('<>"/=&1ax ')), min_size=1, max_size=4))
def test_a_package_whose_main_part_has_other_characters(inside, changes):
    name = {"xl": "a.xlsx", "wo": "a.docx", "pp": "a.pptx", "co": "a.odt"}[inside[:2]]
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(FILES[name])) as source, zipfile.ZipFile(buffer, "w") as target:
        for part in source.namelist():
            text = bytearray(source.read(part))
            if part == inside or part.endswith("sheet1.xml"):
                for place, character in changes:
                    text[int(place * len(text))] = ord(character)
            target.writestr(part, bytes(text))
    check(buffer.getvalue(), name)
