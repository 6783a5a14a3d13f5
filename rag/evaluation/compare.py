"""Lay two kept results beside each other: what differs on the questions that both have, and by more than chance.

Both are drawn in the same resamples, whole documents together, so a difference is told apart from the luck of the questions.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import InputError
from rag.evaluation.checking import draws_for, draws_of, groups_of, metrics_of, sample_of
from rag.evaluation.intervals import difference_with_interval, usable_clusters
from rag.evaluation.results import FORMAT
from rag.evaluation.rows import Row
from rag.evaluation.rows import metrics_of as question_metrics

_KINDS = ("questions", "pairs", "arms")
_OF_THE_SYSTEM = ("version", "date", "file", "limit", "parts", "system", "settings", "store")
_RESAMPLES = 1000
# By which a search is said to have found what it should, from fine to coarse.
_HITS = ("span hit@5", "page hit@5", "document hit@5")


def read_result(file: Path) -> dict[str, Any]:
    """Read a result that `rag eval --out` kept.

    Raises: InputError for a file that is none.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read `{file}`: {error.strerror}. Name a file that `rag eval --out` wrote.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"cannot read `{file}`: it is not JSON. Name a file that `rag eval --out` wrote.") from error
    # The first results of arms were kept without a format; their rows have the form of the first one.
    if not isinstance(found, dict) or found.get("kind") not in _KINDS or found.get("format", FORMAT) != FORMAT:
        raise InputError(
            f"cannot compare `{file}`: it is no result of this version. Name a file that `rag eval --out` wrote, "
            "of questions, arms or pairs."
        )
    return found


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Differences, second less first, in percent on the common questions: each with an interval, and what flipped.

    `changed` has what the two systems and stores differ in. Raises: InputError when both are not of the same kind, or when they
    have no question in common.
    """
    if first["kind"] != second["kind"]:
        raise InputError(f"cannot compare {first['kind']} with {second['kind']}: give two results of the same kind.")
    ours, theirs = ({(row["id"], row["digest"]): row for row in result["rows"]} for result in (first, second))
    common = [key for key in ours if key in theirs]
    if not common:
        raise InputError(
            "cannot compare: the two results have no question in common. Evaluate the same list with the same labels, and the "
            "same --limit, for both."
        )
    pairs = [(ours[key], theirs[key]) for key in common]
    differences = list(_differences_of_pairs(pairs) if first["kind"] == "pairs" else _differences_of_questions(pairs))
    return {
        "kind": "comparison",
        "of": first["kind"],
        "changed": list(_changed(first, second)),
        "n_common": len(common),
        "only_first": [key[0] for key in ours if key not in theirs],
        "only_second": [key[0] for key in theirs if key not in ours],
        "differences": differences,
        "flipped": list(_flips(pairs)),
    }


def _changed(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything that is kept of the systems and does not agree; None stands for what a result does not have.

    A table that only one of both has, as older results kept less, is named as a whole.
    """
    for table in _OF_THE_SYSTEM:
        ours, theirs = ({} if result.get(table) is None else _flat({table: result[table]}) for result in (first, second))
        if isinstance(first.get(table) or second.get(table), Mapping) and not (ours and theirs):
            ours, theirs = ({table: "kept" if side else None} for side in (ours, theirs))
        for name in dict.fromkeys([*ours, *theirs]):
            if ours.get(name) != theirs.get(name):
                yield {"setting": name, "first": ours.get(name), "second": theirs.get(name)}


def _flat(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Values by their path, such as `settings.retriever.rerank`."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= _flat(inner, f"{before}{name}.") if isinstance(inner, Mapping) else {f"{before}{name}": inner}
    return found


def _differences_of_questions(pairs: Sequence[tuple[Row, Row]]) -> Iterator[dict[str, Any]]:
    firsts, seconds = zip(*pairs, strict=True)
    for part in dict.fromkeys(part for row in firsts for part in row["values"]):
        common = set(question_metrics(seconds, part))
        for metric in question_metrics(firsts, part):
            if metric in common:
                yield from difference_of(pairs, part, metric)


def difference_of(pairs: Sequence[tuple[Row, Row]], part: str, metric: str) -> Iterator[dict[str, Any]]:
    """The difference of one metric; nothing where one of both has no share to take."""
    counting = [pair for pair in pairs if any(metric in row["values"].get(part, ()) for row in pair)]
    first, second = (
        np.array([pair[side]["values"].get(part, {}).get(metric, (0, 0)) for pair in counting], dtype=float) for side in (0, 1)
    )
    if not first[:, 1].sum() or not second[:, 1].sum():
        return
    clusters = usable_clusters([pair[0]["cluster"] for pair in counting])
    found = difference_with_interval(first, second, clusters)
    values = [100 * float(side[:, 0].sum() / side[:, 1].sum()) for side in (first, second)]
    yield _entry(part, metric, values, [100 * value for value in found], len(counting))


def _differences_of_pairs(pairs: Sequence[tuple[Row, Row]]) -> Iterator[dict[str, Any]]:
    seconds = {id(first): second for first, second in pairs}
    for group, members in groups_of([first for first, _ in pairs]).items():
        samples = sample_of(members), sample_of([seconds[id(row)] for row in members])
        draws = draws_of(members, 0, _RESAMPLES)
        for metric, compute in metrics_of(samples[0]).items():
            values = [compute(sample) for sample in samples]
            if any(map(math.isnan, values)):
                continue
            gains = [compute(samples[1].take(d)) - compute(samples[0].take(d)) for d in draws_for(metric, draws, samples[0])]
            gains = [gain for gain in gains if not math.isnan(gain)]
            low, high = np.percentile(gains, [2.5, 97.5]) if gains else (-100.0, 100.0)
            found = [values[1] - values[0], float(low), float(high)]
            yield _entry("checking", f"{group}: {metric}", values, found, len(members))


def _entry(part: str, metric: str, values: Sequence[float], found: Sequence[float], n: int) -> dict[str, Any]:
    difference, low, high = (0.0 if math.isnan(value) else round(value, 2) for value in found)
    return {
        "part": part,
        "metric": metric,
        "first": round(values[0], 2),
        "second": round(values[1], 2),
        "difference": difference,
        "low": low,
        "high": high,
        "is_significant": low > 0 or high < 0,
        "n": n,
    }


def _flips(pairs: Sequence[tuple[Row, Row]]) -> Iterator[dict[str, Any]]:
    for first, second in pairs:
        for arm in first.get("arms", {"": None}):
            before, after = (verdict_of(row, arm) for row in (first, second))
            if before and after and before != after:
                named = {"arm": arm} if arm else {}
                yield {"id": first["id"], "question": first["question"], **named, "first": before, "second": after}


def verdict_of(row: Row, arm: str = "") -> str:
    """In a word what became of a question or pair, in this arm if one is named; "" if nothing can be said."""
    if arm:
        return str(row["arms"].get(arm, {}).get("outcome", ""))
    if "predicted" in row:
        return "right" if row["predicted"] == row["unsupported"] else "wrong"
    if row.get("outcome"):
        return str(row["outcome"])
    found = row["values"].get("retrieval", {})
    hit = next((found[name] for name in _HITS if name in found), None)
    return "" if hit is None else "found" if hit[0] else "missed"
