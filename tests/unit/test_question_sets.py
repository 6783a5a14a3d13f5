"""The questions that the quoting voice is fitted to: gold where the documents have it, nothing that a network learnt from."""

from pathlib import Path

import pytest

from rag.crossencoder.training.written import read_items
from rag.generators.question_sets import written_sets
from tests.conftest import FakeEmbedder

_ITEM = """# {head}
P: Bay {number} | Keeper\\n{number} | Ana Ruiz
S: Ana Ruiz keeps bay {number}.
Q: Who keeps bay {number}? => Ana Ruiz
U: Since when does Ana Ruiz keep bay {number}?
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    heads = ["en harbour", "es puerto", "es crossed"]
    blocks = [_ITEM.format(head=head, number=number) for head in heads for number in range(200)]
    (tmp_path / "a1.txt").write_text("\n".join(blocks), encoding="utf-8")
    return tmp_path


def test_gold_stands_where_the_passage_has_the_answer(folder: Path):
    for name, chunks, questions in written_sets(folder, FakeEmbedder()):
        texts = {chunk.document: chunk.text for chunk in chunks}
        assert questions, name
        for question in (question for question in questions if question["answerable"]):
            [gold] = question["gold"]
            assert texts[gold["document"]][gold["start"] : gold["end"]] == "Ana Ruiz" == question["answers"][0]
            number = question["question"].split()[-1].rstrip("?")
            assert f"\n{number} | Ana Ruiz" in texts[gold["document"]]


def test_only_passages_that_are_left_out_of_the_training_come(folder: Path):
    left_out = {item.passage for item in read_items(folder / "a1.txt") if item.is_held_out}
    found = {name: chunks for name, chunks, _ in written_sets(folder, FakeEmbedder())}
    assert {chunk.text for chunk in found["written_en"]} <= left_out
    assert 0 < len(found["written_en"]) < 200


def test_questions_in_another_language_than_their_passage_do_not_come(folder: Path):
    sets = {name: len(chunks) for name, chunks, _ in written_sets(folder, FakeEmbedder())}
    assert set(sets) == {"written_en", "written_es"}
    assert sets["written_es"] == sets["written_en"]  # the same texts, without those that are crossed
