"""Every chunk of a long table in an office document names the columns; short tables stand as they are."""

import docx
import pptx
import pytest
from docx.oxml.ns import qn
from pptx.util import Inches

from ingest.chunker import ChunkerSettings, chunk_document, word_starts
from ingest.loaders import load_bytes
from tests.unit.test_office_formats import odf, saved

ROWS = [["Article", "Stock keeping", "Place"]] + [[f"Part {number}", f"kept for {number} days", "Bonn"] for number in range(60)]


def by_docx(rows):
    file = docx.Document()
    file.add_paragraph("What we keep.")
    table = file.add_table(len(rows), len(rows[0]))
    for cell, text in zip(table._cells, [cell for row in rows for cell in row], strict=True):
        cell.text = text
    properties = table.rows[0]._tr.get_or_add_trPr()
    properties.append(properties.makeelement(qn("w:tblHeader"), {}))
    return saved(file)


def by_pptx(rows):
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(len(rows), len(rows[0]), 0, 0, Inches(4), Inches(4)).table
    for cell, text in zip(table.iter_cells(), [cell for row in rows for cell in row], strict=True):
        cell.text = text
    return saved(deck)


def by_rtf(rows):
    lines = "".join(r"\trowd\cellx1\pard\intbl " + "".join(f"{cell}\\cell " for cell in row) + "\\row\n" for row in rows)
    return (r"{\rtf1\ansi " + lines.replace(r"\trowd", r"\trowd\trhdr", 1) + r"\pard After.\par}").encode()


def by_odt(rows):
    def line(row):
        cells = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
        return f"<table:table-row>{cells}</table:table-row>"

    body = f"<table:table-header-rows>{line(rows[0])}</table:table-header-rows>{''.join(map(line, rows[1:]))}"
    return odf("text", f"<table:table>{body}</table:table>")


WRITERS = {"a.docx": by_docx, "a.pptx": by_pptx, "a.rtf": by_rtf, "a.odt": by_odt}


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_each_chunk_of_a_long_table_names_its_columns(name):
    document = load_bytes(WRITERS[name](ROWS), name)
    assert "Article: Part 7 | Stock keeping: kept for 7 days | Place: Bonn\n" in document.text
    chunks = chunk_document(document, word_starts, ChunkerSettings())
    chunks = [chunk for chunk in chunks if "Part" in chunk.text]
    assert len(chunks) > 2
    assert all("Article: " in chunk.text and "Stock keeping: " in chunk.text for chunk in chunks)


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_marked_header_of_two_columns_names_them_and_a_short_table_stands_as_it_is(name):
    two = [row[:2] for row in ROWS]
    assert "Article: Part 59 | Stock keeping: kept for 59 days\n" in load_bytes(WRITERS[name](two), name).text
    assert "Article | Stock keeping\nPart 0 | kept for 0 days\n" in load_bytes(WRITERS[name](two[:2]), name).text
