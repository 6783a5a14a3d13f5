import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from sklearn.metrics import ndcg_score

from rag.evaluation.intervals import difference_with_interval, mean_with_interval, ratio_with_interval
from rag.evaluation.retrieval import character_figures, chunk_precision, levels_of, pool_figures, question_figures


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
    assert (figures["hit@1"], figures["hit@5"], figures["MRR"]) == (0, 1, 0.5)
    assert figures["nDCG@10"] == pytest.approx(1 / math.log2(3))


def test_all_gold_items_are_needed_but_the_best_set_counts():
    needed = {"gold": [gold("a", 0, 10), gold("b", 0, 10)]}
    assert question_figures(needed, [passage("a", 0, 20)], "span")["recall@5"] == 0.5
    either = {"gold": [gold("a", 0, 10, number=0), gold("b", 0, 10, number=1)]}
    assert question_figures(either, [passage("a", 0, 20)], "span")["recall@5"] == 1


def test_documents_are_ranked_by_their_first_passage():
    question = {"gold": [gold("c")]}
    passages = [passage("a", 0, 1), passage("a", 1, 2), passage("b", 0, 1), passage("c", 0, 1), passage("a", 2, 3)]
    assert question_figures(question, passages, "document")["MRR"] == pytest.approx(1 / 3)


def test_a_passage_that_finds_two_items_never_earns_more_than_the_ideal():
    question = {"gold": [gold("a", 0, 5), gold("a", 5, 10)]}
    assert question_figures(question, [passage("a", 0, 10)], "span")["nDCG@10"] == 1


def test_levels_are_those_at_which_all_gold_is_known():
    assert levels_of({"gold": [gold("a", 0, 5)]}) == ["document", "span"]
    assert levels_of({"gold": [gold("a", 0, 5, page=3), gold("b", page=3)]}) == ["document", "page"]
    assert levels_of({"gold": [gold("a"), gold("b", 0, 5)]}) == ["document"]
    assert levels_of({"gold": []}) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=25).filter(any))
def test_ndcg_by_document_is_that_of_scikit_learn(relevance):
    names = [f"d{number}" for number in range(len(relevance))]
    question = {"gold": [gold(name) for name, is_gold in zip(names, relevance, strict=True) if is_gold]}
    found = question_figures(question, [passage(name, 0, 1) for name in names], "document")["nDCG@10"]
    assert found == pytest.approx(ndcg_score([relevance], [list(range(len(names), 0, -1))], k=10))


def test_characters_are_counted_as_in_the_chunking_report():
    # Gold 100-200 in a; retrieved 150-350 twice and 0-50 of b: 50 of 100 found, in 450 characters.
    question = {"gold": [gold("a", 100, 200)]}
    found = character_figures(question, [passage("a", 150, 350), passage("a", 150, 350), passage("b", 0, 50)], (1, 5))
    assert (found["recall@1"], found["precision@1"], found["IoU@1"]) == (0.5, 0.25, 50 / 250)
    assert (found["recall@5"], found["precision@5"], found["IoU@5"]) == (0.5, 50 / 450, 50 / 500)
    assert character_figures(question, [], (1,)) == {"recall@1": 0, "precision@1": 0, "IoU@1": 0}


def test_characters_of_gold_that_overlaps_count_once_and_the_best_set_counts():
    overlapping = {"gold": [gold("a", 0, 60), gold("a", 40, 100)]}
    assert character_figures(overlapping, [passage("a", 0, 50)], (1,))["recall@1"] == 0.5
    either = {"gold": [gold("a", 0, 100, number=0), gold("b", 0, 10, number=1)]}
    assert character_figures(either, [passage("b", 0, 10)], (1,))["IoU@1"] == 1


def test_chunk_precision_is_that_of_all_chunks_that_touch_gold():
    question = {"gold": [gold("a", 90, 110)]}
    assert chunk_precision(question, {"a": [(0, 100), (100, 200), (200, 300)], "b": [(90, 110)]}) == 20 / 200
    assert chunk_precision(question, {"a": [(0, 100)]}) == 10 / 100
    assert chunk_precision(question, {}) == 0


def test_a_candidate_among_the_first_counts_once():
    question = {"candidates": ["x", "y"], "gold": []}
    assert pool_figures(question, [passage("a", 0, 1), passage("y", 0, 1)], (1, 5)) == {"hit@1": 0, "hit@5": 1}


def test_intervals_draw_whole_clusters():
    values = [1.0] * 50 + [0.0] * 50
    alone = mean_with_interval(values, [str(i) for i in range(100)])
    together = mean_with_interval(values, ["x"] * 50 + ["y"] * 50)
    assert alone[0] == together[0] == 0.5
    assert together[1] == 0 and together[2] == 1
    assert 0.38 < alone[1] < 0.45 and 0.55 < alone[2] < 0.62
    assert mean_with_interval(values, ["x"] * 100) == (0.5, 0.5, 0.5)


def test_an_interval_over_questions_is_that_of_scipy():
    values = np.random.default_rng(5).random(80)
    ours = mean_with_interval(list(values), [str(i) for i in range(80)], resamples=4000)
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=4000, rng=1).confidence_interval
    assert ours[0] == pytest.approx(values.mean())
    assert ours[1:] == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_a_ratio_is_of_sums_and_not_a_mean_of_ratios():
    value, low, high = ratio_with_interval([(1, 1), (1, 4), (0, 0)], ["a", "b", "c"])
    assert value == 2 / 5
    assert 0.25 <= low < value < high <= 1
    assert all(math.isnan(number) for number in ratio_with_interval([(0, 0), (0, 0)], ["a", "b"]))


def test_a_difference_is_taken_within_each_resample():
    clusters = [str(number) for number in range(40)]
    first = [(number % 2, 1) for number in range(40)]
    same_and_one_better = [(1, 1), *first[1:]]
    assert difference_with_interval(first, first, clusters) == (0, 0, 0)
    value, low, high = difference_with_interval(first, same_and_one_better, clusters)
    assert (value, low) == (pytest.approx(1 / 40), 0)
    assert high < 0.1  # apart, each would be uncertain by 0.15
    assert difference_with_interval(first, [(1, 1)] * 40, clusters)[1] > 0.3
