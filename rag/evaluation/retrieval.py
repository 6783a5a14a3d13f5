"""Retrieval figures by document, page or span: recall@k, hit@k, nDCG@10, MRR.

A gold item is found by a passage of its document (document level), on its page (page level), or that holds at least 90 % of
its characters (span level). nDCG: a passage earns the number of newly found items, the ideal finds one at each rank, capped
at 1. Where a question has alternative sets of gold items the best set counts. It knows nothing of stores.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Level = Literal["document", "page", "span"]
_MIN_SHARE = 0.9


def level_of(questions: Sequence[Mapping[str, Any]]) -> Level:
    """The finest level at which these questions' gold items are known."""
    gold = [item for question in questions for item in question["gold"]]
    if gold and all(item.get("start") is not None for item in gold):
        return "span"
    if gold and all(item.get("page") is not None for item in gold):
        return "page"
    return "document"


def question_figures(
    question: Mapping[str, Any], passages: Sequence[Mapping[str, Any]], level: Level, ks: Sequence[int] = (1, 5, 10)
) -> dict[str, float]:
    """Figures of one question with gold items: `recall@k`, `hit@k`, `ndcg@10`, `mrr`, each of the best gold set."""
    ranked = _distinct_documents(passages) if level == "document" else list(passages)
    sets: dict[Any, list[Mapping[str, Any]]] = {}
    for item in question["gold"]:
        sets.setdefault(item.get("set"), []).append(item)
    figures: dict[str, float] = {}
    for items in sets.values():
        wanted = _distinct_items(items, level)
        for name, value in _set_figures(wanted, ranked, level, ks).items():
            figures[name] = max(figures.get(name, 0.0), value)
    return figures


def _set_figures(
    wanted: list[Mapping[str, Any]], ranked: Sequence[Mapping[str, Any]], level: Level, ks: Sequence[int]
) -> dict[str, float]:
    found: set[int] = set()
    gains, first = [], 0
    found_at: list[int] = []
    for rank, passage in enumerate(ranked, start=1):
        new = {i for i, item in enumerate(wanted) if i not in found and _holds(passage, item, level)}
        found |= new
        gains.append(len(new))
        found_at.append(len(found))
        first = first or (rank if new else 0)
    figures = {}
    for k in ks:
        n_found = found_at[min(k, len(found_at)) - 1] if found_at else 0
        figures[f"recall@{k}"] = n_found / len(wanted)
        figures[f"hit@{k}"] = float(n_found > 0)
    gained = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains[:10], start=1))
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(wanted), 10) + 1))
    figures["ndcg@10"] = min(1.0, gained / ideal)
    figures["mrr"] = 1 / first if first else 0.0
    return figures


def _holds(passage: Mapping[str, Any], item: Mapping[str, Any], level: Level) -> bool:
    if passage["document"] != item["document"]:
        return False
    if level == "document":
        return True
    if level == "page":
        return bool(passage["page"] == item["page"])
    shared = min(passage["end"], item["end"]) - max(passage["start"], item["start"])
    return bool(shared >= _MIN_SHARE * (item["end"] - item["start"]))


def _distinct_documents(passages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    first: dict[str, Mapping[str, Any]] = {}
    for passage in passages:
        first.setdefault(passage["document"], passage)
    return list(first.values())


def _distinct_items(items: Sequence[Mapping[str, Any]], level: Level) -> list[Mapping[str, Any]]:
    if level == "document":
        return list({item["document"]: item for item in items}.values())
    if level == "page":
        return list({(item["document"], item["page"]): item for item in items}.values())
    return list(items)
