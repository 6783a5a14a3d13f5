"""Fit the quoting voice: build examples from question sets, fit the two regressions, write `quote.json`.

`python -m rag.generators.fit_quote --bench DIR [--limit N]`. Retrieval is a small one in memory (BM25 and, where the embedder
knows the language, cosines), so that the fit needs no store. It learns from sets whose terms allow it and from the questions
written for this project; figures that it prints are of documents left out of the fit.
"""

import argparse
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.analysis import terms
from ingest.chunker import embedded_text
from ingest.documents import Chunk
from ingest.embedder import Embedder, SentenceTransformerEmbedder
from rag.answers import Passage
from rag.bm25 import Bm25
from rag.crossencoder.training.held_out import is_held_out, topic
from rag.evaluation.answers import is_contained
from rag.evaluation.caching import CachingEmbedder
from rag.generators import Request
from rag.generators.question_sets import load_set, written_sets
from rag.generators.quote import QuoteGenerator, Ranked, question_features

TRAINING_SETS = ("squad2", "squad_es", "xquad_en", "xquad_es", "xquad_de", "clapnq")
WRITTEN = Path("data/checking/training")
_DENSE_SHARE = 0.45
_MIN_SHARE = 0.9  # of a gold span's characters that a right sentence holds
_FOLDS = 5
_PICK_PENALTY, _ANSWER_PENALTY = 3e-4, 2e-3
_ELSEWHERE = " elsewhere"
# Log-odds by which a further quote may be worse than the best; for open questions a sentence, and one that adjoins a quote.
_FURTHER, _FURTHER_OPEN, _BESIDE_OPEN = 0.5, 2.2, 6.0
_VERSION = "4"
_WRONG_SHARE = 0.25  # of unanswerable questions that are answered at the thresholds at which the figures are reported
# Probabilities from which an answer is given, with cosines and without: at the first a quarter of SQuAD 2's unanswerable
# questions are answered (the whole way, 200 questions), at the second three in ten of those of NoMIRACL in Spanish.
_THRESHOLDS = {"known": 0.55, "unknown": 0.58}
# What a feature may speak for. Without this, features that go together get weights against each other that hold for these
# sets alone.
_FOR = frozenset(
    """own own_plain own_whole above window passage passage_whole heaviest pairs cosine fresh lowest rank asked kind_why
    kind_money kind_duration kind_percent kind_number kind_when kind_where kind_who logit lead top_passage top_cosine
    top_own net_passage net_span net_best top_net_passage top_net_span""".split()
)
_AGAINST = frozenset(
    """missing gap gaps figure_missing_own figure_missing_above figure_missing name_missing_own name_missing_above name_missing
    opposite negation_differs short crowd leans""".split()
)
# The public sets are articles: no series of products, no FAQ, and tables are but a part of the others. What they cannot teach
# is set by hand.
_UNTAUGHT = frozenset(
    """first short own_whole rival identifier_missing identifier_own asked is_row is_item is_list is_cells negated
    figure_lacking""".split()
)
_FIXED_PICK = {"short": -0.5, "own_whole": 0.3, "identifier_missing": -2.0, "identifier_own": 2.0, "asked": 1.0}
_FIXED_ANSWER = {"own_whole": 0.8, "identifier_missing": -4.0, "identifier_own": 2.0, "figure_missing": -2.5, "asked": 1.0}
_FIXED_ANSWER["figure_lacking"] = -3.0  # "How many?", and no number in the sentence
# Questions that people asked a search engine, and those that use other words than what they ask of, count more than those
# written for a paragraph, of which there are many more.
_SET_WEIGHTS = {"clapnq": 4.0, "xquad_en": 0.5, "xquad_es": 0.5, "xquad_de": 0.5}
_SET_WEIGHTS |= dict.fromkeys(("written_en", "written_es", "written_de", "written_fr"), 4.0)
_ELSEWHERE_WEIGHT = 3.0  # an answer to what no document is about is the worst of all
Array = NDArray[np.float64]


class MemoryIndex:
    """BM25 and cosines over the chunks of one corpus, for measurements."""

    def __init__(self, chunks: Sequence[Chunk], embedder: Embedder, language: str) -> None:
        """Index the chunks; vectors only where the embedder knows the questions' `language`."""
        self.chunks = list(chunks)
        self._embedder = embedder
        is_known = embedder.languages is None or language in embedder.languages
        self._vectors = embedder.encode([embedded_text(chunk) for chunk in chunks]) if is_known else None
        self._index = Bm25(terms(f"{chunk.context}\n{chunk.text}", chunk.language) for chunk in chunks)

    def search(self, question: str, language: str, top_k: int = 10, among: frozenset[str] | None = None) -> list[Passage]:
        """The best passages for a question, of the documents `among` where they are given."""
        scores = self._index.scores(terms(question, language))
        if self._vectors is not None:
            dense = self._vectors @ self._embedder.encode_queries([question])[0]
            scores = (1 - _DENSE_SHARE) * _standard(scores) + _DENSE_SHARE * _standard(dense.astype(np.float64))
        if among is not None:
            scores = np.where([chunk.document in among for chunk in self.chunks], scores, -np.inf)
        order = [int(i) for i in np.argsort(-scores, kind="stable")[:top_k] if np.isfinite(scores[i])]
        return [_passage(self.chunks[i], float(scores[i]), rank) for rank, i in enumerate(order, start=1)]


def _standard(scores: Array) -> Array:
    top = np.sort(scores)[-100:]
    return np.asarray((scores - top.mean()) / (top.std() + 1e-9))


def _passage(chunk: Chunk, score: float, rank: int) -> Passage:
    return Passage(
        chunk=chunk.id, document=chunk.document, start=chunk.start, end=chunk.end, text=chunk.text, page=chunk.page,
        score=score, rank=rank, context=chunk.context, language=chunk.language,
    )  # fmt: skip


@dataclass(frozen=True)
class Example:
    """One question: candidates as ranked when it was built, and which of them hold a whole gold item.

    `source` is the set, with " elsewhere" behind it where the question was asked of all documents but its own.
    """

    source: str
    document: str
    is_answerable: bool
    candidates: tuple[Ranked, ...]
    is_right: tuple[bool, ...]


def right_candidates(question: Mapping[str, Any], passages: Sequence[Passage], ranked: Sequence[Ranked]) -> tuple[bool, ...]:
    """For each candidate, whether it holds at least 90 % of the characters of a gold item."""
    found = []
    for item in ranked:
        passage, unit = passages[item.candidate.passage], item.candidate.unit
        start, end = passage.start + unit.start, passage.start + unit.end
        found.append(
            any(
                gold["document"] == passage.document
                and gold["start"] is not None
                and min(end, gold["end"]) - max(start, gold["start"]) >= _MIN_SHARE * (gold["end"] - gold["start"])
                for gold in question["gold"]
            )
        )
    return tuple(found)


def all_examples(bench: Path, written: Path, embedder: Embedder, limit: int | None) -> Iterator[Example]:
    """Of every set the questions from which the cross-encoder learnt nothing: the others it knows too well to be trusted."""
    for name in TRAINING_SETS:
        chunks, questions = load_set(bench / name, embedder)
        kept = [question for question in questions if is_held_out(name, topic(question))]
        yield from examples(name, chunks, kept, embedder, limit)
    for name, chunks, questions in written_sets(written, embedder):
        yield from examples(name, chunks, questions, embedder, limit)


def examples(
    name: str, chunks: Sequence[Chunk], questions: Sequence[dict[str, Any]], embedder: Embedder, limit: int | None
) -> Iterator[Example]:
    """Retrieve for the questions of a set, and compute the features of every candidate sentence."""
    print(f"reading {name}", file=sys.stderr)
    if limit is not None and limit < len(questions):
        questions = random.Random(7).sample(questions, limit)
    index = MemoryIndex(chunks, embedder, questions[0]["lang"])
    generator = QuoteGenerator(embedder)
    for number, question in enumerate(questions):
        passages = index.search(question["question"], question["lang"])
        about = question.get("about") or (question["gold"] or [{"document": passages[0].document}])[0]
        ranked = generator.rank(Request(question["question"], passages, question["lang"]))
        right = right_candidates(question, passages, ranked)
        yield Example(name, about["document"], question["answerable"], tuple(ranked), right)
        others = _elsewhere(index, question, about["document"], number)
        if others and not any(is_contained(question["answers"], passage.text, passage.language) for passage in others):
            ranked = generator.rank(Request(question["question"], others, question["lang"]))
            yield Example(f"{name}{_ELSEWHERE}", about["document"], False, tuple(ranked), (False,) * len(ranked))


def _elsewhere(index: MemoryIndex, question: Mapping[str, Any], own: str, number: int) -> list[Passage]:
    """Passages of other documents: for a third of the questions the best, for a third any, for the others none.

    The sets ask of what is there, or nearly. People also ask of what no document is about.
    """
    rng = random.Random(number)
    others = sorted({chunk.document for chunk in index.chunks} - {own})
    if number % 3 == 2 or not others:
        return []
    among = others if number % 3 == 0 else rng.sample(others, min(2, len(others)))
    found = index.search(question["question"], question["lang"], among=frozenset(among))
    return found if number % 3 == 0 else rng.sample(found, min(5, len(found)))


@dataclass(frozen=True)
class Regression:
    """A fitted logistic regression: names, weights on the features as they are, intercept."""

    names: tuple[str, ...]
    weights: Array
    intercept: float
    fixed: Mapping[str, float]

    def __call__(self, table: Array) -> Array:
        """Log-odds for each row of features."""
        by_hand = np.array([self.fixed.get(name, 0.0) for name in self.names])
        return np.asarray(table @ (self.weights + by_hand) + self.intercept)

    def to_json(self) -> dict[str, Any]:
        """Return what `quote.json` holds of it."""
        pairs = [(name, round(float(value), 4)) for name, value in zip(self.names, self.weights, strict=True)]
        weights = {name: value for name, value in pairs if value}
        return {"intercept": round(self.intercept, 4), "weights": weights, "fixed": dict(self.fixed)}


def fit_pick(found: Sequence[Example]) -> Regression:
    """Fit which sentence of those on offer is right: a conditional logit, each question counting once."""
    from scipy.optimize import minimize

    usable = [example for example in found if any(example.is_right)]
    names = tuple(usable[0].candidates[0].features)
    table = np.array([list(item.features.values()) for example in usable for item in example.candidates])
    right = np.array([flag for example in usable for flag in example.is_right], dtype=float)
    lengths = [len(example.candidates) for example in usable]
    starts, of = np.cumsum([0, *lengths[:-1]]), np.repeat(np.arange(len(usable)), lengths)
    scale = table.std(axis=0) + 1e-6
    scaled = table / scale

    def loss(weights: Array) -> tuple[float, Array]:
        scores = scaled @ weights
        mass = np.exp(scores - np.maximum.reduceat(scores, starts)[of])
        whole, good = np.add.reduceat(mass, starts), np.add.reduceat(mass * right, starts)
        gradient = scaled.T @ (mass * right / good[of] - mass / whole[of])
        value = -np.log(good / whole).mean() + _PICK_PENALTY * weights @ weights
        return float(value), -gradient / len(usable) + 2 * _PICK_PENALTY * weights

    solved = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B", bounds=_bounds(names))
    return Regression(names, solved.x / scale, 0.0, _FIXED_PICK)


def _bounds(names: Sequence[str]) -> list[tuple[float | None, float | None]]:
    return [
        (0.0, 0.0) if name in _UNTAUGHT else (0.0, None) if name in _FOR else (None, 0.0) if name in _AGAINST else (None, None)
        for name in names
    ]


def fit_answer(found: Sequence[Example], pick: Regression) -> Regression:
    """Fit whether the best sentence answers; answerable questions for which it is the wrong one teach nothing here."""
    from scipy.optimize import minimize

    rows, labels, counts = [], [], []
    for example in found:
        ranked, right = reranked(example, pick)
        if right[0] or not example.is_answerable:
            rows.append(question_features(ranked))
            labels.append(1.0 if example.is_answerable else -1.0)
            weight = _SET_WEIGHTS.get(example.source.removesuffix(_ELSEWHERE), 1.0)
            counts.append(weight * _ELSEWHERE_WEIGHT if example.source.endswith(_ELSEWHERE) else weight)
    names = tuple(rows[0])
    table = np.array([list(row.values()) for row in rows])
    by_hand = table @ np.array([_FIXED_ANSWER.get(name, 0.0) for name in names])
    signs, shares = np.array(labels), np.array(counts) / sum(counts)
    mean, scale = table.mean(axis=0), table.std(axis=0) + 1e-6
    scaled = np.hstack([(table - mean) / scale, np.ones((len(table), 1))])

    def loss(weights: Array) -> tuple[float, Array]:
        margins = signs * (scaled @ weights + by_hand)
        shrunk = np.append(weights[:-1], 0.0)
        gradient = -(scaled.T @ (shares * signs / (1 + np.exp(margins)))) + 2 * _ANSWER_PENALTY * shrunk
        return float(shares @ np.logaddexp(0, -margins) + _ANSWER_PENALTY * shrunk @ shrunk), gradient

    start = np.zeros(len(names) + 1)
    solved = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[*_bounds(names), (None, None)])
    weights = solved.x[:-1] / scale
    return Regression(names, weights, float(solved.x[-1] - mean @ weights), _FIXED_ANSWER)


def reranked(example: Example, pick: Regression) -> tuple[list[Ranked], list[bool]]:
    """The candidates in the order of another regression, and their labels in the same order."""
    logits = pick(np.array([list(item.features.values()) for item in example.candidates]))
    order = np.argsort(-logits, kind="stable")
    ranked = [Ranked(example.candidates[i].candidate, example.candidates[i].features, float(logits[i])) for i in order]
    return ranked, [example.is_right[i] for i in order]


def judged(found: Sequence[Example], pick: Regression, answer: Regression) -> tuple[Array, NDArray[np.bool_]]:
    """For each example the probability that it is answered, and whether the best sentence is right."""
    rows, right = [], []
    for example in found:
        ranked, flags = reranked(example, pick)
        rows.append(list(question_features(ranked).values()))
        right.append(flags[0])
    return 1 / (1 + np.exp(-answer(np.array(rows)))), np.array(right)


def cross_validated(found: Sequence[Example]) -> tuple[Array, NDArray[np.bool_]]:
    """What `judged` says of each example when its document was left out of the fit."""
    about = [(example.source.removesuffix(_ELSEWHERE), example.document) for example in found]
    documents = sorted(set(about))
    random.Random(11).shuffle(documents)
    fold = {document: number % _FOLDS for number, document in enumerate(documents)}
    folds = np.array([fold[document] for document in about])
    probabilities, right = np.zeros(len(found)), np.zeros(len(found), dtype=bool)
    for number in range(_FOLDS):
        rest = [example for example, own in zip(found, folds, strict=True) if own != number]
        held = [example for example, own in zip(found, folds, strict=True) if own == number]
        pick = fit_pick(rest)
        probabilities[folds == number], right[folds == number] = judged(held, pick, fit_answer(rest, pick))
    return probabilities, right


def report(found: Sequence[Example], probabilities: Array, right: NDArray[np.bool_], thresholds: Mapping[str, float]) -> Any:
    """Shares in percent for each set: abstained, wrongly answered, best sentence right."""
    lines: dict[str, dict[str, float]] = {}
    for source in dict.fromkeys(example.source for example in found):
        mask = np.array([example.source == source for example in found])
        answerable = np.array([example.is_answerable for example in found])
        known = next(e for e in found if e.source == source).candidates[0].features["has_cosine"]
        answered = probabilities >= thresholds["known" if known else "unknown"]
        yes, no = mask & answerable, mask & ~answerable
        lines[source] = {"n_answerable": int(yes.sum()), "n_unanswerable": int(no.sum())}
        if yes.any():
            lines[source]["best_sentence_right"] = round(100 * float(right[yes].mean()), 1)
            lines[source]["answerable_abstained"] = round(100 * float(1 - answered[yes].mean()), 1)
        if no.any():
            lines[source]["unanswerable_answered"] = round(100 * float(answered[no].mean()), 1)
    return lines


def thresholds_for(found: Sequence[Example], probabilities: Array) -> dict[str, float]:
    """For each class of language the threshold to report at: `_WRONG_SHARE` of a set's unanswerable questions pass it."""
    chosen = {}
    for name, source in (("known", "squad2"), ("unknown", "squad_es")):
        scores = [p for p, e in zip(probabilities, found, strict=True) if e.source == source and not e.is_answerable]
        chosen[name] = round(float(np.quantile(scores, 1 - _WRONG_SHARE)), 4) if scores else 0.5
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, required=True, help="folder with the question sets")
    parser.add_argument("--written", type=Path, default=WRITTEN, help="folder with the texts written for this project")
    parser.add_argument("--limit", type=int, help="most questions of a set")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("quote.json"))
    options = parser.parse_args(arguments)
    embedder = CachingEmbedder(SentenceTransformerEmbedder())
    found = [e for e in all_examples(options.bench, options.written, embedder, options.limit) if e.candidates]
    probabilities, right = cross_validated(found)
    thresholds = thresholds_for(found, probabilities)
    figures = report(found, probabilities, right, thresholds)
    print(json.dumps(figures, indent=1))
    pick = fit_pick(found)
    written = {
        "name": "quote",
        "version": _VERSION,
        "fitted": {
            "sets": list(dict.fromkeys(example.source.removesuffix(_ELSEWHERE) for example in found)),
            "n_questions": len(found),
            "limit": options.limit,
            "left_out_at": thresholds,
            "left_out": figures,
        },
        "thresholds": _THRESHOLDS,
        "further": _FURTHER,
        "further_open": _FURTHER_OPEN,
        "beside_open": _BESIDE_OPEN,
        "pick": pick.to_json(),
        "answer": fit_answer(found, pick).to_json(),
    }
    options.out.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
