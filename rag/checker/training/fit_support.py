"""Fit the coefficients and the threshold of the support score.

    python -m rag.checker.training.fit_support --bench DIR [--sources N] [--out FILE]

Claims of ragtruth_train answers are labelled by whether an unsupported span touches them. A tenth of the source texts is kept
for the threshold, which is the one that gives the best F1 of unsupported answers there, gates included. factcg and foolmetwice
were tried and left out: with them an early version scored lower on ragtruth_test and attributionbench of the dev side.
"""

import argparse
import gzip
import hashlib
import json
import random
from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from rag.checker.check import Checker, claim_items
from rag.checker.support import LogisticSupport
from rag.citations import parse_answer

SEED = 20
MIN_TOUCHED_CHARS = 3
# A gate that misses fails the claim whatever the score says; three also speak of the rest of it.
FEATURES = (
    "all", "all_weighted", "all_whole", "fresh", "best", "best_weighted", "window", "three", "pairs", "run", "words",
    "evidence", "miss_number", "miss_date", "miss_name",
)  # fmt: skip
# A closer match must never lower the score, though beside the others some of these shares would take a negative weight.
RISING = frozenset(FEATURES) - {"words", "evidence", "miss_number", "miss_date", "miss_name"}
_NEUTRAL = {"name": "untrained", "version": "0", "threshold": 0.5, "intercept": 0.0, "weights": {}}


@dataclass(frozen=True)
class Answered:
    """One answer read: for each claim its features (None: no score needed), did a gate fail, is it wrong."""

    unsupported: bool
    claims: tuple[tuple[tuple[float, ...] | None, bool, bool], ...]


def main() -> None:
    """Fit, choose the threshold, write the coefficients and a result file beside the other results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--sources", type=int, default=600, help="source texts to fit on")
    parser.add_argument("--out", type=Path, default=Path("rag/checker/support.json"))
    parser.add_argument("--result", type=Path, default=Path("data/results/fit-support.json"))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    fitting, kept = _split(_read(options.bench / "ragtruth_train" / "pairs.jsonl.gz"), options.sources)
    with ProcessPoolExecutor(options.workers) as pool:
        read = list(pool.map(_answers, [*_parts(fitting, 8), *_parts(kept, 8)]))
    train = [answer for part in read[:8] for answer in part]
    dev = [answer for part in read[8:] for answer in part]
    parameters, report = fit(train, dev)
    for path, value in ((options.out, parameters), (options.result, report | {"parameters": parameters})):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


def fit(train: Sequence[Answered], dev: Sequence[Answered]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Coefficients with the scaling folded in, and what they reach on the answers kept for the threshold."""
    rows = [(values, wrong) for answer in train for values, _, wrong in answer.claims if values is not None]
    x = np.array([values for values, _ in rows])
    y = np.array([not wrong for _, wrong in rows])
    weights, intercept = coefficients(x, y, FEATURES, RISING)
    scores, gold = _answer_scores(dev, weights, intercept)
    threshold = best_threshold(scores, gold)
    report = {
        "n_train_answers": len(train),
        "n_train_claims": len(rows),
        "n_dev_answers": len(dev),
        "dev_f1": round(100 * float(f1_score(gold, scores < threshold)), 2),
        "dev_auroc": round(100 * float(roc_auc_score(gold, -scores)), 2),
        "seed": SEED,
    }
    parameters = {
        "name": "logistic",
        "version": "1",
        "threshold": round(float(threshold), 4),
        "intercept": round(intercept, 5),
        "weights": {name: round(float(weight), 5) for name, weight in zip(FEATURES, weights, strict=True) if weight},
        "fitted": f"ragtruth_train, {len(train)} answers, {len(rows)} claims; threshold: best F1 on {len(dev)} answers "
        f"to other sources; seed {SEED}; python -m rag.checker.training.fit_support",
    }
    return parameters, report


def best_threshold(scores: NDArray[np.float64], gold: NDArray[np.bool_]) -> float:
    """The threshold with the best F1 of unsupported answers; `scores` are those of support, `gold` says what is unsupported."""
    candidates = np.unique(np.quantile(scores[scores > 0], np.linspace(0.02, 0.9, 89)))
    return float(max(candidates, key=lambda t: float(f1_score(gold, scores < t))))


def coefficients(
    x: NDArray[np.float64],
    y: NDArray[np.bool_],
    names: Sequence[str],
    rising: Collection[str],
    counts: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Weights with the scaling folded in; of the rising features the most negative is dropped until none is left.

    `counts`: how much each row counts, 1 if not given.
    """
    used = list(range(len(names)))
    while True:
        scaler = StandardScaler().fit(x[:, used])
        model = LogisticRegression(C=0.3, max_iter=2000, random_state=SEED).fit(scaler.transform(x[:, used]), y, counts)
        found = model.coef_[0] / scaler.scale_
        falling = [(model.coef_[0][i], i) for i, column in enumerate(used) if names[column] in rising and found[i] < 0]
        if not falling:
            break
        used.pop(min(falling)[1])
    weights = np.zeros(len(names))
    weights[used] = found
    return weights, float(model.intercept_[0] - (found * scaler.mean_).sum())


def _answer_scores(
    answers: Sequence[Answered], weights: NDArray[np.float64], intercept: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Score of the weakest claim of each answer, 0 where a gate failed; and which answers are unsupported."""
    scores = []
    for answer in answers:
        claims = [1.0]
        for values, failed, _ in answer.claims:
            if values is not None:
                claims.append(0.0 if failed else float(1 / (1 + np.exp(-(intercept + np.dot(weights, values))))))
        scores.append(min(claims))
    return np.array(scores), np.array([answer.unsupported for answer in answers])


def _answers(pairs: Sequence[dict[str, Any]]) -> list[Answered]:
    checker = Checker(model=LogisticSupport(_NEUTRAL))
    read = []
    for pair in pairs:
        sources = [(source["id"], source["text"]) for source in pair["sources"]]
        claims = parse_answer(pair["answer"], [name for name, _ in sources])
        values: list[tuple[tuple[float, ...] | None, bool, bool]] = []
        readings = checker.read_all(claim_items(claims, sources, pair.get("question")))
        for claim, reading in zip(claims, readings, strict=True):
            touched = sum(max(0, min(s["end"], claim.end) - max(s["start"], claim.start)) for s in pair["spans"])
            row = None if reading is None else tuple(reading.features[name] for name in FEATURES)
            values.append((row, reading is not None and bool(reading.findings), touched >= MIN_TOUCHED_CHARS))
        read.append(Answered(pair["label"] == "unsupported", tuple(values)))
    return read


def _split(pairs: list[dict[str, Any]], n_sources: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Answers to fit on and answers for the threshold, no source text in both."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for pair in pairs:
        groups.setdefault(hashlib.sha256(pair["sources"][0]["text"].encode()).hexdigest(), []).append(pair)
    names = sorted(groups)
    random.Random(SEED).shuffle(names)
    n_kept = len(names) // 10
    chosen = names[n_kept : n_kept + n_sources], names[:n_kept]
    fitting, kept = ([pair for name in part for pair in groups[name]] for part in chosen)
    return fitting, kept


def _parts(pairs: list[dict[str, Any]], n: int) -> list[list[dict[str, Any]]]:
    return [pairs[i * len(pairs) // n : (i + 1) * len(pairs) // n] for i in range(n)]


def _read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
