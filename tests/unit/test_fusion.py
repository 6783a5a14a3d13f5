"""Scores of both searches added, within one language and across."""

import numpy as np
import pytest

from rag.fusion import fused
from rag.languages import Across

DOCUMENTS = {"a": "own.md", "b": "own.md", "c": "own.md", "f": "foreign.md", "g": "foreign.md"}
COSINES = {"a": 0.62, "b": 0.60, "c": 0.58, "f": 0.35, "g": 0.10}
WORDS = {"a": 2.0, "b": 9.0}


class Index:
    """Cosines and documents of five chunks."""

    def cosines(self, query, ids):
        return [COSINES[identity] for identity in ids]

    def documents_of(self, ids):
        return [DOCUMENTS[identity] for identity in ids]


def _ranked(dense, across=None):
    scores = fused(dense, WORDS, np.zeros(2, dtype=np.float32), Index(), 0.5, 5, across)
    return sorted(scores, key=scores.__getitem__, reverse=True)


def test_what_only_words_found_gets_its_true_cosine():
    scores = fused({"a": 0.62, "c": 0.58}, WORDS, np.zeros(2, dtype=np.float32), Index(), 0.5, 2)
    assert set(scores) == {"a", "b", "c"} and scores["b"] > scores["a"] > scores["c"]


def test_a_translation_counts_by_its_meaning_where_languages_stand_side_by_side():
    """The nearest foreign passage is as near among its own as the nearest of the question's language; nearer, with the lift."""
    assert _ranked(COSINES)[3:] == ["f", "g"]
    lifted = {identity: cosine + 0.3 * (identity in "fg") for identity, cosine in COSINES.items()}
    assert _ranked(lifted, Across(frozenset(["foreign.md"]), 0.3)) == ["b", "f", "a", "c", "g"]


def test_of_two_as_near_the_one_in_the_language_of_the_question_is_first():
    lifted = {"a": 0.62, "f": 0.62}
    scores = fused(lifted, {"a": 1.0}, np.zeros(2, dtype=np.float32), Index(), 0.5, 5, Across(frozenset(["foreign.md"]), 0.27))
    assert scores["a"] > scores["f"] > 0
    assert scores["f"] == pytest.approx(0.8 * 1.225, abs=0.01)
