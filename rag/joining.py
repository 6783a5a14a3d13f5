"""Passages as a reader wants them: neighbours in a document made one, and nothing that lies far behind the best.

Generators and the check take passages as they are stored, since the network reads no more than one at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from rag.answers import Passage

# Among so many of the best neighbours are joined, and so far apart may they stand (data/results/retrieval-experiments.md).
JOINED = 10
_MAX_BETWEEN = 4


def joined(passages: Sequence[Passage], text_of: Callable[[str], str | None]) -> list[Passage]:
    """Join what stands side by side on a page; each takes the rank and the score of its best part. `text_of`: of a document."""
    kept: list[Passage] = []
    for passage in passages[:JOINED]:
        near = [other for other in kept if _may_join(other, passage)]
        whole = _whole([*near, passage], text_of(passage.document)) if near else None
        if whole is None:
            kept.append(passage)
        else:
            kept[kept.index(near[0])] = whole
            kept = [other for other in kept if other not in near]
    return [replace(passage, rank=rank) for rank, passage in enumerate([*kept, *passages[JOINED:]], start=1)]


def near_the_best(passages: Sequence[Passage], max_gap: float) -> list[Passage]:
    """Leave out what scores more than `max_gap` below the best passage; 0 leaves out nothing."""
    return [passage for passage in passages if not max_gap or passage.score >= passages[0].score - max_gap]


def _may_join(one: Passage, other: Passage) -> bool:
    """Copies stay as they are: what stands beside them elsewhere is not known."""
    is_same = (one.document, one.page, one.sha256) == (other.document, other.page, other.sha256)
    between = max(one.start, other.start) - min(one.end, other.end)
    return is_same and 0 <= between <= _MAX_BETWEEN and not one.also and not other.also


def _whole(parts: Sequence[Passage], text: str | None) -> Passage | None:
    """One passage of parts that stand in a row, the best first; None where the document's text is no longer theirs."""
    best, start, end = parts[0], min(part.start for part in parts), max(part.end for part in parts)
    ordered = sorted(parts, key=lambda part: part.start)
    gaps = [(left.end, right.start) for left, right in pairwise(ordered)]
    if text is None or any(text[part.start : part.end] != part.text for part in parts):
        return None
    if any(text[left:right].strip() for left, right in gaps):
        return None
    found_by = tuple(name for name in ("dense", "text") if any(name in part.found_by for part in parts))
    rows = tuple(dict.fromkeys(row for part in ordered for row in part.location.rows))
    location = replace(best.location, rows=rows)
    return replace(best, start=start, end=end, text=text[start:end], found_by=found_by, location=location)
