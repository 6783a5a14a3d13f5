"""Fit what joins the cross-encoder with the covered words, choose the thresholds, measure how well calibrated the result is.

    python -m rag.checker.training.fit_entailment --bench DIR [--weights FILE] [--limit N] [--out FILE]

Fitted on the tenth of the sources of ragtruth_train and the sixteenth of the project's own passages that the network was not
trained on. Every figure is of sources left out of the fit (five folds); the coefficients that are written come from all.
Own claims count less than those of language models, whose true claims share more words with what they were written from.
The threshold is the best for four kinds of data together: answers to what was retrieved (F1 over ragtruth_train's rest and
ragtruth_test), attributed statements (macro-F1 of AttributionBench), claims on articles (balanced accuracy of WiCE) and the
own claims, many of them plain statements on a sentence or a row of a table (balanced accuracy).
"""

import argparse
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from rag.checker.check import Checker, claim_items, fails
from rag.checker.entailment import claim_pair, doubted_words, network_features, weakest_word
from rag.checker.support import LogisticSupport
from rag.checker.training.fit_support import MIN_TOUCHED_CHARS, best_threshold, coefficients
from rag.citations import parse_answer
from rag.crossencoder.runtime import CrossEncoder
from rag.crossencoder.training.examples import kept_sources, read_pairs, source_digest
from rag.crossencoder.training.written import held_out_pairs
from rag.evaluation.checking import calibration

Measure = Callable[[NDArray[np.bool_], NDArray[np.bool_]], float]
SEED = 20
FOLDS = 5
_WORDS = ("all", "all_weighted", "all_whole", "best", "window", "three", "pairs", "words", "flags")
_BESIDE_NETWORK = ("all_weighted", "words", "flags")
_TAGS = ("net_doubt", "net_doubts", "net_doubt_mean")
_SUPPORT = ("net_support", "net_contradicted")
FEATURES = (*_WORDS, *_SUPPORT, *_TAGS)
RISING = frozenset((*_WORDS, "net_support")) - {"words"}
_ABLATIONS: dict[str, tuple[str, ...]] = {
    "gates alone": (),
    "gates and words": _WORDS,
    "gates and network": (*_SUPPORT, *_TAGS),
    "all without the tag head": (*_WORDS, *_SUPPORT),
    "all": FEATURES,
}
NETWORK_SHARE = 0.7  # data/results/checking-experiments.md has other shares
_OWN_SHARE = 0.1  # weight of all own claims together beside that of all others: data/results/checking-experiments.md
_CLOSE = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 1.0)
_WORD_THRESHOLDS = tuple(np.arange(-3.0, 2.1, 0.25))


@dataclass(frozen=True)
class Judged:
    """A claim: its features (None where the gates or the lack of evidence decide), did a gate fail, is it wrong.

    `words`: for each of `_WORD_THRESHOLDS`, characters marked and wrong, and marked; `weakest`: the same where only the most
    doubted word is. `n_wrong`: characters that are wrong.
    """

    values: tuple[float, ...] | None
    has_failed: bool
    is_wrong: bool
    words: tuple[tuple[int, int], ...] = ()
    n_wrong: int = 0
    weakest: tuple[int, int] = (0, 0)


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
    parser.add_argument("--written", type=Path, default=Path("data/checking/training"), help="the project's own passages")
    parser.add_argument("--limit", type=int, default=0, help="answers to read of each set, 0 for all")
    parser.add_argument("--out", type=Path, default=Path("rag/checker/entailment.json"))
    parser.add_argument("--result", type=Path, default=Path("data/results/fit-entailment.json"))
    options = parser.parse_args()
    pairs = read_pairs(options.bench / "ragtruth_train" / "pairs.jsonl.gz")
    kept = kept_sources(pairs)
    network = CrossEncoder(options.weights)

    def read(found: Sequence[Mapping[str, Any]]) -> list[Answered]:
        some = random.Random(SEED).sample(found, min(options.limit or len(found), len(found)))
        return read_answers(some, network)

    answers = read([pair for pair in pairs if source_digest(pair) in kept])
    own = read(list(held_out_pairs(options.written)))
    beside = {name: read(read_pairs(next((options.bench / name).glob("pairs.jsonl*")))) for name in _FOR_THRESHOLD}
    parameters, report = fit(answers, own, beside)
    parameters["weights_sha256"] = network.version
    seen = f"{report['n_answers']} answers of ragtruth_train and {len(own)} own claims that the network did not see"
    parameters["fitted"] = f"{seen}; threshold by these and by {', '.join(beside)}"
    for path, value in ((options.out, parameters), (options.result, report | {"parameters": parameters})):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


def fit(
    answers: Sequence[Answered], own: Sequence[Answered] = (), beside: Mapping[str, Sequence[Answered]] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The regression, the thresholds, and what they reach on sources left out; `beside` count for the threshold alone."""
    beside = beside or {}
    scores = _left_out_scores(answers, own, FEATURES)
    gold = _gold(answers)
    whole = _answer_scores(scores)
    weights, intercept = _fitted(answers, own, FEATURES)
    others = {name: _answer_scores([_claim_scores(a, weights, intercept) for a in found]) for name, found in beside.items()}
    answered = "ragtruth_test"
    pooled = np.concatenate([whole, others.get(answered, np.zeros(0))]), np.concatenate([gold, _gold(beside.get(answered, ()))])
    groups = [(*pooled, _f1), *((others[n], _gold(beside[n]), m) for n, m in _MEASURES.items() if n in beside)]
    if own:
        groups.append((_answer_scores([_claim_scores(a, weights, intercept) for a in own]), _gold(own), _balanced))
    threshold = _joint_threshold(groups)
    probabilities = np.array([s for row, answer in zip(scores, answers, strict=True) for s in row[_scored(answer)]])
    right = np.array([not c.is_wrong for a in answers for c in a.claims if c.values is not None and not c.has_failed])
    tested = beside.get(answered, ())
    all_scores = [*scores, *(_claim_scores(answer, weights, intercept) for answer in tested)]
    word_threshold, close, word_f1 = _word_thresholds([*answers, *tested], all_scores, threshold)
    report = {
        "n_answers": len(answers),
        "n_claims": sum(len(answer.claims) for answer in answers),
        "n_own_claims": sum(len(answer.claims) for answer in own),
        "n_answers_for_threshold": len(answers) + sum(map(len, beside.values())),
        "answer_f1": round(100 * float(f1_score(gold, whole < threshold)), 2),
        "answer_auroc": round(100 * float(roc_auc_score(gold, -whole)), 2),
        "claim_auroc": round(100 * float(roc_auc_score(right, probabilities)), 2),
        "word_f1": round(100 * word_f1, 2),
        "ablation": {name: _reached(answers, own, used, gold) for name, used in _ABLATIONS.items()},
        "calibration": calibration(probabilities, right),
        "seed": SEED,
    }
    parameters = {
        "name": "cross-encoder",
        "version": "4",
        "threshold": round(threshold, 4),
        "word_threshold": round(word_threshold, 2),
        "close": close,
        "intercept": round(intercept, 5),
        "weights": {name: round(float(weight), 5) for name, weight in zip(FEATURES, weights, strict=True) if weight},
    }
    return parameters, report


def _gold(answers: Sequence[Answered]) -> NDArray[np.bool_]:
    return np.array([answer.is_unsupported for answer in answers], dtype=bool)


def _f1(gold: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> float:
    return float(f1_score(gold, wrong))


def _macro_f1(gold: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> float:
    return float(f1_score(gold, wrong, average="macro"))


def _balanced(gold: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> float:
    return float(balanced_accuracy_score(gold, wrong))


_MEASURES: dict[str, Measure] = {"attributionbench": _macro_f1, "wice": _balanced}
_AS_GOOD = 0.01  # of a measure: less than these samples can tell apart
_FROM_MILDEST = 0.25
_FOR_THRESHOLD = ("ragtruth_test", *_MEASURES)


def _joint_threshold(groups: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_], Measure]]) -> float:
    """Of the thresholds at which the mean of the measures of all groups is about as good as the best, one near the mildest.

    The best itself hangs on single answers, and lies on the edge of what is good as often as not. Where these sets cannot tell
    thresholds apart, the milder ones withhold fewer true statements; a quarter of the way up keeps clear of the edge.
    """
    scores = np.concatenate([found for found, _, _ in groups])
    candidates = np.unique(np.quantile(scores[scores > 0], np.linspace(0.02, 0.9, 89)))
    reached = {float(t): float(np.mean([measure(gold, found < t) for found, gold, measure in groups])) for t in candidates}
    best = max(reached.values())
    good = [threshold for threshold, mean in reached.items() if mean >= best - _AS_GOOD]
    return min(good) + _FROM_MILDEST * (max(good) - min(good))


def _reached(
    answers: Sequence[Answered], own: Sequence[Answered], used: Sequence[str], gold: NDArray[np.bool_]
) -> dict[str, float]:
    """Figures on sources left out with only these features; without any, the gates decide alone."""
    whole = _answer_scores(_left_out_scores(answers, own, used))
    wrong = whole < best_threshold(whole, gold) if used else whole < 1
    return {
        "answer_f1": round(100 * float(f1_score(gold, wrong)), 2),
        "answer_auroc": round(100 * float(roc_auc_score(gold, -whole)), 2),
    }


def _left_out_scores(answers: Sequence[Answered], own: Sequence[Answered], used: Sequence[str]) -> list[NDArray[np.float64]]:
    """Scores of the claims of each answer from a fit that its source had no part in."""
    sources = sorted({answer.source for answer in answers})
    random.Random(SEED).shuffle(sources)
    fold = {source: number % FOLDS for number, source in enumerate(sources)}
    folds = np.array([fold[answer.source] for answer in answers])
    scores = [np.zeros(0)] * len(answers)
    for number in range(FOLDS):
        rest = [answer for answer, own in zip(answers, folds, strict=True) if own != number]
        weights, intercept = _fitted(rest, own, used) if used else (np.zeros(len(FEATURES)), 50.0)
        for i in np.flatnonzero(folds == number).tolist():
            scores[i] = _claim_scores(answers[i], weights, intercept)
    return scores


def _answer_scores(scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.array([min(row, default=1.0) for row in scores])


def _fitted(answers: Sequence[Answered], own: Sequence[Answered], used: Sequence[str]) -> tuple[NDArray[np.float64], float]:
    """Weights for all features, 0 for those not used, and the intercept.

    Where words and network are both used, their log-odds are those of two fits, averaged by NETWORK_SHARE: one of words alone,
    on answers alone, as words mislead where claims are reworded, and one of the network beside two features of words.
    """
    words = [name for name in used if name in _WORDS]
    if 0 < len(words) < len(used):
        beside = [name for name in used if name not in _WORDS or name in _BESIDE_NETWORK]
        (plain, start), (joint, intercept) = _regression(answers, (), words), _regression(answers, own, beside)
        share = NETWORK_SHARE
        return (1 - share) * plain + share * joint, (1 - share) * start + share * intercept
    return _regression(answers, own if len(words) < len(used) else (), used)


def _regression(answers: Sequence[Answered], own: Sequence[Answered], used: Sequence[str]) -> tuple[NDArray[np.float64], float]:
    parts = [[claim for answer in part for claim in answer.claims if claim.values is not None] for part in (answers, own)]
    rows = [claim for part in parts for claim in part]
    shares = [np.full(len(part), share / max(len(part), 1)) for part, share in zip(parts, (1.0, _OWN_SHARE), strict=True)]
    counts = np.concatenate(shares) * len(rows) / sum(share.sum() for share in shares)
    columns = [FEATURES.index(name) for name in used]
    x = np.array([claim.values for claim in rows])[:, columns]
    found, intercept = coefficients(x, np.array([not claim.is_wrong for claim in rows]), used, RISING, counts)
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


def _word_thresholds(
    answers: Sequence[Answered], scores: Sequence[NDArray[np.float64]], threshold: float
) -> tuple[float, float, float]:
    """The log-odds from which a word of a failed claim is marked, the probability from which but one is, and the F1.

    That is over characters. A claim that a gate failed is not close to supported, whatever its probability.
    """
    claims = [
        (claim, score)
        for answer, row in zip(answers, scores, strict=True)
        for claim, score in zip(answer.claims, row, strict=True)
        if claim.words and score < threshold
    ]
    wrong = sum(claim.n_wrong for answer in answers for claim in answer.claims)
    best = (0.0, 0.0, 0.0)
    for close in _CLOSE:
        for place, limit in enumerate(_WORD_THRESHOLDS):
            marks = [c.weakest if score >= close and not c.has_failed else c.words[place] for c, score in claims]
            f1 = 2 * sum(both for both, _ in marks) / max(sum(marked for _, marked in marks) + wrong, 1)
            best = max(best, (f1, float(limit), close))
    return best[1], best[2], best[0]


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
                has_source = any(text.strip() for _, text in sources)
                judged.append(Judged(None, not has_source, bool(wrong)))
                continue
            read, (given, at) = next(reads)
            values = {**reading.features, **network_features(read, given, at)}
            has_failed = fails(reading, values["net_support"])
            marked = [doubted_words(claim.text, read, given, at, limit) for limit in _WORD_THRESHOLDS]
            words = tuple(_counted(claim.text, spans, wrong) for spans in marked)
            weakest = _counted(claim.text, weakest_word(claim.text, read, given, at), wrong)
            row = tuple(values[name] for name in FEATURES)
            judged.append(Judged(row, has_failed, bool(wrong), words, sum(b - a for a, b in wrong), weakest))
        found.append(Answered(source_digest(item), item["label"] == "unsupported", tuple(judged)))
    return found


def _counted(claim: str, spans: Sequence[tuple[int, int]], wrong: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Characters that are marked and wrong, and characters marked; a claim in which nothing is marked counts as a whole."""
    spans = spans or ((0, len(claim)),)
    both = sum(max(0, min(b, d) - max(a, c)) for a, b in spans for c, d in wrong)
    return both, sum(b - a for a, b in spans)


if __name__ == "__main__":
    main()
