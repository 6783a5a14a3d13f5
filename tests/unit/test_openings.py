import pytest

from rag.bm25 import Bm25
from rag.openings import Opening, Openings, names_and_figures

REPORTS = [
    Opening("2022 Q3 ACME.pdf", "0000-1", "en", "ACME CORP. FORM 10-Q For the quarterly period ended June 25, 2022", 300),
    Opening("2023 Q1 ACME.pdf", "0000-2", "en", "ACME CORP. FORM 10-Q For the quarterly period ended April 1, 2023", 300),
    Opening("2022 Q3 Zenith.pdf", "0000-3", "en", "Zenith Inc. FORM 10-Q For the quarterly period ended June 30, 2022", 300),
    Opening("notes.md", "Notes", "en", "Some notes about ACME of 2022", 1),
]


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("What were the net sales of Zenith?", "2022 Q3 Zenith.pdf"),
        ("How did ACME's revenue change in Q1 2023?", "2023 Q1 ACME.pdf"),
        ("what was acme's revenue in q3 2022?", "2022 Q3 ACME.pdf"),  # typed without capitals
        ("¿Cuáles fueron las ventas de Zenith?", "2022 Q3 Zenith.pdf"),
    ],
)
def test_the_document_that_a_question_names_gains_most(question, best):
    bonus = Openings(REPORTS).bonus(question, ("en", "es"))
    assert max(bonus, key=bonus.__getitem__) == best and bonus[best] > 0
    assert bonus["notes.md"] == 0  # a document of one chunk speaks for itself


def test_a_question_that_names_nothing_changes_nothing():
    assert Openings(REPORTS).bonus("What is the revenue of the period?", ("en",)) == {}
    assert Openings([]).bonus("What did ACME sell?", ("en",)) == {}


def test_names_and_figures_are_words_with_capital_or_digit():
    assert names_and_figures("the Apple of 2022, see form 10-Q") == "Apple 2022 10-Q"


def test_bm25_prefers_rare_words_and_short_texts():
    index = Bm25([["a", "b"], ["a", "c", "c", "c", "c", "c", "c"], ["a", "b", "d", "e", "f", "g", "h", "i"]])
    scores = index.scores(["a", "b"])
    assert scores[0] > scores[2] > scores[1] > 0
    assert not index.scores(["z"]).any()
