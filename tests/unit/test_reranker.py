"""What reading passages with the question does to their order, by the shipped network."""

import pytest

from rag.answers import Passage
from rag.crossencoder.runtime import CrossEncoder
from rag.reranker import WEIGHT, Reranker

QUESTION = "How many unused leave days may I take into the following year?"
ANSWERS = "You may take up to five unused days into the following year. Days carried over lapse on 31 March."
BESIDE = "Leave days are requested in the portal, at least four weeks ahead, and the manager answers within a week."
OTHER = "The hotel limit in Madrid is 140 euros per night."


def passages(*texts):
    return [
        Passage(f"c{n}", "d.md", 0, len(text), text, None, 2.0 - n / 10, n, loaders_version=1)
        for n, text in enumerate(texts, start=1)
    ]


@pytest.fixture(scope="module")
def network():
    return CrossEncoder()


def test_a_passage_that_answers_comes_before_one_of_the_same_words(network):
    found = Reranker(network, 8).ranked(QUESTION, passages(BESIDE, OTHER, ANSWERS), "en")
    assert found[0].text == ANSWERS
    assert [passage.rank for passage in found] == [1, 2, 3]
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)


def test_reading_adds_no_more_than_its_share(network):
    given = passages(BESIDE, OTHER, ANSWERS)
    before = {passage.chunk: passage.score for passage in given}
    for passage in Reranker(network, 8).ranked(QUESTION, given, "en"):
        assert abs(passage.score - before[passage.chunk]) <= 10 * WEIGHT


def test_what_is_not_read_stays_behind_in_its_order(network):
    found = Reranker(network, 2).ranked(QUESTION, passages(BESIDE, OTHER, ANSWERS, ANSWERS), "en")
    assert [passage.chunk for passage in found[2:]] == ["c3", "c4"]
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)


def test_a_long_passage_is_read_to_its_end(network):
    long = f"{OTHER} " * 40 + ANSWERS
    assert Reranker(network, 8).ranked(QUESTION, passages(BESIDE, long), "en")[0].text == long


def test_nothing_found_stays_nothing(network):
    assert Reranker(network, 8).ranked(QUESTION, [], "en") == []
