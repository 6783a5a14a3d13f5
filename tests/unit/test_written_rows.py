"""What was written for the training is read as it stands: marks are where the words are, answers where they lie."""

from pathlib import Path

import pytest

from rag.crossencoder.inputs import tokenizer
from rag.crossencoder.training.rows import IGNORED
from rag.crossencoder.training.written import read_items, written_rows

FOLDER = Path(__file__).resolve().parent.parent.parent / "data" / "checking" / "training"
ITEM = """# en rules
P: Staff may carry over five days. The limit in Madrid is 140 euros a night, in Lisbon 110. Visitors wear a badge.
S: Up to five days can be taken along.
C: The limit in Lisbon is {{140}} euros.
N: Visitors wear a badge {{with a photograph}} and {{a name}}.
Q: What may a night in Lisbon cost? => 110
U: What may a night in Porto cost?
"""


def _rows(tmp_path, text=ITEM):
    (tmp_path / "one.txt").write_text(text, encoding="utf-8")
    return [*written_rows(tmp_path), *written_rows(tmp_path, held_out=True)]


def _words(row, places):
    return tokenizer().decode([row.ids[place] for place in places])


def test_claims_have_their_class_and_the_marked_words(tmp_path):
    rows = [row for row in _rows(tmp_path) if row.support != IGNORED]
    assert [row.support for row in rows] == [0, 1, 2, 0, 0, 0]
    marked = [_words(row, [i + 1 for i, tag in enumerate(row.tags) if tag == 1]) for row in rows]
    assert marked == ["", "140", "with a photograph a name", "", "", ""]
    assert {_words(row, range(1, row.n_first + 1)) for row in rows[3:]} == {
        "staff may carry over five days.", "the limit in madrid is 140 euros a night, in lisbon 110.", "visitors wear a badge.",
    }  # fmt: skip
    assert all("{{" not in _words(row, range(len(row.ids))) for row in rows)


def test_what_is_left_without_an_addition_is_true(tmp_path):
    text = ITEM.replace(
        "N: Visitors wear a badge {{with a photograph}} and {{a name}}.", "N: In Madrid the limit is 140 euros {{per guest}}."
    )
    claims = [_words(row, range(1, row.n_first + 1)) for row in _rows(tmp_path, text) if row.support == 0]
    assert "in madrid the limit is 140 euros." in claims


def test_a_table_keeps_its_lines(tmp_path):
    text = ITEM.replace("P: Staff", "P: City | Limit\\nMadrid | 140\\nLisbon | 110\\nStaff")
    (tmp_path / "one.txt").write_text(text, encoding="utf-8")
    (item,) = read_items(tmp_path / "one.txt")
    assert item.passage.splitlines()[:3] == ["City | Limit", "Madrid | 140", "Lisbon | 110"]


def test_an_answer_is_found_where_it_lies_and_a_question_without_one_has_none(tmp_path):
    asked, unanswered = [row for row in _rows(tmp_path) if row.answers != IGNORED]
    assert asked.answers == 1 and _words(asked, range(asked.span[0], asked.span[1] + 1)) == "110"
    assert unanswered.answers == 0 and unanswered.span == (0, 0)


def test_a_line_that_is_none_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"one\.txt, line 2"):
        _rows(tmp_path, "# en rules\nX: what?\n")


def test_the_texts_that_ship_are_whole():
    items = [item for path in sorted(FOLDER.glob("*.txt")) for item in read_items(path)]
    assert len(items) > 1000 and {item.language for item in items} == {"en", "es", "de", "fr"}
    assert len({item.passage for item in items}) == len(items)
    for item in items:
        assert {"S", "C", "N"} <= {kind for kind, _, _ in item.claims}, item.passage
        assert all(bool(spans) == (kind != "S") for kind, _, spans in item.claims), item.passage
        assert all(answer is None or answer in item.passage for _, answer in item.questions), item.passage
    held_out = sum(item.is_held_out for item in items) / len(items)
    assert 0.03 < held_out < 0.1
