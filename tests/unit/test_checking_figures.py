"""The figures of checking against scikit-learn, and where it defines none against counting by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from rag.evaluation.checking import among_kept, calibration, checking_figures, pair_row, sample_of

case = st.tuples(st.booleans(), st.booleans(), st.sampled_from([0.1, 0.2, 0.5, 0.9]))


def pair(name, label, spans=(), task="QA"):
    return {
        "id": name,
        "task": task,
        "label": label,
        "spans": list(spans),
        "sources": [{"id": "s", "text": name}],
        "answer": "",
    }


def output(name, supported, score=0.5, claims=()):
    return {"id": name, "supported": supported, "score": score, "claims": list(claims)}


def values(pairs, outputs):
    return {row["metric"]: row["value"] for row in checking_figures(pairs, outputs, resamples=0)}


@settings(max_examples=60, deadline=None)
@given(st.lists(case, min_size=4, max_size=30).filter(lambda cases: 0 < sum(gold for gold, _, _ in cases) < len(cases)))
def test_they_are_those_of_scikit_learn(cases):
    gold, predicted = ([item[column] for item in cases] for column in (0, 1))
    score = np.array([item[2] for item in cases])
    pairs = [pair(str(n), "unsupported" if is_gold else "supported") for n, is_gold in enumerate(gold)]
    outputs = [output(str(n), not said, number) for n, (_, said, number) in enumerate(cases)]
    found = values(pairs, outputs)
    expected = {
        "F1": f1_score(gold, predicted, zero_division=0),
        "precision": precision_score(gold, predicted, zero_division=np.nan),
        "recall": recall_score(gold, predicted, zero_division=0),
        "balanced accuracy": balanced_accuracy_score(gold, predicted),
        "macro-F1": f1_score(gold, predicted, average="macro", zero_division=0),
        "F1 of always 'unsupported'": f1_score(gold, [True] * len(gold)),
        "AUROC": roc_auc_score(gold, -score),
    }
    assert ("all: precision" in found) == any(predicted)  # where nothing is called unsupported there is none
    for metric, value in expected.items():
        if not np.isnan(value):
            assert found[f"all: {metric}"] == pytest.approx(100 * value, abs=0.006), metric


def test_with_one_label_only_what_needs_both_is_absent_and_the_rest_is_right():
    """Three supported answers of one task, three unsupported of another; one of each is called unsupported."""
    labels = {"Summary": "supported", "QA": "unsupported"}
    pairs = [pair(f"{task}{n}", label, task=task) for task, label in labels.items() for n in range(3)]
    rows = checking_figures(pairs, [output(item["id"], not item["id"].endswith("0")) for item in pairs], resamples=100)
    found = {row["metric"]: row for row in rows}
    needs_both = ("balanced accuracy", "macro-F1", "AUROC")
    assert not [f"{task}: {name}" for task in labels for name in needs_both if f"{task}: {name}" in found]
    assert all(f"all: {name}" in found for name in needs_both)
    needs_unsupported = ("F1", "recall", "F1 of always 'unsupported'")
    assert not [name for name in needs_unsupported if f"Summary: {name}" in found]
    assert found["QA: recall"]["value"] == pytest.approx(100 / 3, abs=0.01)
    assert found["QA: recall"]["low"] <= 100 / 3 <= found["QA: recall"]["high"] <= 100
    assert found["QA: precision"]["value"] == found["QA: precision"]["low"] == 100
    assert found["Summary: precision"]["value"] == 0


def test_a_pair_without_output_is_a_wrong_verdict():
    assert values([pair("a", "unsupported"), pair("b", "supported")], [])["all: balanced accuracy"] == 0


def test_characters_are_those_that_people_and_the_checker_marked():
    # People marked 0-10 and 20-30, the second is true of the world; the checker marks 5-10 and a whole claim, 20-40.
    spans = [{"start": 0, "end": 10}, {"start": 20, "end": 30, "implicit_true": True}]
    claims = [
        {"start": 0, "end": 15, "verdict": "not_enough", "unsupported_spans": [{"start": 5, "end": 10}]},
        {"start": 20, "end": 40, "verdict": "contradicted", "unsupported_spans": []},
        {"start": 40, "end": 50, "verdict": "supported", "unsupported_spans": []},
    ]
    found = values([pair("a", "unsupported", spans), pair("b", "supported")], [output("a", False, claims=claims)])
    assert found["all: span character precision"] == pytest.approx(100 * 15 / 25)
    assert found["all: span character recall"] == pytest.approx(100 * 15 / 20)
    assert found["all: span character F1"] == pytest.approx(100 * 30 / 45, abs=0.01)
    assert found["all: span character F1 without implicit_true"] == pytest.approx(100 * 10 / 35, abs=0.01)


def test_an_answer_that_is_only_not_in_the_source_but_true_is_set_apart():
    spans = [{"start": 0, "end": 5, "implicit_true": True}]
    pairs = [pair("a", "unsupported", spans), pair("b", "unsupported"), pair("c", "supported")]
    found = values(pairs, [output("a", False), output("b", False), output("c", True)])
    assert found["all: F1"] == 100
    assert found["all: F1 without implicit_true"] == pytest.approx(100 * 2 / 3, abs=0.01)


def test_ties_at_the_edge_of_what_is_kept_are_shared_out():
    rows = [pair_row(pair("a", "supported"), output("a", True, 0.9))]
    rows += [pair_row(pair(n, label), output(n, True, 0.5)) for n, label in (("b", "unsupported"), ("c", "supported"))]
    rows += [pair_row(pair("d", "unsupported"), output("d", True, 0.1))]
    sample = sample_of(rows)
    assert among_kept(sample, 50) == 100 * 0.5 / 2
    assert among_kept(sample, 25) == 0
    assert among_kept(sample, 100) == 50


def test_tasks_are_told_apart_and_intervals_hold_the_value():
    pairs = [pair(str(n), "unsupported" if n % 3 == 0 else "supported", task="QA" if n % 2 else "Summary") for n in range(60)]
    outputs = [output(str(n), n % 4 != 0, 1 - n % 4 / 4) for n in range(60)]
    rows = checking_figures(pairs, outputs, resamples=200)
    assert {row["metric"].split(":")[0]: row["n"] for row in rows} == {"all": 60, "QA": 30, "Summary": 30}
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows if "ECE" not in row["metric"])


def test_calibration_error_is_the_mean_gap_between_stated_and_true():
    stated = np.array([0.1] * 10 + [0.9] * 10)
    right = np.array([False] * 9 + [True] + [True] * 5 + [False] * 5)
    found = calibration(stated, right, n_bins=2)
    assert found["error"] == pytest.approx(100 * (0.5 * 0.0 + 0.5 * 0.4))
    assert [row["right"] for row in found["bins"]] == [0.1, 0.5]
