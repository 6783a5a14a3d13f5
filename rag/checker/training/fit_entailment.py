"""Fit what joins the cross-encoder with the covered words, choose the thresholds, measure how well calibrated the result is.

    python -m rag.checker.training.fit_entailment --bench DIR [--weights FILE] [--sources N] [--out FILE]

Reads the tenth of the sources of ragtruth_train that the network was not trained on. Every figure is of sources left out of the
fit (five folds); the coefficients that are written come from all of them. The threshold is the best for them and for
ragtruth_test together, whose answers are fewer unsupported and which is there for thresholds, not for coefficients.
"""

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from rag.checker.check import Checker, claim_items, fails
from rag.checker.entailment import claim_pair, doubted_words, network_features
from rag.checker.support import LogisticSupport
from rag.checker.training.fit_support import MIN_TOUCHED_CHARS, best_threshold, coefficients
from rag.citations import parse_answer
from rag.crossencoder.inputs import Pair
from rag.crossencoder.runtime import CrossEncoder, Read
from rag.crossencoder.training.examples import kept_sources, read_pairs, source_digest
from rag.evaluation.checking import calibration

SEED = 20
FOLDS = 5
_WORDS = ("all", "all_weighted", "all_whole", "best", "window", "three", "pairs", "words")
_TAGS = ("net_doubt", "net_doubts", "net_doubt_mean")
FEATURES = (*_WORDS, "net_support", "net_contradicted", *_TAGS)
RISING = frozenset((*_WORDS, "net_support")) - {"words"}
_ABLATIONS: dict[str, tuple[str, ...]] = {
    "gates alone": (),
    "gates and words": _WORDS,
    "gates and network": ("net_support", "net_contradicted", *_TAGS),
    "all without the tag head": (*_WORDS, "net_support", "net_contradicted"),
    "all": FEATURES,
}
NETWORK_SHARE = 0.6  # the best of five shares over other development sets: data/results/checking-experiments.md
_WORD_THRESHOLDS = tuple(np.arange(-3.0, 2.1, 0.25))


@dataclass(frozen=True)
class Judged:
    """A claim: its features (None where the gates or the lack of evidence decide), did a gate fail, is it wrong.

    `words`: for each of `_WORD_THRESHOLDS`, characters marked and wrong, and marked. `n_wrong`: characters that are wrong.
    """

    values: tuple[float, ...] | None
    has_failed: bool
    is_wrong: bool
    words: tuple[tuple[int, int], ...] = ()
    n_wrong: int = 0


@dataclass(frozen=True)
class Answered:
    """An answer with its claims; `source` says what it was written from."""

    source: str
    is_unsupported: bool
    claims: tuple[Judged, ...]


def main() -> None:
    """Read, fit, choose, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="ONNX file; that of the package if not given")
    parser.add_argument("--sources", type=int, default=0, help="source texts to read, 0 for all")
    parser.add_argument("--out", type=Path, default=Path("rag/checker/entailment.json"))
    parser.add_argument("--result", type=Path, default=Path("data/results/fit-entailment.json"))
    options = parser.parse_args()
    pairs = read_pairs(options.bench / "ragtruth_train" / "pairs.jsonl.gz")
    kept = sorted(kept_sources(pairs))
    kept = kept[: options.sources or len(kept)]
    network = CrossEncoder(options.weights)
    answers = read_answers([pair for pair in pairs if source_digest(pair) in set(kept)], network)
    others = read_answers(read_pairs(next((options.bench / "ragtruth_test").glob("pairs.jsonl*"))), network)
    parameters, report = fit(answers, others)
    parameters["weights_sha256"] = network.version
    seen = f"{report['n_answers']} answers of ragtruth_train that the network did not see"
    parameters["fitted"] = f"{seen}; threshold also by ragtruth_test"
    for path, value in ((options.out, parameters), (options.result, report | {"parameters": parameters})):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


def fit(answers: Sequence[Answered], others: Sequence[Answered] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """The regression, the thresholds, and what they reach on sources left out; `others` count for the threshold alone."""
    scores = _left_out_scores(answers, FEATURES)
    gold = np.array([answer.is_unsupported for answer in answers])
    whole = _answer_scores(scores)
    weights, intercept = _fitted(answers, FEATURES)
    beside = _answer_scores([_claim_scores(answer, weights, intercept) for answer in others])
    gold_beside = np.array([answer.is_unsupported for answer in others], dtype=bool)
    threshold = best_threshold(np.concatenate([whole, beside]), np.concatenate([gold, gold_beside]))
    probabilities = np.array([s for row, answer in zip(scores, answers, strict=True) for s in row[_scored(answer)]])
    right = np.array([not c.is_wrong for a in answers for c in a.claims if c.values is not None and not c.has_failed])
    word_threshold, word_f1 = _word_threshold(answers, scores, threshold)
    report = {
        "n_answers": len(answers),
        "n_claims": sum(len(answer.claims) for answer in answers),
        "n_answers_for_threshold": len(answers) + len(others),
        "answer_f1": round(100 * float(f1_score(gold, whole < threshold)), 2),
        "answer_auroc": round(100 * float(roc_auc_score(gold, -whole)), 2),
        "claim_auroc": round(100 * float(roc_auc_score(right, probabilities)), 2),
        "word_f1": round(100 * word_f1, 2),
        "ablation": {name: _reached(answers, used, gold) for name, used in _ABLATIONS.items()},
        "calibration": calibration(probabilities, right),
        "seed": SEED,
    }
    parameters = {
        "name": "cross-encoder",
        "version": "3",
        "threshold": round(threshold, 4),
        "word_threshold": round(word_threshold, 2),
        "intercept": round(intercept, 5),
        "weights": {name: round(float(weight), 5) for name, weight in zip(FEATURES, weights, strict=True) if weight},
    }
    return parameters, report


def _reached(answers: Sequence[Answered], used: Sequence[str], gold: NDArray[np.bool_]) -> dict[str, float]:
    """Figures on sources left out with only these features; without any, the gates decide alone."""
    whole = _answer_scores(_left_out_scores(answers, used))
    wrong = whole < best_threshold(whole, gold) if used else whole < 1
    return {
        "answer_f1": round(100 * float(f1_score(gold, wrong)), 2),
        "answer_auroc": round(100 * float(roc_auc_score(gold, -whole)), 2),
    }


def _left_out_scores(answers: Sequence[Answered], used: Sequence[str]) -> list[NDArray[np.float64]]:
    """Scores of the claims of each answer from a fit that its source had no part in."""
    sources = sorted({answer.source for answer in answers})
    random.Random(SEED).shuffle(sources)
    fold = {source: number % FOLDS for number, source in enumerate(sources)}
    folds = np.array([fold[answer.source] for answer in answers])
    scores = [np.zeros(0)] * len(answers)
    for number in range(FOLDS):
        rest = [answer for answer, own in zip(answers, folds, strict=True) if own != number]
        weights, intercept = _fitted(rest, used) if used else (np.zeros(len(FEATURES)), 50.0)
        for i in np.flatnonzero(folds == number).tolist():
            scores[i] = _claim_scores(answers[i], weights, intercept)
    return scores


def _answer_scores(scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.array([min(row, default=1.0) for row in scores])


def _fitted(answers: Sequence[Answered], used: Sequence[str]) -> tuple[NDArray[np.float64], float]:
    """Weights for all features, 0 for those not used, and the intercept.

    Where words and network are both used, their log-odds are those of two fits, one of the words alone, averaged in the
    proportion of NETWORK_SHARE: fitted freely the network gets a weight that holds for these sources and for no others.
    """
    words = [name for name in used if name in _WORDS]
    if 0 < len(words) < len(used):
        (plain, start), (joint, intercept) = _regression(answers, words), _regression(answers, used)
        share = NETWORK_SHARE
        return (1 - share) * plain + share * joint, (1 - share) * start + share * intercept
    return _regression(answers, used)


def _regression(answers: Sequence[Answered], used: Sequence[str]) -> tuple[NDArray[np.float64], float]:
    rows = [claim for answer in answers for claim in answer.claims if claim.values is not None]
    columns = [FEATURES.index(name) for name in used]
    x = np.array([claim.values for claim in rows])[:, columns]
    found, intercept = coefficients(x, np.array([not claim.is_wrong for claim in rows]), used, RISING)
    weights = np.zeros(len(FEATURES))
    weights[columns] = found
    return weights, intercept


def _scored(answer: Answered) -> list[int]:
    return [i for i, claim in enumerate(answer.claims) if claim.values is not None and not claim.has_failed]


def _claim_scores(answer: Answered, weights: NDArray[np.float64], intercept: float) -> NDArray[np.float64]:
    """Probability of each claim: 1 where it stands verbatim, 0 where a gate failed."""
    found = []
    for claim in answer.claims:
        logit = 0.0 if claim.values is None else intercept + float(np.dot(weights, claim.values))
        found.append(0.0 if claim.has_failed else 1.0 if claim.values is None else 1 / (1 + np.exp(-logit)))
    return np.array(found)


def _word_threshold(
    answers: Sequence[Answered], scores: Sequence[NDArray[np.float64]], threshold: float
) -> tuple[float, float]:
    """The log-odds from which a word of a failed claim is marked, and the F1 over characters that this gives."""
    claims = [(c, s) for a, row in zip(answers, scores, strict=True) for c, s in zip(a.claims, row, strict=True) if c.words]
    wrong = sum(claim.n_wrong for answer in answers for claim in answer.claims)
    best = (0.0, 0.0)
    for place, limit in enumerate(_WORD_THRESHOLDS):
        both = sum(claim.words[place][0] for claim, score in claims if score < threshold)
        marked = sum(claim.words[place][1] for claim, score in claims if score < threshold)
        f1 = 2 * both / max(marked + wrong, 1)
        best = max(best, (f1, float(limit)))
    return best[1], best[0]


def read_answers(pairs: Sequence[Mapping[str, Any]], network: CrossEncoder) -> list[Answered]:
    """Let the network read every claim of every answer."""
    checker = Checker(model=LogisticSupport())
    found = []
    for item in pairs:
        sources = [(source["id"], source["text"]) for source in item["sources"]]
        claims = parse_answer(item["answer"], [name for name, _ in sources])
        readings = checker.read_all(claim_items(claims, sources, item.get("question")))
        inputs = [claim_pair(reading.alignment, reading.context) for reading in readings if reading is not None]
        reads = iter(zip(network.read([given for given, _ in inputs]), inputs, strict=True))
        judged = []
        for claim, reading in zip(claims, readings, strict=True):
            wrong = [(max(s["start"] - claim.start, 0), min(s["end"], claim.end) - claim.start) for s in item["spans"]]
            wrong = [(a, b) for a, b in wrong if b - a >= MIN_TOUCHED_CHARS]
            if reading is None:
                judged.append(Judged(None, False, bool(wrong)))
                continue
            read, (given, at) = next(reads)
            values = {**reading.features, **network_features(read, given, at)}
            has_failed = fails(reading, values["net_support"])
            words = tuple(_marked(claim.text, read, given, at, limit, wrong) for limit in _WORD_THRESHOLDS)
            row = tuple(values[name] for name in FEATURES)
            judged.append(Judged(row, has_failed, bool(wrong), words, sum(b - a for a, b in wrong)))
        found.append(Answered(source_digest(item), item["label"] == "unsupported", tuple(judged)))
    return found


def _marked(claim: str, read: Read, given: Pair, at: int, limit: float, wrong: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Characters that are marked and wrong, and characters marked; a claim in which nothing is marked counts as a whole."""
    spans = doubted_words(claim, read, given, at, limit) or ((0, len(claim)),)
    both = sum(max(0, min(b, d) - max(a, c)) for a, b in spans for c, d in wrong)
    return both, sum(b - a for a, b in spans)


if __name__ == "__main__":
    main()
