"""Makes one passage of those with equal words in different documents, so that copies do not crowd out other evidence.

Only white space may differ: texts that differ by a number or a name are never merged. Within one document every place keeps
its passage, since the same words under another heading may speak of something else.
"""

from collections.abc import Iterable
from dataclasses import replace

from rag.answers import Passage, Place


def collapsed(passages: Iterable[Passage]) -> list[Passage]:
    """Leave out passages whose words an earlier one has in another document; `also` of that one tells where they stand."""
    first: dict[str, Passage] = {}
    copies: dict[str, list[Place]] = {}
    kept: list[Passage] = []
    for passage in passages:
        words = " ".join(passage.text.split())
        if first.setdefault(words, passage).document == passage.document:
            kept.append(passage)
        else:
            copies.setdefault(first[words].chunk, []).append(Place(passage.document, passage.page, passage.start, passage.end))
    return [replace(passage, also=tuple(copies.get(passage.chunk, ()))) for passage in kept]
