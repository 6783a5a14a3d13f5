"""Figures for checking: does the verdict on an answer agree with people, and are the marked words the right ones.

Positive class = unsupported; a pair without output counts as a wrong verdict. Definitions: README of the benchmark folder,
section 4. Counting is done here, because scikit-learn takes minutes over the resamples; the tests hold it against scikit-learn.
It knows nothing of how the outputs were made.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from rag.evaluation.intervals import usable_clusters
from rag.evaluation.rows import digest

KEPT = (100, 90, 80, 70, 60, 50, 40, 30, 20, 10)
_KEPT_SHOWN = (100, 80, 60, 40)
_SLOW_RESAMPLES = 200
_WITHOUT = "without implicit_true"

Flags = NDArray[np.bool_]
Metric = Callable[["Sample"], float]


@dataclass(frozen=True)
class Sample:
    """Arrays over n pairs, from which every figure is computed.

    `gold`, `explicit`, `predicted`: (n,) is it unsupported, is it so by something that is not true of the world either, is it
    called so. `score`: (n,) higher is more supported. `spans`: (n, 5) characters: marked, gold, both, and the last two without
    what is true of the world.
    """

    gold: Flags
    explicit: Flags
    predicted: Flags
    score: NDArray[np.float64]
    spans: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> "Sample":
        """The pairs of some rows, with repetition."""
        return Sample(self.gold[rows], self.explicit[rows], self.predicted[rows], self.score[rows], self.spans[rows])


def pair_row(pair: Mapping[str, Any], output: Mapping[str, Any] | None) -> dict[str, Any]:
    """What one pair adds to the figures; `output` None stands for a wrong verdict."""
    is_unsupported = pair["label"] == "unsupported"
    spans = pair["spans"]
    is_explicit = is_unsupported and not (spans and all(span.get("implicit_true") for span in spans))
    return {
        "cluster": digest([source["text"] for source in pair["sources"]]),
        "task": str(pair.get("task") or "other"),
        "unsupported": is_unsupported,
        "explicit": is_explicit,
        "predicted": not is_unsupported if output is None else not output["supported"],
        "score": float(is_unsupported) if output is None else float(output["score"]),
        "spans": _span_counts(spans, output),
    }


def sample_of(rows: Sequence[Mapping[str, Any]]) -> Sample:
    """The arrays of rows that `pair_row` made."""
    columns = {name: np.array([row[name] for row in rows], dtype=bool) for name in ("unsupported", "explicit", "predicted")}
    score = np.array([row["score"] for row in rows], dtype=float)
    spans = np.array([row["spans"] for row in rows], dtype=np.int64).reshape(len(rows), 5)
    return Sample(columns["unsupported"], columns["explicit"], columns["predicted"], score, spans)


def groups_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """All rows, and those of each task where there is more than one."""
    tasks = sorted({row["task"] for row in rows})
    return {"all": list(rows)} | {task: [row for row in rows if row["task"] == task] for task in tasks if len(tasks) > 1}


def checking_figures(
    pairs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]], seed: int = 0, *, resamples: int = 1000
) -> list[dict[str, Any]]:
    """Figures in percent for all pairs and for each task: {"metric", "value", "low", "high", "n"}.

    Outputs are matched by "id". The rest is as in `row_figures`.
    """
    found = {str(output["id"]): output for output in outputs}
    return row_figures([pair_row(pair, found.get(str(pair["id"]))) for pair in pairs], seed, resamples=resamples)


def row_figures(rows: Sequence[Mapping[str, Any]], seed: int = 0, *, resamples: int = 1000) -> list[dict[str, Any]]:
    """Figures in percent of rows that `pair_row` made; a metric that has no meaning for them is left out.

    The interval is the middle 95 % of bootstrap resamples of whole source texts; `resamples` 0: none (0 to 100).
    """
    figures = []
    for group, members in groups_of(rows).items():
        sample = sample_of(members)
        draws = draws_of(members, seed, resamples)
        for metric, compute in metrics_of(sample).items():
            found = compute(sample)
            if math.isnan(found):
                continue
            low, high = middle([compute(sample.take(rows)) for rows in draws_for(metric, draws, sample)])
            value = {"value": found, "low": low, "high": high}
            figures.append({"metric": f"{group}: {metric}", **{k: round(v, 2) for k, v in value.items()}, "n": len(members)})
    return figures


def draws_of(rows: Sequence[Mapping[str, Any]], seed: int, resamples: int) -> list[NDArray[np.int64]]:
    """Row numbers of each resample: whole source texts, or pairs where fewer than eight texts differ."""
    members: dict[str, list[int]] = {}
    for number, cluster in enumerate(usable_clusters([row["cluster"] for row in rows])):
        members.setdefault(cluster, []).append(number)
    clusters = [np.array(numbers) for numbers in members.values()]
    random = np.random.default_rng(seed)
    return [np.concatenate([clusters[i] for i in random.integers(len(clusters), size=len(clusters))]) for _ in range(resamples)]


def draws_for(metric: str, draws: Sequence[NDArray[np.int64]], sample: Sample) -> list[NDArray[np.int64]]:
    """The resamples that serve for a metric: fewer where it is slow, and only those with all labels that the sample has."""
    n = _SLOW_RESAMPLES if metric in ("AUROC", "ECE") or "kept" in metric else len(draws)
    n_labels = len(set(sample.gold.tolist()))
    return [rows for rows in draws[:n] if len(set(sample.gold[rows].tolist())) == n_labels]


def middle(values: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of values in percent, those not defined left out; all there can be where there are none."""
    values = [value for value in values if not math.isnan(value)]
    return (float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5))) if len(values) else (0.0, 100.0)


def metrics_of(sample: Sample) -> dict[str, Metric]:
    """The metrics for a sample, in percent; each is NaN where nothing in the sample can tell it.

    With one label only nothing says how well both are told apart, and without an unsupported answer nothing how many are found.
    """
    found: dict[str, Metric] = {
        "F1": lambda s: 100 * _f1(s.gold, s.predicted),
        "precision": lambda s: 100 * _share(s.gold, s.predicted),
        "recall": lambda s: 100 * _share(s.predicted, s.gold),
        # Each half is NaN where its label does not occur, and so is the sum.
        "balanced accuracy": lambda s: 50 * (_share(s.predicted, s.gold) + _share(~s.predicted, ~s.gold)),
        "macro-F1": lambda s: 50 * (_f1(s.gold, s.predicted) + _f1(~s.gold, ~s.predicted)),
        "F1 of always 'unsupported'": lambda s: 100 * _f1(s.gold, np.ones_like(s.gold)),
        "AUROC": _auroc,
        "ECE": lambda s: float(calibration(s.score, ~s.gold)["error"]),
    }
    found |= {f"unsupported among kept {percent}%": partial(among_kept, percent=percent) for percent in _KEPT_SHOWN}
    has_implicit = bool((sample.gold != sample.explicit).any() or (sample.spans[:, 1] != sample.spans[:, 3]).any())
    if has_implicit:
        found[f"F1 {_WITHOUT}"] = lambda s: 100 * _f1(s.explicit, s.predicted)
    if sample.spans[:, 1].any():
        found |= {
            "span character precision": lambda s: 100 * _ratio(s.spans[:, 2].sum(), s.spans[:, 0].sum()),
            "span character recall": lambda s: 100 * _ratio(s.spans[:, 2].sum(), s.spans[:, 1].sum()),
            "span character F1": partial(_span_f1, gold=1, both=2),
        }
        if has_implicit:
            found[f"span character F1 {_WITHOUT}"] = partial(_span_f1, gold=3, both=4)
    return found


def among_kept(sample: Sample, percent: int) -> float:
    """Share of unsupported answers among those with the highest score, in percent; of those tied at the edge an equal part."""
    n_kept = max(1, round(percent * len(sample.gold) / 100))
    edge = np.sort(sample.score)[::-1][n_kept - 1]
    above, tied = sample.score > edge, sample.score == edge
    share = (n_kept - above.sum()) / tied.sum()
    return 100 * float((sample.gold[above].sum() + share * sample.gold[tied].sum()) / n_kept)


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


def _span_counts(gold_spans: Sequence[Mapping[str, Any]], output: Mapping[str, Any] | None) -> list[int]:
    """Characters as in `Sample.spans`. A claim that is not supported and marks nothing counts as a whole.

    What is true of the world is no gold in the last two counts; a mark on it counts as any other.
    """
    gold = {place for span in gold_spans for place in range(span["start"], span["end"])}
    true = {place for span in gold_spans if span.get("implicit_true") for place in range(span["start"], span["end"])}
    marked: set[int] = set()
    for claim in output["claims"] if output else ():
        if claim["verdict"] != "supported":
            for span in claim["unsupported_spans"] or [claim]:
                marked.update(range(span["start"], span["end"]))
    return [len(marked), len(gold), len(gold & marked), len(gold - true), len((gold - true) & marked)]


def _share(of: Flags, among: Flags) -> float:
    return _ratio((of & among).sum(), among.sum())


def _f1(gold: Flags, predicted: Flags) -> float:
    return _ratio(2 * (gold & predicted).sum(), gold.sum() + predicted.sum()) if gold.any() else math.nan


def _span_f1(sample: Sample, gold: int, both: int) -> float:
    counts = sample.spans.sum(axis=0)
    return 100 * _ratio(2 * counts[both], counts[0] + counts[gold]) if counts[gold] else math.nan


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else math.nan


def _auroc(sample: Sample) -> float:
    """Area under the ROC curve in percent, from the sum of ranks. Source: Mann and Whitney 1947; ties count half."""
    n_gold = int(sample.gold.sum())
    n_other = len(sample.gold) - n_gold
    if not n_gold or not n_other:
        return math.nan
    ranks = rankdata(-sample.score)
    return 100 * float((ranks[sample.gold].sum() - n_gold * (n_gold + 1) / 2) / (n_gold * n_other))
