"""The claims in data/checking are what their README says: complete pairs, exact spans, truly minimal changes."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parent.parent.parent / "data" / "checking"
LANGUAGES = ("en", "es")
CHANGES = {"number", "unit", "date", "name", "negation", "scope", "comparison", "relation", "modality", "other"}
WAYS_TO_SUPPORT = {"paraphrase", "verbatim", "summary"}

Case = dict[str, Any]


def load(name: str) -> list[Case]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


MINIMAL = load("minimal-pairs.jsonl")
PARALLEL = load("parallel.jsonl")
CASES = MINIMAL + PARALLEL


def by_pair(cases: list[Case]) -> dict[str, list[Case]]:
    pairs = defaultdict(list)
    for case in cases:
        pairs[case["pair"]].append(case)
    return dict(pairs)


def source_of(case: Case) -> str:
    (source,) = case["sources"]
    text: str = source["text"]
    return text


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def kept_pieces(case: Case) -> list[str]:
    """What is left of a claim without its spans, in order."""
    pieces, at = [], 0
    for span in case["spans"]:
        pieces.append(case["answer"][at : span["start"]])
        at = span["end"]
    return [piece.strip() for piece in [*pieces, case["answer"][at:]]]


class TestEveryCase:
    def test_ids_are_unique(self) -> None:
        assert not [key for key, count in Counter(case["id"] for case in CASES).items() if count > 1]

    def test_fields(self) -> None:
        for case in CASES:
            assert (case["task"], case["question"]) == ("claim", None), case["id"]
            assert case["label"] in ("supported", "unsupported"), case["id"]
            assert case["label_raw"].startswith(f"{case['label']}-"), case["id"]
            assert case["lang"] in LANGUAGES, case["id"]
            assert 40 <= len(source_of(case).split()) <= 120, case["id"]
            for text in (case["answer"], source_of(case)):
                assert text == " ".join(text.split()), case["id"]
                assert text.endswith("."), case["id"]

    def test_spans_mark_words_of_unsupported_claims(self) -> None:
        for case in CASES:
            assert bool(case["spans"]) == (case["label"] == "unsupported"), case["id"]
            end = 0
            for span in case["spans"]:
                assert end <= span["start"] < span["end"] <= len(case["answer"]), case["id"]
                assert span["type"] == case["kind"], case["id"]
                marked = case["answer"][span["start"] : span["end"]]
                assert marked == marked.strip(), case["id"]
                end = span["end"]

    @pytest.mark.parametrize("cases", [MINIMAL, PARALLEL], ids=["minimal", "parallel"])
    def test_no_source_serves_more_than_three_pairs(self, cases: list[Case]) -> None:
        pairs = defaultdict(set)
        for case in cases:
            pairs[source_of(case)].add(case["pair"])
        assert not [text for text, used in pairs.items() if len(used) > 3]

    def test_no_claim_occurs_twice_on_one_source(self) -> None:
        claims = Counter((case["answer"], source_of(case)) for case in CASES)
        assert not [claim for claim, count in claims.items() if count > 1]


class TestMinimalPairs:
    def test_every_pair_has_both_labels_on_one_source(self) -> None:
        for name, pair in by_pair(MINIMAL).items():
            good, bad = pair
            assert (good["label"], bad["label"]) == ("supported", "unsupported"), name
            for field in ("lang", "kind", "wording", "sources"):
                assert good[field] == bad[field], name

    def test_two_claims_differ_in_the_spans_only(self) -> None:
        for name, (good, bad) in by_pair(MINIMAL).items():
            assert good["answer"] != bad["answer"], name
            at = 0
            for piece in kept_pieces(bad):
                found = good["answer"].find(piece, at)
                assert found >= 0, (name, piece)
                at = found + len(piece)
            mine, theirs = Counter(words(good["answer"])), Counter(words(bad["answer"]))
            assert (mine & theirs).total() >= 0.6 * max(mine.total(), theirs.total()), name

    def test_counts(self) -> None:
        pairs = [case for case in MINIMAL if case["label"] == "supported"]
        assert len(pairs) >= 330
        per_kind = Counter(case["kind"] for case in pairs)
        assert set(per_kind) == CHANGES
        assert min(per_kind.values()) >= 25
        per_language = Counter((case["kind"], case["lang"]) for case in pairs)
        assert min(per_language[kind, language] for kind in CHANGES for language in LANGUAGES) >= 12
        languages = Counter(case["lang"] for case in pairs)
        assert languages["en"] == languages["es"]
        assert 0.4 <= sum(case["wording"] == "close" for case in pairs) / len(pairs) <= 0.6

    def test_false_words_often_stand_elsewhere_in_the_source(self) -> None:
        bad = [case for case in MINIMAL if case["spans"]]
        marked = [[case["answer"][span["start"] : span["end"]] for span in case["spans"]] for case in bad]
        inside = [all(text in source_of(case) for text in texts) for case, texts in zip(bad, marked, strict=True)]
        assert sum(inside) >= 0.3 * len(bad)


class TestParallel:
    def test_both_languages_carry_the_same_label(self) -> None:
        for name, pair in by_pair(PARALLEL).items():
            english, spanish = pair
            assert (english["lang"], spanish["lang"]) == LANGUAGES, name
            for field in ("label", "kind"):
                assert english[field] == spanish[field], name
            assert english["answer"] != spanish["answer"], name

    def test_counts(self) -> None:
        labels = Counter((case["lang"], case["label"]) for case in PARALLEL)
        assert labels == {(language, label): 100 for language in LANGUAGES for label in ("supported", "unsupported")}
        unsupported = Counter(case["kind"] for case in PARALLEL if case["spans"])
        assert set(unsupported) == CHANGES - {"other"} | {"addition", "inference"}
        assert min(unsupported.values()) >= 10
        supported = Counter(case["kind"] for case in PARALLEL if not case["spans"])
        assert supported.keys() >= WAYS_TO_SUPPORT
        assert min(supported[kind] for kind in WAYS_TO_SUPPORT) >= 20

    def test_verbatim_claims_stand_in_the_source(self) -> None:
        verbatim = [case for case in PARALLEL if case["kind"] == "verbatim"]
        assert not [case["id"] for case in verbatim if case["answer"].removesuffix(".") not in source_of(case)]
