"""Figures for checking: does the verdict on an answer agree with people, and are the marked words the right ones.

Positive class = unsupported; a pair without output counts as a wrong verdict. Definitions: README of the benchmark folder,
section 4. It knows nothing of how the outputs were made.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

_KEPT = 0.6
_RESAMPLES = {"AUROC": 200, "unsupported among kept 60%": 200}
_Metric = Callable[["_Sample"], float]


class _Sample:
    """Arrays over pairs, from which every figure is computed; `take` draws pairs with repetition."""

    def __init__(self, gold: NDArray[Any], predicted: NDArray[Any], score: NDArray[Any], spans: NDArray[Any]) -> None:
        self.gold = gold  # (n,) bool, True = unsupported
        self.predicted = predicted  # (n,) bool
        self.score = score  # (n,) float, higher = more supported
        self.spans = spans  # (n, 3) characters: marked and gold, marked, gold

    def take(self, rows: NDArray[Any]) -> "_Sample":
        return _Sample(self.gold[rows], self.predicted[rows], self.score[rows], self.spans[rows])


def checking_figures(
    pairs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]], seed: int = 0, *, resamples: int = 1000
) -> list[dict[str, Any]]:
    """Figures in percent for all pairs and for each task: {"metric", "value", "low", "high", "n"}.

    The interval is the middle 95 % of bootstrap resamples of whole source texts. Outputs are matched by "id".
    `resamples` 0: no interval (0 to 100).
    """
    found = {str(output["id"]): output for output in outputs}
    figures = _group("all", pairs, found, seed, resamples)
    tasks = sorted({str(pair["task"]) for pair in pairs})
    if len(tasks) > 1:
        for task in tasks:
            figures += _group(task, [pair for pair in pairs if pair["task"] == task], found, seed, resamples)
    return figures


def _group(
    name: str, pairs: Sequence[Mapping[str, Any]], outputs: Mapping[str, Any], seed: int, resamples: int
) -> list[dict[str, Any]]:
    sample = _sample(pairs, outputs)
    clusters = _clusters(pairs)
    rows = []
    for metric, (compute, quick) in _metrics(sample).items():
        low, high = _interval(sample, clusters, quick, min(resamples, _RESAMPLES.get(metric, resamples)), seed)
        rows.append({"metric": f"{name}: {metric}", "value": compute(sample), "low": low, "high": high, "n": len(pairs)})
    return [{key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()} for row in rows]


def _metrics(sample: _Sample) -> dict[str, tuple[_Metric, _Metric]]:
    """Each metric twice: by scikit-learn for the value, by counting for the resamples, where its checks cost minutes."""

    def measured(compute: Callable[..., Any], **options: Any) -> _Metric:
        return lambda s: 100 * float(compute(s.gold, s.predicted, **options))

    metrics: dict[str, tuple[_Metric, _Metric]] = {
        "F1": (measured(f1_score, zero_division=0), lambda s: 100 * _f1(s.gold, s.predicted)),
        "precision": (measured(precision_score, zero_division=0), lambda s: 100 * _share(s.gold, s.predicted)),
        "recall": (measured(recall_score, zero_division=0), lambda s: 100 * _share(s.predicted, s.gold)),
        "balanced accuracy": (
            measured(balanced_accuracy_score),
            lambda s: 50 * (_share(s.predicted, s.gold) + _share(~s.predicted, ~s.gold)),
        ),
        "macro-F1": (
            measured(f1_score, average="macro", zero_division=0),
            lambda s: 50 * (_f1(s.gold, s.predicted) + _f1(~s.gold, ~s.predicted)),
        ),
        "F1 of always 'unsupported'": (lambda s: 100 * _f1(s.gold, np.ones_like(s.gold)),) * 2,
        "AUROC": (_auroc, _auroc),
        "unsupported among kept 60%": (_among_kept, _among_kept),
    }
    if sample.spans[:, 2].any():
        metrics["span character F1"] = (_span_f1, _span_f1)
    return metrics


def _share(of: NDArray[Any], among: NDArray[Any]) -> float:
    return float((of & among).sum() / among.sum()) if among.any() else 0.0


def _f1(gold: NDArray[Any], predicted: NDArray[Any]) -> float:
    both, total = float((gold & predicted).sum()), float(gold.sum() + predicted.sum())
    return 2 * both / total if total else 0.0


def _sample(pairs: Sequence[Mapping[str, Any]], outputs: Mapping[str, Any]) -> _Sample:
    gold = np.array([pair["label"] == "unsupported" for pair in pairs], dtype=bool)
    predicted = np.array(
        [
            not outputs[pair["id"]]["supported"] if pair["id"] in outputs else not wrong
            for pair, wrong in zip(pairs, gold, strict=True)
        ],
        dtype=bool,
    )
    score = np.array(
        [
            float(outputs[pair["id"]]["score"]) if pair["id"] in outputs else float(wrong)
            for pair, wrong in zip(pairs, gold, strict=True)
        ]
    )
    spans = np.array([_span_counts(pair, outputs.get(pair["id"])) for pair in pairs], dtype=np.int64).reshape(len(pairs), 3)
    return _Sample(gold, predicted, score, spans)


def _span_counts(pair: Mapping[str, Any], output: Mapping[str, Any] | None) -> tuple[int, int, int]:
    """Characters: marked and gold, marked, gold. A claim that is not supported and marks nothing counts as a whole."""
    gold = {place for span in pair["spans"] for place in range(span["start"], span["end"])}
    marked: set[int] = set()
    for claim in output["claims"] if output else ():
        if claim["verdict"] != "supported":
            for span in claim["unsupported_spans"] or [claim]:
                marked.update(range(span["start"], span["end"]))
    return len(gold & marked), len(marked), len(gold)


def _clusters(pairs: Sequence[Mapping[str, Any]]) -> list[NDArray[Any]]:
    """Rows of the pairs that share their source texts; each pair for itself where there are fewer than eight."""
    rows: dict[tuple[str, ...], list[int]] = {}
    for row, pair in enumerate(pairs):
        rows.setdefault(tuple(source["text"] for source in pair["sources"]), []).append(row)
    if len(rows) < 8:
        return [np.array([row]) for row in range(len(pairs))]
    return [np.array(members) for members in rows.values()]


def _interval(
    sample: _Sample, clusters: list[NDArray[Any]], compute: _Metric, resamples: int, seed: int
) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = random.integers(len(clusters), size=len(clusters))
        again = sample.take(np.concatenate([clusters[i] for i in drawn]))
        if again.gold.any() and not again.gold.all():
            values.append(compute(again))
    return (float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5))) if values else (0.0, 100.0)


def _auroc(sample: _Sample) -> float:
    if sample.gold.all() or not sample.gold.any():
        return 50.0
    return 100 * float(roc_auc_score(sample.gold, -sample.score))


def _among_kept(sample: _Sample) -> float:
    """Share of unsupported answers among the 60 % with the highest score; of those tied at the edge an equal part each."""
    n_kept = max(1, round(_KEPT * len(sample.gold)))
    edge = np.sort(sample.score)[::-1][n_kept - 1]
    above, tied = sample.score > edge, sample.score == edge
    share = (n_kept - above.sum()) / tied.sum()
    return 100 * float((sample.gold[above].sum() + share * sample.gold[tied].sum()) / n_kept)


def _span_f1(sample: _Sample) -> float:
    both, marked, gold = sample.spans.sum(axis=0)
    return 100 * float(2 * both / (marked + gold)) if marked + gold else 0.0


def calibration(probabilities: NDArray[Any], right: NDArray[Any], n_bins: int = 10) -> dict[str, Any]:
    """How far stated probabilities are from what happens: expected calibration error in percent, and the reliability diagram.

    Bins hold equally many claims each. Source: Naeini et al. 2015 (error), with bins of equal mass as in Nixon et al. 2019.
    """
    order = np.argsort(probabilities, kind="stable")
    bins = [part for part in np.array_split(order, n_bins) if len(part)]
    rows = [
        {
            "n": len(part),
            "stated": round(float(probabilities[part].mean()), 4),
            "right": round(float(np.mean(right[part])), 4),
        }
        for part in bins
    ]
    error = sum(row["n"] * abs(row["stated"] - row["right"]) for row in rows) / max(len(order), 1)
    return {"error": round(100 * error, 2), "n": len(order), "bins": rows}
