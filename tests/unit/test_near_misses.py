import pytest

torch = pytest.importorskip("torch")

from rag.crossencoder.inputs import tokenizer  # noqa: E402
from rag.crossencoder.training.near_misses import Asked, asked_of_written, near_miss_rows  # noqa: E402

PASSAGE = (
    "The mill at Oberau was built in 1821 by Klara Weiss, who came from Ulm and had learnt the trade from her uncle there. "
    "It burned down in 1944 and stood empty for a long time, since nobody wanted to pay for a new roof and new floors. "
    "Josef Brandt bought the ruin for 9,000 marks and opened a bakery in it, which his children still run to this day. "
    "On Sundays the old wheel is shown to visitors, who may also taste the bread that is baked in the ovens of the cellar."
)
ANSWER = "9,000 marks"
QUESTION = "What did Josef Brandt pay for the mill at Oberau?"


def asked():
    start = PASSAGE.index(ANSWER)
    return Asked(QUESTION, "en", "", PASSAGE, (start, start + len(ANSWER)))


def read(row):
    """Question and passage of a row, and the words that its span marks."""
    ids = list(row.ids)
    first, second = ids[1 : 1 + row.n_first], ids[row.n_first + 2 : -1]
    low, high = row.span
    return tokenizer().decode(first), tokenizer().decode(second), tokenizer().decode(ids[low : high + 1]) if low else ""


def test_a_question_is_left_open_without_the_sentence_that_answers_it():
    rows = list(near_miss_rows([asked()], "made"))
    question, passage, _ = read(rows[0])
    assert rows[0].answers == 0 and rows[0].span == (0, 0)
    assert question == QUESTION.lower() and "marks" not in passage and "oberau" in passage and "sundays" in passage


def test_beside_it_stands_the_same_question_with_another_sentence_gone():
    row = next(row for row in near_miss_rows([asked()], "made") if row.answers)
    question, passage, marked = read(row)
    assert question == QUESTION.lower() and marked.replace(" ", "") == "9,000marks"
    assert len(passage) < len(PASSAGE) - 60 and "josef brandt bought" in passage


def test_a_changed_question_is_asked_of_the_whole_passage():
    rows = list(near_miss_rows([asked()] * 40, "made"))
    changed = [read(row)[:2] for row in rows if read(row)[0] != QUESTION.lower()]
    assert changed and all("marks" in passage for _, passage in changed)
    assert all(row.answers == 0 for row in rows if read(row)[0] != QUESTION.lower())


def test_a_short_passage_is_not_cut():
    short = "Ana Ruiz pays 12 euros. The rest is free."
    start = short.index("12 euros")
    rows = list(near_miss_rows([Asked("What does Ana Ruiz pay?", "en", "", short, (start, start + 8))] * 20, "made"))
    assert all("12 euros" in read(row)[1] for row in rows)


def test_questions_that_are_measured_with_are_left_out(tmp_path):
    from rag.crossencoder.training.written import read_items

    lines = [f"# en mill\nP: Mill {n} has {n} wheels and a cellar.\nQ: How many wheels? => {n} wheels\n" for n in range(60)]
    (tmp_path / "x.txt").write_text("\n".join(lines), encoding="utf-8")
    kept = {item.passage for item in read_items(tmp_path / "x.txt") if not item.is_held_out}
    assert 0 < len(kept) < 60 and {one.passage for one in asked_of_written(tmp_path)} == kept
