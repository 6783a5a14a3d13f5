"""Does the evidence support the claim: a cross-encoder reads both, and a regression weighs what it says with the words covered.

The network says how likely support, contradiction and neither are, and which words of the claim it doubts. Its log-odds and the
coverage of `support` are joined by a logistic regression (`entailment.json`, which says how it was fitted) into one calibrated
probability. It reads at most `EVIDENCE_TOKENS` of the evidence, the best sentences first, and knows English best.
"""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from rag.checker.records import in_words
from rag.checker.selection import select_sentences
from rag.checker.support import Alignment, Reading, Support, sigmoid
from rag.crossencoder.inputs import Pair, count_tokens, pair
from rag.crossencoder.runtime import CrossEncoder, Read

_MOST = 8.0  # log-odds beyond this are no surer
_DOUBTED = 3  # the words doubted most
_MIN_SHARED = 0.5  # of the claim's words in its closest sentence, from which that sentence can contradict it


class CrossEncoderSupport:
    """The shipped support model."""

    def __init__(self, network: CrossEncoder | None = None, parameters: Mapping[str, Any] | None = None) -> None:
        """Take the network and the regression given, or those of the package. The weights are loaded on first use."""
        found = parameters or json.loads(files("rag.checker").joinpath("entailment.json").read_text(encoding="utf-8"))
        self._network = network or CrossEncoder()
        self.name = str(found["name"])
        self.version = f"{found['version']}-{found['weights_sha256']}"
        self.threshold = float(found["threshold"])
        self._word_threshold = float(found["word_threshold"])
        self._close = float(found["close"])
        self._weights = {str(name): float(value) for name, value in found["weights"].items()}
        self._intercept = float(found["intercept"])

    def assess(self, readings: Sequence[Reading]) -> list[Support]:
        """Say of each reading how likely support is, whether the evidence says otherwise, and which words are in doubt.

        Raises: CheckerError when the weights cannot be loaded.
        """
        pairs = [claim_pair(reading.alignment, reading.context) for reading in readings]
        reads = self._network.read([found for found, _ in pairs])
        return [
            self._support(reading, read, found, at) for reading, read, (found, at) in zip(readings, reads, pairs, strict=True)
        ]

    def _support(self, reading: Reading, read: Read, found: Pair, at: int) -> Support:
        values = {**reading.features, **network_features(read, found, at)}
        logit = self._intercept + sum(weight * values[name] for name, weight in self._weights.items())
        # It was taught contradiction on claims close to their evidence; of an unrelated text it says anything. And what is
        # likelier supported than not, all told, is at most unproved.
        is_contradicted = values["net_contradicted"] > 0 > logit and values["best"] >= _MIN_SHARED
        doubted = doubted_words(reading.claim, read, found, at, self._word_threshold)
        weakest = weakest_word(reading.claim, read, found, at) if sigmoid(logit) >= self._close else ()
        return Support(sigmoid(logit), is_contradicted, doubted, values["net_support"], weakest)


def claim_pair(alignment: Alignment, context: str = "") -> tuple[Pair, int]:
    """The input for a claim and its evidence, and at which character of the first text the claim starts."""
    numbers = select_sentences(alignment, lambda text: count_tokens(in_words(text)))
    lead = f"{context} " if context else ""
    return pair(lead + alignment.claim, " ".join(in_words(alignment.evidence.text(number)) for number in numbers)), len(lead)


def network_features(read: Read, found: Pair, at: int) -> dict[str, float]:
    """What the regression weighs of the network's output: log-odds of support, of contradiction, of doubt about words."""
    supported, contradicted, not_enough = (float(value) for value in read.support)
    tags = sorted((float(tag) for tag, (start, _) in zip(read.tags, found.first, strict=True) if start >= at), reverse=True)
    return {
        "net_support": _bounded(supported - np.logaddexp(contradicted, not_enough)),
        "net_contradicted": _bounded(contradicted - np.logaddexp(supported, not_enough)),
        "net_doubt": _bounded(tags[0]) if tags else -_MOST,
        "net_doubts": _bounded(float(np.mean(tags[:_DOUBTED]))) if tags else -_MOST,
        "net_doubt_mean": _bounded(float(np.mean(tags))) if tags else -_MOST,
    }


def doubted_words(claim: str, read: Read, found: Pair, at: int, threshold: float) -> tuple[tuple[int, int], ...]:
    """Ranges of the claim whose tokens are unsupported with log-odds of at least `threshold`, widened to whole words."""
    spans: list[tuple[int, int]] = []
    for tag, (start, end) in zip(read.tags, found.first, strict=True):
        if start < at or tag < threshold:
            continue
        start, end = start - at, end - at
        while start > 0 and claim[start - 1].isalnum() and claim[start].isalnum():
            start -= 1
        while end < len(claim) and claim[end - 1].isalnum() and claim[end].isalnum():
            end += 1
        if spans and start <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return tuple(spans)


def weakest_word(claim: str, read: Read, found: Pair, at: int) -> tuple[tuple[int, int], ...]:
    """The range of the word of the claim that is doubted most; empty for a claim of which the network read nothing."""
    tags = [float(tag) for tag, (start, _) in zip(read.tags, found.first, strict=True) if start >= at]
    return doubted_words(claim, read, found, at, max(tags))[:1] if tags else ()


def _bounded(value: float) -> float:
    return max(-_MOST, min(_MOST, float(value)))
