"""Rows and figures: what each question adds to each metric, and the shares that come of it.

A row is a JSON object: "id", "digest" (of the question and its label), "cluster" (questions that hang together), "values" by
part and metric, each a numerator and a denominator, and whatever a report wants to show of the question.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, TypeVar

from ingest.errors import ConfigError
from rag.evaluation.intervals import ratio_with_interval, usable_clusters

Row = Mapping[str, Any]
Values = dict[str, tuple[float, float]]
Item = TypeVar("Item")

_FINENESS = {"document": 1, "page": 2, "span": 3, "chars": 4, "candidate": 5}


def figures_of(rows: Sequence[Row], parts: Sequence[str]) -> list[dict[str, Any]]:
    """Figures in percent, {"part", "metric", "value", "low", "high", "n"}, of the parts named, in their order.

    `n`: rows that count for the metric. A metric of which there is nothing to take a share is left out.
    """
    figures = []
    for part in parts:
        for metric in metrics_of(rows, part):
            members = [row for row in rows if metric in row["values"].get(part, ())]
            clusters = usable_clusters([row["cluster"] for row in members])
            found = ratio_with_interval([row["values"][part][metric] for row in members], clusters)
            if not math.isnan(found[0]):
                figures.append({"part": part, "metric": metric, **percent(found), "n": counted(members, part, metric)})
    return figures


def metrics_of(rows: Iterable[Row], part: str) -> list[str]:
    """The metrics of a part that occur, from coarse to fine, else in the order in which they came."""
    found = dict.fromkeys(metric for row in rows for metric in row["values"].get(part, ()))
    return sorted(found, key=lambda metric: _FINENESS.get(metric.split(" ")[0], 0))


def counted(rows: Iterable[Row], part: str, metric: str) -> int:
    """Number of rows with a share in the denominator."""
    return sum(row["values"][part][metric][1] > 0 for row in rows)


def percent(found: tuple[float, float, float]) -> dict[str, float]:
    """Value and interval in percent."""
    return {name: round(100 * value, 2) for name, value in zip(("value", "low", "high"), found, strict=True)}


def digest(*parts: Any) -> str:
    """A short name for what was asked and how it is labelled: rows of two runs are the same question if it is the same."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def sampled(items: Sequence[Item], limit: int | None) -> list[Item]:
    """At most `limit` of the items, drawn with a fixed seed.

    Raises: ConfigError for a limit below 1.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"cannot ask --limit `{limit}` questions: it must be 1 or more.")
    return list(items) if limit is None or limit >= len(items) else Random(0).sample(items, limit)


def named(identities: Iterable[str | None]) -> Iterator[str]:
    """A name for each item: its id, `#` and its number where it has none, with its number where the id was there before."""
    seen: set[str] = set()
    for number, identity in enumerate(identities, start=1):
        name = f"#{number}" if identity is None else identity
        name = f"{name} #{number}" if name in seen else name
        seen.add(name)
        yield name
