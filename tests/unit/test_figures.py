import math

import pytest

from rag.evaluation.intervals import mean_with_interval
from rag.evaluation.retrieval import level_of, question_figures


def passage(document, start, end, page=None):
    return {"document": document, "start": start, "end": end, "page": page}


def gold(document, start=None, end=None, page=None, number=None):
    return {"document": document, "start": start, "end": end, "page": page, "set": number}


def test_a_span_is_found_by_a_passage_that_holds_nine_tenths_of_it():
    question = {"gold": [gold("a", 100, 200)]}
    assert question_figures(question, [passage("a", 110, 300)], "span")["hit@1"] == 1
    assert question_figures(question, [passage("a", 111, 300)], "span")["hit@1"] == 0
    assert question_figures(question, [passage("b", 100, 200)], "span")["hit@1"] == 0


def test_rank_counts():
    question = {"gold": [gold("a", 0, 10)]}
    figures = question_figures(question, [passage("b", 0, 10), passage("a", 0, 10)], "span")
    assert (figures["hit@1"], figures["hit@5"], figures["mrr"]) == (0, 1, 0.5)
    assert figures["ndcg@10"] == pytest.approx(1 / math.log2(3))


def test_all_gold_items_are_needed_but_the_best_set_counts():
    needed = {"gold": [gold("a", 0, 10), gold("b", 0, 10)]}
    assert question_figures(needed, [passage("a", 0, 20)], "span")["recall@5"] == 0.5
    either = {"gold": [gold("a", 0, 10, number=0), gold("b", 0, 10, number=1)]}
    assert question_figures(either, [passage("a", 0, 20)], "span")["recall@5"] == 1


def test_documents_are_ranked_by_their_first_passage():
    question = {"gold": [gold("c")]}
    passages = [passage("a", 0, 1), passage("a", 1, 2), passage("b", 0, 1), passage("c", 0, 1), passage("a", 2, 3)]
    assert question_figures(question, passages, "document")["mrr"] == pytest.approx(1 / 3)


def test_a_passage_that_finds_two_items_never_earns_more_than_the_ideal():
    question = {"gold": [gold("a", 0, 5), gold("a", 5, 10)]}
    assert question_figures(question, [passage("a", 0, 10)], "span")["ndcg@10"] == 1


def test_level_is_the_finest_that_is_known():
    assert level_of([{"gold": [gold("a", 0, 5)]}]) == "span"
    assert level_of([{"gold": [gold("a", page=3)]}]) == "page"
    assert level_of([{"gold": [gold("a")]}]) == "document"


def test_intervals_draw_whole_clusters():
    values = [1.0] * 50 + [0.0] * 50
    alone = mean_with_interval(values, [str(i) for i in range(100)])
    together = mean_with_interval(values, ["x"] * 50 + ["y"] * 50)
    assert alone[0] == together[0] == 0.5
    assert together[1] == 0 and together[2] == 1
    assert 0.38 < alone[1] < 0.45 and 0.55 < alone[2] < 0.62
    assert mean_with_interval(values, ["x"] * 100) == (0.5, 0.5, 0.5)
