"""Retrieval figures by document, page or span: recall@k, hit@k, nDCG@10, MRR; and by character: recall, precision, IoU.

A gold item is found by a passage of its document (document level), on its page (page level), or that holds at least 90 % of
its characters (span level). nDCG: a passage earns the number of newly found items, the ideal finds one at each rank, capped
at 1. Where a question has alternative sets of gold items the best set counts. It knows nothing of stores.

Characters: recall = overlap / gold, precision = overlap / all retrieved (text that is retrieved twice counts twice), IoU =
overlap / (retrieved + missed gold), and chunk precision = what retrieval could reach at most: overlap / all of the chunks that
touch gold. Source: Smith and Troynikov 2024, Evaluating chunking strategies for retrieval, there over tokens.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Level = Literal["document", "page", "span"]
Item = Mapping[str, Any]
# Disjoint ranges of characters by document, ascending.
Ranges = dict[str, list[tuple[int, int]]]

KS = (1, 5, 10)
_MIN_SHARE = 0.9


def gold_sets(question: Item) -> list[list[Item]]:
    """The gold items of a question, one list for each alternative set."""
    sets: dict[Any, list[Item]] = {}
    for item in question["gold"]:
        sets.setdefault(item.get("set"), []).append(item)
    return list(sets.values())


def levels_of(question: Item) -> list[Level]:
    """The levels at which every gold item of a question is known; none where it has no gold."""
    gold = question["gold"]
    if not gold:
        return []
    found: list[Level] = ["document"]
    if all(item.get("page") is not None for item in gold):
        found.append("page")
    if all(item.get("start") is not None and item.get("end") is not None for item in gold):
        found.append("span")
    return found


def question_figures(question: Item, passages: Sequence[Item], level: Level, ks: Sequence[int] = KS) -> dict[str, float]:
    """Figures of one question with gold items: `recall@k`, `hit@k`, `nDCG@10`, `MRR`, each of the best gold set."""
    ranked = _distinct_documents(passages) if level == "document" else list(passages)
    return _best([_set_figures(_distinct_items(items, level), ranked, level, ks) for items in gold_sets(question)])


def pool_figures(question: Item, passages: Sequence[Item], ks: Sequence[int] = KS) -> dict[str, float]:
    """Whether one of the question's `candidates`, files judged for it, is among the first k: nothing about relevance."""
    is_candidate = [passage["document"] in question["candidates"] for passage in passages]
    return {f"hit@{k}": float(any(is_candidate[:k])) for k in ks}


def character_figures(question: Item, passages: Sequence[Item], ks: Sequence[int] = KS) -> dict[str, float]:
    """Figures of one question with gold spans: `recall@k`, `precision@k`, `IoU@k`, each of the best gold set."""
    figures = []
    for items in gold_sets(question):
        gold = _ranges(items)
        n_gold, found = _length(gold), {}
        for k in ks:
            shared = _shared(gold, _ranges(passages[:k]))
            retrieved = sum(passage["end"] - passage["start"] for passage in passages[:k])
            found[f"recall@{k}"] = _share(shared, n_gold)
            found[f"precision@{k}"] = _share(shared, retrieved)
            found[f"IoU@{k}"] = _share(shared, retrieved + n_gold - shared)
        figures.append(found)
    return _best(figures)


def chunk_precision(question: Item, chunks: Mapping[str, Sequence[tuple[int, int]]]) -> float:
    """Share of gold among the characters of the chunks that touch it; `chunks` are the ranges of all, by document."""
    found = []
    for items in gold_sets(question):
        gold = _ranges(items)
        touching = [
            {"document": document, "start": start, "end": end}
            for document, spans in gold.items()
            for start, end in chunks.get(document, ())
            if any(start < b and a < end for a, b in spans)
        ]
        found.append(_share(_shared(gold, _ranges(touching)), _length(_ranges(touching))))
    return max(found, default=0.0)


def _best(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The best value of each figure over alternative gold sets."""
    return {name: max(found[name] for found in figures) for name in (figures[0] if figures else ())}


def _ranges(items: Sequence[Item]) -> Ranges:
    """The characters that the items cover, each once."""
    found: Ranges = {}
    for document, start, end in sorted((item["document"], item["start"], item["end"]) for item in items):
        spans = found.setdefault(document, [])
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return found


def _length(ranges: Ranges) -> int:
    return sum(end - start for spans in ranges.values() for start, end in spans)


def _shared(first: Ranges, second: Ranges) -> int:
    return sum(
        max(0, min(b, d) - max(a, c))
        for document, spans in first.items()
        for a, b in spans
        for c, d in second.get(document, ())
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _set_figures(wanted: list[Item], ranked: Sequence[Item], level: Level, ks: Sequence[int]) -> dict[str, float]:
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
    figures["nDCG@10"] = min(1.0, gained / ideal)
    figures["MRR"] = 1 / first if first else 0.0
    return figures


def _holds(passage: Item, item: Item, level: Level) -> bool:
    if passage["document"] != item["document"]:
        return False
    if level == "document":
        return True
    if level == "page":
        return bool(passage["page"] == item["page"])
    shared = min(passage["end"], item["end"]) - max(passage["start"], item["start"])
    return bool(shared >= _MIN_SHARE * (item["end"] - item["start"]))


def _distinct_documents(passages: Sequence[Item]) -> list[Item]:
    first: dict[str, Item] = {}
    for passage in passages:
        first.setdefault(passage["document"], passage)
    return list(first.values())


def _distinct_items(items: Sequence[Item], level: Level) -> list[Item]:
    if level == "document":
        return list({item["document"]: item for item in items}.values())
    if level == "page":
        return list({(item["document"], item["page"]): item for item in items}.values())
    return list(items)
