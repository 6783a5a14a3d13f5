"""The voice without a language model: answers by quoting the sentences that answer, and declines when none does.

Sentences are ranked by a logistic regression over language-neutral features and what the cross-encoder reads in the passages,
and a second one says from the best of them how likely it is that the passages answer at all (`quote.json`, which says how both
were fitted). It cannot reason over several sentences or compute.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import exp, log
from typing import Any

from ingest.embedder import Embedder
from ingest.sentences import trim
from rag.answers import Passage
from rag.crossencoder.runtime import CrossEncoder
from rag.generators import Draft, Quote, Request
from rag.generators.quote_features import Asked, Candidate, features, find_candidates, lexical_score
from rag.generators.quote_kinds import asked_kind
from rag.generators.quote_network import network_features
from rag.generators.quote_reading import MAX_QUOTE_CHARS

_MAX_CANDIDATES, _BY_WORDS = 40, 30


@dataclass(frozen=True)
class Ranked:
    """A candidate with its features and the log-odds that it is the sentence that answers."""

    candidate: Candidate
    features: Mapping[str, float]
    logit: float


class Line:
    """One logistic regression: names and weights of features, and an intercept."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        """Take `weights` by feature name, those that were `fixed` by hand, and `intercept`."""
        self._weights = {str(name): float(weight) for name, weight in parameters["weights"].items()}
        self._weights.update((str(name), float(weight)) for name, weight in parameters.get("fixed", {}).items())
        self._intercept = float(parameters["intercept"])

    def logit(self, values: Mapping[str, float]) -> float:
        """Log-odds of the positive class."""
        return self._intercept + sum(weight * values.get(name, 0.0) for name, weight in self._weights.items())


class QuoteGenerator:
    """Quotes the sentences that answer. `threshold`: probability below which it declines, None for the fitted one."""

    name = "quote"

    def __init__(
        self,
        embedder: Embedder | None = None,
        *,
        threshold: float | None = None,
        max_quotes: int = 5,
        parameters: Mapping[str, Any] | None = None,
        network: CrossEncoder | None = None,
    ) -> None:
        """Without an embedder sentences are not compared by meaning. `parameters`, `network` None: those of the package."""
        found = parameters or json.loads(files("rag.generators").joinpath("quote.json").read_text(encoding="utf-8"))
        self.version = str(found["version"])
        self._pick = Line(found["pick"])
        self._answer = Line(found["answer"])
        self._thresholds = {str(k): float(v) for k, v in found["thresholds"].items()}
        self._further = float(found["further"])
        self._further_open, self._beside_open = float(found["further_open"]), float(found["beside_open"])
        self.threshold = threshold
        self._embedder = embedder
        self._network = network or CrossEncoder()
        self.max_quotes = max_quotes

    def generate(self, request: Request) -> Draft:
        """Quote from the passages, or decline.

        Raises: EmbedderError when the embedder cannot be loaded.
        """
        ranked = self.rank(request)
        if not ranked:
            return Draft(declined=True)
        probability = self._probability(ranked)
        is_known = bool(ranked[0].features["has_cosine"])
        threshold = self._thresholds["known" if is_known else "unknown"] if self.threshold is None else self.threshold
        quotes = self._quotes(request, ranked, probability)
        return Draft(declined=True, doubtful=quotes) if probability < threshold else Draft(quotes=quotes)

    def answerable(self, request: Request) -> float:
        """Probability in [0, 1] that the passages answer the question at all.

        Raises: EmbedderError, CheckerError when a model cannot be loaded.
        """
        ranked = self.rank(request)
        return self._probability(ranked) if ranked else 0.0

    def _probability(self, ranked: Sequence[Ranked]) -> float:
        return sigmoid(self._answer.logit(question_features(ranked)))

    def rank(self, request: Request) -> list[Ranked]:
        """The candidates that are worth a close look, best first."""
        candidates = find_candidates(request.passages)
        asked = Asked(request.question, request.language, candidates)
        if not asked.words:
            return []
        rough = [lexical_score(asked, candidate) for candidate in candidates]
        reads = network_features(self._network, request.question, request.passages, candidates)
        chosen = _worth_a_look(rough, [read["net_span"] for read in reads])
        cosines = self._cosines(request, [candidates[i] for i in chosen])
        ranked = []
        for i, cosine in zip(chosen, cosines, strict=True):
            candidate, read = candidates[i], reads[i]
            values = features(asked, candidate, candidate.passage, cosine) | read
            if values["rival"]:
                continue  # it speaks of another member of the series: worse than no answer, however well it fits
            ranked.append(Ranked(candidate, values, self._pick.logit(values)))
        return sorted(ranked, key=lambda item: -item.logit)

    def _cosines(self, request: Request, candidates: Sequence[Candidate]) -> list[float | None]:
        """Cosine of question and candidate, None in a language that the embedder does not know."""
        languages = self._embedder.languages if self._embedder else ()
        if self._embedder is None or not (languages is None or request.language in languages):
            return [None] * len(candidates)
        known = [i for i, c in enumerate(candidates) if languages is None or c.language in languages]
        found: list[float | None] = [None] * len(candidates)
        if known:
            vectors = self._embedder.encode([embedded_words(candidates[i]) for i in known])
            cosines = vectors @ self._embedder.encode_queries([request.question])[0]
            for i, cosine in zip(known, cosines, strict=True):
                found[i] = float(cosine)
        return found

    def _quotes(self, request: Request, ranked: Sequence[Ranked], probability: float) -> tuple[Quote, ...]:
        """The best candidate and those that come close to it and add something, in the order in which they read best.

        A question that asks for no figure, date, person or place is answered at length: there further sentences need not come
        as close, and one before or behind a quoted one even less.
        """
        passages, best = request.passages, ranked[0]
        is_open = not asked_kind(request.question)
        further = self._further_open if is_open else self._further
        beside = self._beside_open if is_open else self._further
        quotes: list[Quote] = []
        for item in ranked:
            if item.logit < best.logit - max(further, beside) or len(quotes) >= self.max_quotes:
                break
            unit, number = item.candidate.unit, item.candidate.passage
            start, end = trim(passages[number].text, unit.start, unit.end)
            is_beside = unit.kind == "sentence" and any(_adjoins(passages, quote, number, start, end) for quote in quotes)
            if item.logit < best.logit - (beside if is_beside else further if unit.kind == "sentence" else self._further):
                continue
            quote = Quote(number, start, end, round(probability * min(1.0, exp(item.logit - best.logit)), 6))
            if not any(_says_the_same(passages, quote, other) for other in quotes):
                quotes.append(quote)
        return _arranged(_merged(passages, quotes))


def _worth_a_look(rough: Sequence[float], spans: Sequence[float]) -> list[int]:
    """Places of the best by their words, and of the best of the others by what the cross-encoder reads in them."""
    by_words = sorted(range(len(rough)), key=lambda i: (-rough[i], i))
    others = sorted(by_words[_BY_WORDS:], key=lambda i: -spans[i])
    return sorted([*by_words[:_BY_WORDS], *others[: _MAX_CANDIDATES - _BY_WORDS]])


def question_features(ranked: Sequence[Ranked]) -> dict[str, float]:
    """What says whether the passages answer at all: the best candidate's features and its lead over the others."""
    best = ranked[0]
    others = [item.logit for item in ranked[1:]]
    second = others[0] if others else best.logit - 4
    return {
        **best.features,
        "logit": best.logit,
        "lead": min(best.logit - second, 4.0),
        "crowd": log(sum(exp(min(item.logit - best.logit, 0.0)) for item in ranked)),
        "top_passage": max(item.features["passage"] for item in ranked),
        "top_cosine": max(item.features["cosine"] for item in ranked),
        "top_own": max(item.features["own"] for item in ranked),
        "top_net_passage": max(item.features["net_passage"] for item in ranked),
        "top_net_span": max(item.features["net_span"] for item in ranked),
    }


def embedded_words(candidate: Candidate) -> str:
    """What the embedder reads of a candidate: title and headings, the line that it belongs to, and its own text."""
    return "\n".join(part for part in (candidate.context, candidate.unit.frame_text, candidate.unit.text) if part)


def sigmoid(value: float) -> float:
    """Logistic function, safe for large values of either sign."""
    return 1 / (1 + exp(-value)) if value >= 0 else exp(value) / (1 + exp(value))


def _says_the_same(passages: Sequence[Passage], left: Quote, right: Quote) -> bool:
    """True where one quote holds the other, by place or by its words."""
    if left.passage == right.passage and left.start < right.end and right.start < left.end:
        return True
    a, b = (_plain(passages[quote.passage].text[quote.start : quote.end]) for quote in (left, right))
    return a in b or b in a


def _adjoins(passages: Sequence[Passage], quote: Quote, passage: int, start: int, end: int) -> bool:
    """True where nothing but white space, and no empty line, lies between a quote and a range of the same passage."""
    if quote.passage != passage:
        return False
    between = passages[passage].text[min(end, quote.end) : max(start, quote.start)]
    return not between.strip() and "\n\n" not in between


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold().strip("*-• .|")


def _merged(passages: Sequence[Passage], quotes: Sequence[Quote]) -> list[Quote]:
    """Make one quote of neighbours in a passage that have nothing but white space between them."""
    found: list[Quote] = []
    for quote in sorted(quotes, key=lambda quote: (quote.passage, quote.start)):
        last = found[-1] if found else None
        is_next = (
            last is not None
            and last.passage == quote.passage
            and not passages[quote.passage].text[last.end : quote.start].strip()
            and "\n\n" not in passages[quote.passage].text[last.end : quote.start]
            and quote.end - last.start <= MAX_QUOTE_CHARS
        )
        if last is not None and is_next:
            found[-1] = Quote(last.passage, last.start, quote.end, max(last.score, quote.score))
        else:
            found.append(quote)
    return found


def _arranged(quotes: Sequence[Quote]) -> tuple[Quote, ...]:
    """Quotes of one passage in text order, passages by their best quote."""
    best: dict[int, float] = {}
    for quote in quotes:
        best[quote.passage] = max(best.get(quote.passage, 0.0), quote.score)
    return tuple(sorted(quotes, key=lambda quote: (-best[quote.passage], quote.passage, quote.start)))
