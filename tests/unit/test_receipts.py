"""Digests: the same for the same answer however it was written down, another for any other answer."""

import copy
import json

import pytest

from rag.receipts import answer_digest, receipt_id

CITATION = {"document": "a.md", "page": None, "start": 3, "end": 9, "quote": "grün 1", "score": 1.0}
CLAIM = {"text": "Grün.", "start": 0, "end": 5, "verdict": "supported", "score": 0.99, "reason": "supported"}
ANSWER = {
    "id": "q1",
    "question": "Welche Farbe?",
    "abstained": False,
    "reason": None,
    "text": "Grün.",
    "claims": [{**CLAIM, "citations": [CITATION]}],
    "withheld": [{"text": "Blau.", "verdict": "not_enough", "score": 0.0, "reason": "uncited", "citations": []}],
    "receipt": {"id": "x", "documents": {"a.md": "00"}},
    "timings_ms": {"total": 3.0},
}


def changed(*path_and_value):
    """The answer with one value replaced."""
    answer = copy.deepcopy(ANSWER)
    *path, last, value = path_and_value
    place = answer
    for step in path:
        place = place[step]
    place[last] = value
    return answer


@pytest.mark.parametrize(
    "same",
    [
        changed("id", "other"),
        changed("timings_ms", {}),
        changed("receipt", {}),
        dict(reversed(ANSWER.items())),
        changed("claims", 0, "citations", 0, "score", 1),
        json.loads(json.dumps(ANSWER, indent=2, ensure_ascii=False)),
    ],
)
def test_what_says_nothing_of_the_answer_leaves_its_digest(same):
    assert answer_digest(same) == answer_digest(ANSWER)


@pytest.mark.parametrize(
    "other",
    [
        changed("question", "Welche Form?"),
        changed("text", "Grün!"),
        changed("abstained", True),
        changed("reason", "fallback_quotes"),
        changed("claims", []),
        changed("claims", 0, "verdict", "not_enough"),
        changed("claims", 0, "score", 0.98),
        changed("claims", 0, "citations", []),
        changed("claims", 0, "citations", 0, "quote", "grün 2"),
        changed("claims", 0, "citations", 0, "start", 4),
        changed("claims", 0, "citations", 0, "document", "b.md"),
        changed("withheld", []),
    ],
)
def test_any_other_answer_has_another_digest(other):
    assert answer_digest(other) != answer_digest(ANSWER)


def test_a_receipt_s_id_covers_everything_in_it_but_itself():
    receipt = {"documents": {"a.md": "00"}, "checker": {"threshold": 0.5}}
    identity = receipt_id(receipt)
    assert receipt_id({**receipt, "id": identity}) == identity
    assert receipt_id({**receipt, "documents": {"a.md": "01"}}) != identity
    assert receipt_id({**receipt, "more": None}) != identity
