from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sentences import sentence_spans


def split(text):
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It rains. We stay.", ["It rains.", "We stay."]),
        (
            "Dr. Smith paid $1.5 million on Jan. 5, 2024. It worked.",
            ["Dr. Smith paid $1.5 million on Jan. 5, 2024.", "It worked."],
        ),
        ("See Fig. 2 and p. 14. Then stop.", ["See Fig. 2 and p. 14.", "Then stop."]),
        ("The U.S. Navy sailed. It won.", ["The U.S. Navy sailed.", "It won."]),
        ("El Sr. Pérez gana 1.250,50 €. ¿Cuándo? ¡Ya!", ["El Sr. Pérez gana 1.250,50 €.", "¿Cuándo?", "¡Ya!"]),
        ("Am 3. Oktober kam er. Er blieb.", ["Am 3. Oktober kam er.", "Er blieb."]),
        ("growth and invasion.Several receptors", ["growth and invasion.", "Several receptors"]),
        ("Use Node.JS here. Done.", ["Use Node.JS here.", "Done."]),
        ('"Really?" he asked. "Yes."', ['"Really?" he asked.', '"Yes."']),
        ("The kit holds:\n- a key\n- a cable", ["The kit holds:", "- a key", "- a cable"]),
        ("| a | b |\n| 1 | 2 |", ["| a | b |", "| 1 | 2 |"]),
        ("# Title\nText goes on\nhere.", ["# Title", "Text goes on\nhere."]),
        ("1. Open it.\n2. Close it.", ["1. Open it.", "2. Close it."]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_splits_as_a_reader_would(text, sentences):
    assert split(text) == sentences


def test_rows_of_a_table_read_from_a_pdf_stand_alone():
    text = "Net sales $ 96,388 $ 104,429\nCost of sales 60,765 64,309\nGross margin 35,623 40,120"
    assert split(text) == text.split("\n")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_spans_are_ordered_trimmed_and_cover_everything_visible(text):
    spans = sentence_spans(text)
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    covered = set().union(*(range(start, end) for start, end in spans)) if spans else set()
    assert all(character.isspace() or position in covered for position, character in enumerate(text))
    for start, end in spans:
        assert text[start:end] == text[start:end].strip()
