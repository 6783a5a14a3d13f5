"""How well the evidence covers a claim: features in any language, and the logistic regression that makes them a probability.

Coverage is counted in stems, never in meaning: a paraphrase scores low, and a claim that puts the words of the evidence
together wrongly may score high. `SupportModel` is the seam at which a model that reads both texts takes its place
(`entailment`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from math import exp, log1p
from typing import Any, Protocol

from rag.checker.evidence import Evidence, Word, content_words, figures, language_of
from rag.checker.flags import flag_agreement
from rag.checker.gates import Finding

_CANDIDATES = 8  # sentences looked at closely, a guess that keeps long sources quick
_PREFIX_CREDIT = 0.6


@dataclass(frozen=True)
class Reading:
    """A claim laid beside its evidence, what the gates missed in it, and whether a sentence of the evidence speaks of it."""

    alignment: "Alignment"
    findings: Sequence[Finding] = ()
    context: str = ""
    speaks: bool = True

    @property
    def claim(self) -> str:
        """The claim's text."""
        return self.alignment.claim

    @cached_property
    def features(self) -> dict[str, float]:
        """What a regression weighs."""
        return features(self.alignment, self.findings)


@dataclass(frozen=True)
class Support:
    """What a model says of one claim.

    `probability` in [0, 1] that the evidence supports it; `is_contradicted`: the evidence says otherwise, where the model can
    tell; `unsupported`: the characters of the claim that it holds to be wrong, where it can point at them; `weakest`: those of
    the one word that it doubts most, where the claim is close to supported and no more should be marked; `log_odds` of support
    by a model that has read both texts, 0 where none has: from some height on it is heard against gates of wording and where
    the evidence shares few words with the claim.
    """

    probability: float
    is_contradicted: bool = False
    unsupported: tuple[tuple[int, int], ...] = ()
    log_odds: float = 0.0
    weakest: tuple[tuple[int, int], ...] = ()


class SupportModel(Protocol):
    """What turns readings into probabilities of support; the threshold belongs to the model whose scale it is on."""

    name: str
    version: str
    threshold: float

    def assess(self, readings: Sequence[Reading]) -> list[Support]:
        """Say of each reading how far the evidence supports the claim."""
        ...


class LogisticSupport:
    """Logistic regression over the features; coefficients from `support.json`, which says how they were fitted."""

    def __init__(self, parameters: Mapping[str, Any] | None = None) -> None:
        """Take the coefficients given, or those that ship with the package."""
        found = parameters or json.loads(files("rag.checker").joinpath("support.json").read_text(encoding="utf-8"))
        self.name = str(found["name"])
        self.version = str(found["version"])
        self.threshold = float(found["threshold"])
        self._weights = {str(name): float(value) for name, value in found["weights"].items()}
        self._intercept = float(found["intercept"])

    def assess(self, readings: Sequence[Reading]) -> list[Support]:
        """Say of each reading how likely it is that the evidence supports the claim."""
        return [
            Support(sigmoid(self._intercept + sum(weight * reading.features[name] for name, weight in self._weights.items())))
            for reading in readings
        ]


class Alignment:
    """A claim's content words laid over the evidence: which are found, and which sentences hold most of them."""

    def __init__(self, claim: str, evidence: Evidence, context: str = "") -> None:
        """Look every word of the claim up; `context` helps to find the sentences but need not be covered."""
        self.claim = claim
        self.evidence = evidence
        self.words: list[Word] = content_words(claim, evidence.language)
        self.leans_on = context
        self.context = frozenset(term for word in content_words(context, evidence.language) for term in word.terms)
        agreed = evidence.agreeing(figures(claim, language_of(claim, evidence.language)))
        # Sentences that hold a word's number or date in another notation: "two weeks" for "14 days".
        self.elsewhere = [
            frozenset(n for start, end, numbers in agreed if start <= word.start < end for n in numbers) for word in self.words
        ]
        vocabulary = evidence.postings.keys()
        self.found = [1.0 if also else _credit(w, vocabulary) for w, also in zip(self.words, self.elsewhere, strict=True)]
        self.weights = [evidence.weight(word.key) for word in self.words]
        self.candidates = self._candidates()

    def _candidates(self) -> list[int]:
        sums: dict[int, float] = {}
        for term in {term for word in self.words for term in word.terms}:
            for number in self.evidence.postings.get(term, ()):
                sums[number] = sums.get(number, 0.0) + self.evidence.weight(term)
        for term in self.context:
            for number in self.evidence.postings.get(term, ()):
                if number in sums:
                    sums[number] += 0.1 * self.evidence.weight(term)
        for word, numbers in zip(self.words, self.elsewhere, strict=True):
            for number in numbers:
                if word.key not in self.evidence.bags[number]:
                    sums[number] = sums.get(number, 0.0) + self.evidence.weight(word.key)
        return sorted(sums, key=lambda number: (-sums[number], number))[:_CANDIDATES]

    def covered(self, numbers: Sequence[int]) -> list[float]:
        """For each word of the claim, how far these sentences together hold it, in [0, 1]."""
        bag = frozenset().union(*(self.evidence.bags[number] for number in numbers))
        return [
            1.0 if not also.isdisjoint(numbers) else _credit(word, bag)
            for word, also in zip(self.words, self.elsewhere, strict=True)
        ]

    def share(self, numbers: Sequence[int]) -> float:
        """Weighted share of the claim's words that these sentences hold; 1 for a claim without content words."""
        return _mean(self.covered(numbers), self.weights)

    @cached_property
    def flags(self) -> int:
        """Does the claim say of the flags of a record what the record says? (`flag_agreement`)."""
        return flag_agreement(self.claim, self.evidence)

    @cached_property
    def closest(self) -> list[int]:
        """The candidates by the share of the claim that each holds, nearest first."""
        return sorted(self.candidates, key=lambda number: -self.share([number]))

    def is_missing(self, index: int) -> bool:
        """True if no form of word `index` stands in the evidence."""
        word = self.words[index]
        if self.found[index] >= 0.5:
            return False
        return not _has_prefix(word, self.evidence)


def features(alignment: Alignment, findings: Sequence[Finding]) -> dict[str, float]:
    """What the regression weighs. All are shares or counts, so that they mean the same in every language."""
    words, evidence = alignment.words, alignment.evidence
    n = len(words)
    soft = _soft(alignment)
    fresh = [i for i, word in enumerate(words) if word.key not in alignment.context]
    closest = alignment.closest
    best = alignment.covered(closest[:1]) if closest else [0.0] * n
    windows = [alignment.share(evidence.window(number)) for number in closest[:3]]
    three = _greedy(alignment)
    beside = [pair in evidence.pairs for pair in zip((w.key for w in words), (w.key for w in words[1:]), strict=False)]
    missing = sum(1 - credit for credit in soft)
    kinds = [finding.kind for finding in findings]
    return {
        "all": _mean(soft),
        "all_weighted": _mean(soft, alignment.weights),
        "all_whole": float(missing < 0.5),
        "fresh": _mean([soft[i] for i in fresh]),
        "best": _mean(best),
        "best_weighted": _mean(best, alignment.weights),
        "window": max(windows, default=0.0),
        "three": three,
        "pairs": sum(beside) / len(beside) if beside else _mean(soft),
        "run": _longest(beside) / n if n else 1.0,
        "missing": log1p(missing),
        "words": log1p(n),
        "flags": float(alignment.flags),
        "evidence": log1p(len(evidence.sentences)),
        "miss_number": float("number" in kinds),
        "miss_date": float("date" in kinds),
        "miss_name": log1p(kinds.count("name")),
        "miss_identifier": float("identifier" in kinds),
        "miss_quotation": float("quotation" in kinds),
        "miss_negation": float("negation" in kinds),
    }


def coverage(alignment: Alignment) -> float:
    """Weighted share of the claim's words that the evidence holds anywhere, in any form."""
    return _mean(_soft(alignment), alignment.weights)


def _soft(alignment: Alignment) -> list[float]:
    return [
        max(credit, _PREFIX_CREDIT if credit < 0.5 and _has_prefix(word, alignment.evidence) else 0.0)
        for word, credit in zip(alignment.words, alignment.found, strict=True)
    ]


def sigmoid(value: float) -> float:
    """Logistic function, safe for large values of either sign."""
    return 1 / (1 + exp(-value)) if value >= 0 else exp(value) / (1 + exp(value))


def _credit(word: Word, bag: "frozenset[str] | Mapping[str, Any] | Any") -> float:
    """1 if the bag has the whole word, else the share of its parts that it has."""
    if word.terms[0] in bag:
        return 1.0
    parts = word.terms[1:]
    return sum(part in bag for part in parts) / len(parts) if parts else 0.0


def _has_prefix(word: Word, evidence: Evidence) -> bool:
    key = word.key
    return len(key) >= 5 and key.isalpha() and key[: max(4, min(6, len(key) - 2))] in evidence.prefixes


def _mean(values: Sequence[float], weights: Sequence[float] | None = None) -> float:
    if not values:
        return 1.0
    if weights is None:
        return sum(values) / len(values)
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


def _greedy(alignment: Alignment, most: int = 3) -> float:
    """Share of the claim that the best three sentences hold together, each chosen for what it adds."""
    covered = [0.0] * len(alignment.words)
    left = [alignment.covered([number]) for number in alignment.candidates]
    for _ in range(most):
        if not left:
            break
        merged = [[max(a, b) for a, b in zip(covered, row, strict=True)] for row in left]
        best = max(range(len(left)), key=lambda i: _mean(merged[i], alignment.weights))
        covered = merged[best]
        left.pop(best)
    return _mean(covered, alignment.weights)


def _longest(flags: Sequence[bool]) -> int:
    """Words in the longest stretch whose neighbours stand together in the evidence too."""
    longest = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        longest = max(longest, run + 1 if run else 0)
    return longest
